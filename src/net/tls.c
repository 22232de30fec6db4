#include "net/tls.h"
#include "base/fd.h"
#include "base/mem.h"
#include "net/tls_impl.h"
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>

#define CA_MAX (8u << 20)

struct tls {
        SSL *ssl;
        uint32_t wants;
        char error[160];
};

/* Every certificate of the file. */
static int add_authorities(SSL_CTX *ctx, int fd, struct err *err)
{
        CLEANUP(buf_done) struct buf b;
        buf_init(&b, CA_MAX);
        int r = lseek(fd, 0, SEEK_SET) < 0 ? -errno : fd_slurp(fd, &b);
        if (r < 0)
                return err_sys(err, r, "certificate authorities");
        BIO *bio = BIO_new_mem_buf(buf_text(&b), (int)b.len);
        unsigned n = 0;
        for (X509 *x; bio && (x = PEM_read_bio_X509(bio, NULL, NULL, NULL)); n++) {
                X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), x);
                X509_free(x);
        }
        BIO_free(bio);
        ERR_clear_error();
        return n ? 0 : err_set(err, -EINVAL, "certificate authorities: no certificate in the file");
}

void tls_set_common(SSL_CTX *ctx)
{
        SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
        SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                      SSL_MODE_RELEASE_BUFFERS);
        SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
        SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
}

int tls_context_new(int ca_fd, struct tls_context **ret, struct err *err)
{
        CLEANUP(tls_context_freep) struct tls_context *c = xcalloc(1, sizeof *c);
        static const unsigned char alpn[] = "\x08http/1.1";
        c->ctx = SSL_CTX_new(TLS_client_method());
        if (!c->ctx)
                return err_set(err, -ENOMEM, "TLS");
        SSL_CTX_set_verify(c->ctx, SSL_VERIFY_PEER, NULL);
        tls_set_common(c->ctx);
        SSL_CTX_set_alpn_protos(c->ctx, alpn, sizeof alpn - 1);
        /* One file, not OpenSSL's directory of hashes: it is the one that the jail shows. */
        if (SSL_CTX_load_verify_file(c->ctx, "/etc/ssl/certs/ca-certificates.crt") != 1)
                ERR_clear_error(); /* a host without: only those of ca_fd count */
        int r = ca_fd < 0 ? 0 : add_authorities(c->ctx, ca_fd, err);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(c);
        return 0;
}

void tls_context_free(struct tls_context *c)
{
        if (!c)
                return;
        SSL_CTX_free(c->ctx);
        free(c);
}

void *tls_new(struct tls_context *c, int fd, const char *host)
{
        struct tls *t = xcalloc(1, sizeof *t);
        t->ssl = SSL_new(c->ctx);
        if (!t->ssl || SSL_set_fd(t->ssl, fd) != 1 || SSL_set1_host(t->ssl, host) != 1 ||
            SSL_set_tlsext_host_name(t->ssl, host) != 1) {
                SSL_free(t->ssl);
                free(t);
                return NULL;
        }
        SSL_set_connect_state(t->ssl);
        return t;
}

void *tls_accept(struct tls_context *c, int fd)
{
        struct tls *t = xcalloc(1, sizeof *t);
        t->ssl = SSL_new(c->ctx);
        if (!t->ssl || SSL_set_fd(t->ssl, fd) != 1) {
                SSL_free(t->ssl);
                free(t);
                return NULL;
        }
        SSL_set_accept_state(t->ssl);
        return t;
}

bool tls_agreed(const void *t)
{
        return SSL_is_init_finished(((const struct tls *)t)->ssl);
}

static void note_error(struct tls *t)
{
        long verify = SSL_get_verify_result(t->ssl);
        unsigned long e = ERR_peek_error();
        if (verify != X509_V_OK)
                snprintf(t->error, sizeof t->error, "certificate: %s",
                         X509_verify_cert_error_string(verify));
        else if (e)
                snprintf(t->error, sizeof t->error, "TLS: %s", ERR_reason_error_string(e));
        ERR_clear_error();
}

/* What an operation that gave `r` means. */
static ssize_t outcome(struct tls *t, int r, bool reading)
{
        int saved = errno;
        switch (SSL_get_error(t->ssl, r)) {
        case SSL_ERROR_WANT_READ:
                t->wants = EPOLLIN;
                return -EAGAIN;
        case SSL_ERROR_WANT_WRITE:
                t->wants = EPOLLOUT;
                return -EAGAIN;
        case SSL_ERROR_ZERO_RETURN:
                return reading ? 0 : -EPIPE;
        case SSL_ERROR_SYSCALL:
                note_error(t);
                return saved ? -saved : -ECONNRESET;
        default:
                note_error(t);
                return -EPROTO;
        }
}

static ssize_t tls_read(void *ctx, void *p, size_t n)
{
        struct tls *t = ctx;
        ERR_clear_error();
        errno = 0;
        int r = SSL_read(t->ssl, p, (int)n);
        return r > 0 ? r : outcome(t, r, true);
}

static ssize_t tls_write(void *ctx, const void *p, size_t n)
{
        struct tls *t = ctx;
        ERR_clear_error();
        errno = 0;
        int r = SSL_write(t->ssl, p, (int)n);
        return r > 0 ? r : outcome(t, r, false);
}

int tls_handshake(void *ctx)
{
        struct tls *t = ctx;
        ERR_clear_error();
        errno = 0;
        int r = SSL_do_handshake(t->ssl);
        return r == 1 ? 0 : (int)outcome(t, r, false);
}

/* The other side is told that nothing was cut off. */
static int tls_shut(void *ctx)
{
        struct tls *t = ctx;
        ERR_clear_error();
        errno = 0;
        int r = SSL_is_init_finished(t->ssl) ? SSL_shutdown(t->ssl) : 0;
        return r >= 0 ? 0 : (int)outcome(t, r, false);
}

static uint32_t tls_wants(void *ctx)
{
        return ((struct tls *)ctx)->wants;
}

static void tls_free(void *ctx)
{
        struct tls *t = ctx;
        SSL_free(t->ssl);
        free(t);
}

const char *tls_error(const void *t)
{
        return ((const struct tls *)t)->error;
}

const struct conn_transport tls_transport = {tls_read, tls_write, tls_shut, tls_wants, tls_free};
