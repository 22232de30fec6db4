/* sni.h - the host name in the first bytes of a TLS connection (RFC 8446 4.1.2, RFC 6066 3). */
#pragma once
#include "base/err.h"
#include "link/wire.h"

#define SNI_HELLO_MAX 16384 /* a ClientHello with everything in it has some 2 KiB */

/* 1: *ret_name (lower case, in `space` of 256 bytes) is the only name; 0: more bytes are needed;
 * -ENOENT: a ClientHello without a name; -EPROTO: not the start of a TLS connection. */
MUST_CHECK int sni_read(struct slice in, char space[256]);
