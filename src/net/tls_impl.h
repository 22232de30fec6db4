/* tls_impl.h - what tls.c (connections, the client's context) and tls_server.c share. */
#pragma once
#include "net/tls.h"
#include <openssl/ssl.h>

struct tls_context {
        SSL_CTX *ctx;
};

/* The protocol's version, modes and options of either side. */
void tls_set_common(SSL_CTX *ctx);
