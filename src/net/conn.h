/* conn.h - one connection with bounded buffers, on the event loop; plain, or through a transport
 * such as TLS (net/tls.h).
 *
 * There is one callback, `fn`: something has changed (bytes have come, there is room again, the end,
 * an error). It is called from the loop only, never from inside a function below; it looks at the
 * state and does what it can, and may free the connection.
 *
 *     struct slice in = conn_in(c);      bytes not used so far
 *     conn_used(c, n);                   the first n of them are done
 *     buf_add(conn_out(c), p, n);        while conn_room(c) > 0
 *     conn_push(c);                      writes what the socket takes; the rest follows by itself
 *
 * Reading stops while the buffer is full: that is the back-pressure.
 */
#pragma once
#include "base/buf.h"
#include "base/limits.h"
#include "link/wire.h" /* struct slice */
#include "net/loop.h"
#include <sys/types.h>

#define CONN_IN_MAX  32768
#define CONN_OUT_MAX 65536 /* conn_room is measured against this; heads may go beyond */

struct conn;
typedef void (*conn_fn)(void *ctx);

/* read and write: bytes, 0 at the end (read), -EAGAIN, or another negative errno. */
struct conn_transport {
        ssize_t (*read)(void *t, void *p, size_t n);
        ssize_t (*write)(void *t, const void *p, size_t n);
        /* Says the end to the other side, after the last write: 0, -EAGAIN, or an error. May be NULL. */
        int (*shut)(void *t);
        /* What the last -EAGAIN of any waits for: EPOLLIN or EPOLLOUT. */
        uint32_t (*wants)(void *t);
        void (*free)(void *t);
};

/* Owns fd (non-blocking), and t by ops->free. ops NULL: the socket itself. Never NULL. */
struct conn *conn_new(struct loop *l, int fd, const struct conn_transport *ops, void *t, conn_fn fn,
                      void *ctx);
void conn_callback(struct conn *c, conn_fn fn, void *ctx); /* changes who is told */
void conn_free(struct conn *c);  /* NULL is fine; what is not written yet is lost */
void conn_abort(struct conn *c); /* frees; the other side sees a reset, never a clean end */
int conn_fd(const struct conn *c);
struct loop *conn_loop(const struct conn *c);
void *conn_context(const struct conn *c); /* of the transport */
/* What passes holds a secret: its buffers are wiped before they are given back. */
void conn_wipes(struct conn *c);

struct slice conn_in(const struct conn *c);
void conn_used(struct conn *c, size_t n);
/* No byte comes behind those of conn_in: the other side has ended, or the connection is broken. */
bool conn_ended(const struct conn *c);
bool conn_broken(const struct conn *c); /* nothing can be written any more either */

struct buf *conn_out(struct conn *c);
size_t conn_room(const struct conn *c);
size_t conn_unsent(const struct conn *c);
void conn_push(struct conn *c);
void conn_shut(struct conn *c); /* no more bytes will be put: the other side sees the end */
