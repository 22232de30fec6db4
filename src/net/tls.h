/* tls.h - TLS of a client, as a transport of net/conn.h: the server's certificate and name are
 * always checked; HTTP/1.1 is asked for by ALPN.
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
/* Why it does not work, "" while it does. */
const char *tls_error(const void *t);
