/* The server's side of TLS: its certificate and key. */
#include "base/mem.h"
#include "net/tls_impl.h"
#include <openssl/err.h>
#include <openssl/pem.h>

/* A key that needs a password is none of ours, and nobody is asked at a terminal. */
static int no_password(char *buf UNUSED, int n UNUSED, int writing UNUSED, void *ctx UNUSED)
{
        return -1;
}

static BIO *bio_of(const char *pem)
{
        return BIO_new_mem_buf(pem, -1);
}

/* The server's own certificate first, then those that lead to the authority. */
static bool use_chain(SSL_CTX *ctx, const char *pem)
{
        BIO *bio = bio_of(pem);
        X509 *x = bio ? PEM_read_bio_X509_AUX(bio, NULL, no_password, NULL) : NULL;
        bool ok = x && SSL_CTX_use_certificate(ctx, x) == 1;
        X509_free(x);
        while (ok && (x = PEM_read_bio_X509(bio, NULL, no_password, NULL))) {
                ok = SSL_CTX_add0_chain_cert(ctx, x) == 1;
                if (!ok)
                        X509_free(x);
        }
        BIO_free(bio);
        return ok;
}

static bool use_key(SSL_CTX *ctx, const char *pem)
{
        BIO *bio = bio_of(pem);
        EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL) : NULL;
        bool ok =
                key && SSL_CTX_use_PrivateKey(ctx, key) == 1 && SSL_CTX_check_private_key(ctx) == 1;
        EVP_PKEY_free(key);
        BIO_free(bio);
        return ok;
}

/* Of what a client offers we speak HTTP/1.1 alone; one that offers nothing of ours may still mean it. */
static int choose(SSL *ssl UNUSED, const unsigned char **out, unsigned char *out_n,
                  const unsigned char *in, unsigned in_n, void *ctx UNUSED)
{
        static const unsigned char ours[] = "\x08http/1.1";
        unsigned char *got;
        if (SSL_select_next_proto(&got, out_n, ours, sizeof ours - 1, in, in_n) !=
            OPENSSL_NPN_NEGOTIATED)
                return SSL_TLSEXT_ERR_NOACK;
        *out = got;
        return SSL_TLSEXT_ERR_OK;
}

int tls_context_server(const char *cert_pem, const char *key_pem, struct tls_context **ret,
                       struct err *err)
{
        CLEANUP(tls_context_freep) struct tls_context *c = xcalloc(1, sizeof *c);
        c->ctx = SSL_CTX_new(TLS_server_method());
        if (!c->ctx)
                return err_set(err, -ENOMEM, "TLS");
        tls_set_common(c->ctx);
        SSL_CTX_set_alpn_select_cb(c->ctx, choose, NULL);
        bool ok = use_chain(c->ctx, cert_pem) && use_key(c->ctx, key_pem);
        ERR_clear_error();
        if (!ok)
                return err_set(err, -EINVAL, "the certificate and the key are no usable pair");
        *ret = TAKE_PTR(c);
        return 0;
}
