/* remote.h - a server on another machine: --server https://HOST[:PORT] or PADDOCK_SERVER.
 *
 * The token is read from the file PADDOCK_TOKEN_FILE, else token in the configuration directory; it
 * must be readable by its owner alone. The certificate is checked against the host's authorities and
 * those in PADDOCK_CA (PEM). TLS and sealing are done by the program libexec/paddock/remote, so that
 * commands that need neither start without OpenSSL.
 */
#pragma once
#include "cli/command.h"

struct remote {
        char url[300]; /* "https://HOST:PORT", as pins name it */
        char host[256], port[6];
        char authority[264]; /* for Host: */
        char token[128];     /* "" none */
        char ca[512];        /* "" none */
};

/* 1: the invocation means one; 0: it does not; -EINVAL, -EACCES. */
MUST_CHECK int remote_meant(const struct invocation *inv, struct remote *ret, struct err *err);
/* A connected socket on which bytes go through TLS. -ECONNREFUSED, -EACCES (certificate). */
MUST_CHECK int remote_open(const struct remote *r, struct err *err);
/* Appends the envelope (link/envelope.h) around n bytes. */
MUST_CHECK int remote_seal(const unsigned char key[32], const void *plain, size_t n,
                           struct buf *out, struct err *err);
/* The configuration directory of the caller + "/" + name; -EINVAL without a home. */
MUST_CHECK int remote_config_path(const char *name, char *ret, size_t size, struct err *err);
