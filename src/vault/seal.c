#include "vault/seal.h"
#include "base/fd.h"
#include "base/str.h"
#include <fcntl.h>
#include <sodium.h>

#define KEY_BYTES crypto_aead_xchacha20poly1305_ietf_KEYBYTES
#define NONCE     crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
#define TAG       crypto_aead_xchacha20poly1305_ietf_ABYTES
#define KEY_FILE  "key"
#define SEALED    "key.sealed"

_Static_assert(KEY_BYTES == 32, "the key's size is in the file format");

struct seal {
        int state_fd; /* borrowed */
        bool open, fresh;
        unsigned char *key;
};

/* key.sealed */
struct sealed_key {
        char magic[8];
        unsigned char salt[crypto_pwhash_SALTBYTES];
        unsigned char nonce[NONCE];
        unsigned char box[KEY_BYTES + TAG];
};
static const char magic[8] = "pdkkey1";

unsigned char *secret_alloc(size_t n)
{
        unsigned char *p = sodium_init() < 0 ? NULL : sodium_malloc(n ? n : 1);
        if (!p)
                abort();
        return p;
}

void secret_free(unsigned char *p)
{
        sodium_free(p);
}

static int use_file(struct seal *s, struct err *err)
{
        CLEANUP(buf_done) struct buf b;
        buf_init(&b, KEY_BYTES);
        int r = file_read_at(s->state_fd, KEY_FILE, &b);
        if (r == -ENOENT) {
                randombytes_buf(s->key, KEY_BYTES);
                r = file_replace_at(s->state_fd, KEY_FILE, s->key, KEY_BYTES, 0600);
                if (r < 0)
                        return err_sys(err, r, "key of the vault");
        } else if (r < 0 || b.len != KEY_BYTES) {
                return err_set(err, r < 0 ? r : -EBADMSG, "the key of the vault cannot be read");
        } else {
                memcpy(s->key, b.data, KEY_BYTES);
                sodium_memzero(b.data, b.len);
        }
        s->open = true;
        return 0;
}

/* 32 bytes as they are, or any longer text hashed. */
static int use_credential(struct seal *s, int fd, struct err *err)
{
        CLEANUP(buf_done) struct buf b;
        buf_init(&b, 4096);
        int r = fd < 0 ? -ENOENT : lseek(fd, 0, SEEK_SET) < 0 ? -errno : fd_slurp(fd, &b);
        if (r < 0 || b.len < KEY_BYTES)
                return err_set(err, r < 0 ? r : -EINVAL,
                               "vault.key is credential: expected a credential "
                               "'paddock-vault-key' of at least 32 bytes");
        crypto_generichash(s->key, KEY_BYTES, (const unsigned char *)b.data, b.len, NULL, 0);
        sodium_memzero(b.data, b.len);
        s->open = true;
        return 0;
}

int seal_open(int state_fd, enum seal_mode mode, int credential, struct seal **ret, struct err *err)
{
        if (sodium_init() < 0)
                return err_set(err, -EIO, "libsodium");
        CLEANUP(seal_freep) struct seal *s = calloc(1, sizeof *s);
        if (!s)
                abort();
        s->state_fd = state_fd;
        s->key = secret_alloc(KEY_BYTES);
        int r = mode == SEAL_FILE         ? use_file(s, err)
                : mode == SEAL_CREDENTIAL ? use_credential(s, credential, err)
                                          : 0;
        if (r < 0)
                return r;
        s->fresh = mode == SEAL_PASSPHRASE && faccessat(state_fd, SEALED, F_OK, 0) < 0;
        *ret = TAKE_PTR(s);
        return 0;
}

void seal_free(struct seal *s)
{
        if (!s)
                return;
        secret_free(s->key);
        free(s);
}

bool seal_is_open(const struct seal *s)
{
        return s->open;
}

const char *seal_state(const struct seal *s)
{
        return s->open ? "unlocked" : s->fresh ? "new" : "locked";
}

/* ---- passphrase ---- */

static int derive(const struct sealed_key *k, const void *phrase, size_t n, unsigned char *out)
{
        int r = crypto_pwhash(out, KEY_BYTES, phrase, n, k->salt,
                              crypto_pwhash_OPSLIMIT_INTERACTIVE,
                              crypto_pwhash_MEMLIMIT_INTERACTIVE, crypto_pwhash_ALG_ARGON2ID13);
        return r < 0 ? -ENOMEM : 0;
}

static int make_sealed(struct seal *s, const void *phrase, size_t n, struct err *err)
{
        CLEANUP(secret_freep) unsigned char *outer = secret_alloc(KEY_BYTES);
        struct sealed_key k = {.magic = ""};
        memcpy(k.magic, magic, sizeof magic);
        randombytes_buf(k.salt, sizeof k.salt);
        randombytes_buf(k.nonce, sizeof k.nonce);
        randombytes_buf(s->key, KEY_BYTES);
        int r = derive(&k, phrase, n, outer);
        if (r < 0)
                return err_sys(err, r, "passphrase");
        crypto_aead_xchacha20poly1305_ietf_encrypt(k.box, NULL, s->key, KEY_BYTES,
                                                   (const unsigned char *)magic, sizeof magic, NULL,
                                                   k.nonce, outer);
        r = file_replace_at(s->state_fd, SEALED, &k, sizeof k, 0600);
        if (r < 0)
                return err_sys(err, r, SEALED);
        s->fresh = false;
        s->open = true;
        return 0;
}

int seal_unlock(struct seal *s, const void *phrase, size_t n, struct err *err)
{
        if (s->open)
                return 0;
        if (n < 8)
                return err_set(err, -EINVAL, "a passphrase has at least 8 bytes");
        if (s->fresh)
                return make_sealed(s, phrase, n, err);
        CLEANUP(buf_done) struct buf b;
        CLEANUP(secret_freep) unsigned char *outer = secret_alloc(KEY_BYTES);
        struct sealed_key k;
        buf_init(&b, sizeof k);
        int r = file_read_at(s->state_fd, SEALED, &b);
        if (r < 0 || b.len != sizeof k || memcmp(b.data, magic, sizeof magic) != 0)
                return err_set(err, r < 0 ? r : -EBADMSG, "%s cannot be read", SEALED);
        memcpy(&k, b.data, sizeof k);
        r = derive(&k, phrase, n, outer);
        if (r < 0)
                return err_sys(err, r, "passphrase");
        if (crypto_aead_xchacha20poly1305_ietf_decrypt(s->key, NULL, NULL, k.box, sizeof k.box,
                                                       (const unsigned char *)magic, sizeof magic,
                                                       k.nonce, outer) < 0)
                return err_set(err, -EACCES, "that is not the passphrase");
        s->open = true;
        return 0;
}

/* ---- sealing ---- */

int seal_put(const struct seal *s, const char *name, const void *p, size_t n, struct buf *out)
{
        char *to = buf_room(out, NONCE + n + TAG);
        if (!to)
                return -ENOMEM;
        unsigned char *nonce = (unsigned char *)to;
        randombytes_buf(nonce, NONCE);
        crypto_aead_xchacha20poly1305_ietf_encrypt(nonce + NONCE, NULL, p, n,
                                                   (const unsigned char *)name, strlen(name), NULL,
                                                   nonce, s->key);
        out->len += NONCE + n + TAG;
        return 0;
}

int seal_get(const struct seal *s, const char *name, const void *p, size_t n, unsigned char **ret,
             size_t *ret_n)
{
        const unsigned char *in = p;
        if (n < NONCE + TAG)
                return -EBADMSG;
        CLEANUP(secret_freep) unsigned char *plain = secret_alloc(n - NONCE - TAG);
        if (crypto_aead_xchacha20poly1305_ietf_decrypt(plain, NULL, NULL, in + NONCE, n - NONCE,
                                                       (const unsigned char *)name, strlen(name),
                                                       in, s->key) < 0)
                return -EBADMSG;
        *ret_n = n - NONCE - TAG;
        *ret = TAKE_PTR(plain);
        return 0;
}

void seal_box_keys(const struct seal *s, unsigned char public_key[32], unsigned char secret_key[32])
{
        CLEANUP(secret_freep) unsigned char *seed = secret_alloc(crypto_box_SEEDBYTES);
        crypto_generichash(seed, crypto_box_SEEDBYTES, (const unsigned char *)"paddock box", 11,
                           s->key, KEY_BYTES);
        crypto_box_seed_keypair(public_key, secret_key, seed);
}
