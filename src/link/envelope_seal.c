/* The cryptography of envelope.h. */
#include "link/envelope.h"
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>

#define MAGIC_TEXT "PDKS\1"
#define MAGIC_LEN  5
#define INFO       "paddock envelope 1"
#define KEY_BYTES  32
#define NONCE      12

DEFINE_CLEANUP(EVP_PKEY *, EVP_PKEY_free);
DEFINE_CLEANUP(EVP_PKEY_CTX *, EVP_PKEY_CTX_free);
DEFINE_CLEANUP(EVP_CIPHER_CTX *, EVP_CIPHER_CTX_free);
DEFINE_CLEANUP(EVP_KDF *, EVP_KDF_free);
DEFINE_CLEANUP(EVP_KDF_CTX *, EVP_KDF_CTX_free);

struct keys {
        unsigned char shared[32], okm[KEY_BYTES + NONCE];
};

static void keys_wipe(struct keys *k)
{
        explicit_bzero(k, sizeof *k);
}

/* A public key that gives nothing away but zeroes is refused by the library. */
static bool agree(EVP_PKEY *own, const unsigned char other[32], unsigned char ret[32])
{
        CLEANUP(EVP_PKEY_freep)
        EVP_PKEY *peer = EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, NULL, other, 32);
        CLEANUP(EVP_PKEY_CTX_freep) EVP_PKEY_CTX *c = EVP_PKEY_CTX_new(own, NULL);
        size_t n = 32;
        return peer && c && EVP_PKEY_derive_init(c) == 1 &&
               EVP_PKEY_derive_set_peer(c, peer) == 1 && EVP_PKEY_derive(c, ret, &n) == 1 &&
               n == 32;
}

static bool stretch(struct keys *k, const unsigned char sender[32], const unsigned char vault[32])
{
        unsigned char salt[64];
        CLEANUP(EVP_KDF_freep) EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
        CLEANUP(EVP_KDF_CTX_freep) EVP_KDF_CTX *c = kdf ? EVP_KDF_CTX_new(kdf) : NULL;
        memcpy(salt, sender, 32);
        memcpy(salt + 32, vault, 32);
        OSSL_PARAM params[] = {
                OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *)"SHA256", 0),
                OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, k->shared, sizeof k->shared),
                OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, salt, sizeof salt),
                OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, (char *)INFO,
                                                  sizeof INFO - 1),
                OSSL_PARAM_construct_end()};
        return c && EVP_KDF_derive(c, k->okm, sizeof k->okm, params) == 1;
}

/* Either direction: n bytes from `in` to `out`, with the tag. */
static bool cipher(const struct keys *k, int seal, const unsigned char *head,
                   const unsigned char vault[32], const unsigned char *in, size_t n,
                   unsigned char *out, unsigned char tag[ENVELOPE_TAG])
{
        CLEANUP(EVP_CIPHER_CTX_freep) EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
        int len = 0;
        if (!c || EVP_CipherInit_ex(c, EVP_chacha20_poly1305(), NULL, k->okm, k->okm + KEY_BYTES,
                                    seal) != 1)
                return false;
        if (!seal && EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_TAG, ENVELOPE_TAG, tag) != 1)
                return false;
        return EVP_CipherUpdate(c, NULL, &len, head, ENVELOPE_HEAD) == 1 &&
               EVP_CipherUpdate(c, NULL, &len, vault, 32) == 1 &&
               EVP_CipherUpdate(c, out, &len, in, (int)n) == 1 && (size_t)len == n &&
               EVP_CipherFinal_ex(c, out + len, &len) == 1 &&
               (!seal || EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, ENVELOPE_TAG, tag) == 1);
}

int envelope_seal(const unsigned char vault_key[ENVELOPE_KEY], const void *plain, size_t n,
                  struct buf *out, struct err *err)
{
        CLEANUP(keys_wipe) struct keys k = {{0}, {0}};
        unsigned char head[ENVELOPE_HEAD], *sender = head + MAGIC_LEN, tag[ENVELOPE_TAG];
        CLEANUP(EVP_PKEY_freep) EVP_PKEY *own = EVP_PKEY_Q_keygen(NULL, NULL, "X25519");
        size_t len = 32;
        if (n > ENVELOPE_MAX)
                return err_set(err, -E2BIG, "envelope: too long");
        memcpy(head, MAGIC_TEXT, MAGIC_LEN);
        if (!own || EVP_PKEY_get_raw_public_key(own, sender, &len) != 1 ||
            !agree(own, vault_key, k.shared) || !stretch(&k, sender, vault_key)) {
                ERR_clear_error();
                return err_set(err, -EINVAL, "envelope: that is no key to seal to");
        }
        int r = buf_add(out, head, sizeof head);
        char *to = r < 0 ? NULL : buf_room(out, n + ENVELOPE_TAG);
        if (!to)
                return err_sys(err, -ENOMEM, "envelope");
        bool ok = cipher(&k, 1, head, vault_key, plain, n, (unsigned char *)to, tag);
        ERR_clear_error();
        if (!ok)
                return err_set(err, -EIO, "envelope: sealing failed");
        out->len += n;
        return buf_add(out, tag, sizeof tag);
}

int envelope_open(const unsigned char public_key[ENVELOPE_KEY],
                  const unsigned char secret_key[ENVELOPE_KEY], const void *p, size_t n,
                  unsigned char *plain, size_t *ret_n, struct err *err)
{
        CLEANUP(keys_wipe) struct keys k = {{0}, {0}};
        const unsigned char *head = p;
        unsigned char tag[ENVELOPE_TAG];
        if (n < ENVELOPE_HEAD + ENVELOPE_TAG || n > ENVELOPE_MAX + ENVELOPE_HEAD + ENVELOPE_TAG ||
            memcmp(head, MAGIC_TEXT, MAGIC_LEN) != 0)
                return err_set(err, -EBADMSG, "that is no envelope of version 1");
        size_t inside = n - ENVELOPE_HEAD - ENVELOPE_TAG;
        memcpy(tag, head + n - ENVELOPE_TAG, ENVELOPE_TAG);
        CLEANUP(EVP_PKEY_freep)
        EVP_PKEY *own = EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, secret_key, 32);
        bool ok = own && agree(own, head + MAGIC_LEN, k.shared) &&
                  stretch(&k, head + MAGIC_LEN, public_key) &&
                  cipher(&k, 0, head, public_key, head + ENVELOPE_HEAD, inside, plain, tag);
        ERR_clear_error();
        if (!ok) {
                explicit_bzero(plain, inside);
                return err_set(err, -EBADMSG,
                               "the envelope was sealed to another key, or was changed");
        }
        *ret_n = inside;
        return 0;
}
