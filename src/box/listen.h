/* listen.h - the sockets that a sandbox in network mode `proxy` can connect to: opened by launch's
 * own code inside the sandbox's network namespace, before anything of the user's runs there, and
 * handed to gate. What knocks there is that sandbox and nobody else.
 */
#pragma once
#include "base/err.h"

#define LISTEN_PORTS 2 /* 127.0.0.1:3128 HTTP proxy, 127.0.0.1:1080 SOCKS5: as in link/gate.h */

/* In the caller's network namespace. On failure nothing is left open. */
MUST_CHECK int listen_open(int ret[LISTEN_PORTS], struct err *err);
