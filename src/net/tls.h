/* tls.h - TLS 1.2 and 1.3 as a transport of net/conn.h, with HTTP/1.1 in ALPN. A client always checks
 * the server's certificate and name; a server asks for no certificate.
 */
#pragma once
#include "net/conn.h"

struct tls_context;
/* The host's authorities, and those in ca_fd (PEM; -1: none). */
MUST_CHECK int tls_context_new(int ca_fd, struct tls_context **ret, struct err *err);
void tls_context_free(struct tls_context *c); /* NULL is fine */
DEFINE_CLEANUP(struct tls_context *, tls_context_free);

/* A transport over fd (borrowed: the conn owns it). The handshake happens with the first bytes.
 * host: the name that the certificate must have. NULL: no memory. */
void *tls_new(struct tls_context *c, int fd, const char *host);
extern const struct conn_transport tls_transport;

/* For a server: certificate chain and key as PEM texts. -EINVAL: no usable pair. */
MUST_CHECK int tls_context_server(const char *cert_pem, const char *key_pem,
                                  struct tls_context **ret, struct err *err);
/* As tls_new, for a client that has connected. */
void *tls_accept(struct tls_context *c, int fd);
/* Beforehand, where it is waited for: 0, -EAGAIN (tls_transport.wants says for what), or an error. */
MUST_CHECK int tls_handshake(void *t);
bool tls_agreed(const void *t); /* the handshake is over */

/* Why it does not work, "" while it does. */
const char *tls_error(const void *t);
