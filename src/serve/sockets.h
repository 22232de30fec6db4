/* sockets.h - the sockets and directories that serve owns. Every path is serve's own, none a
 * client's. */
#pragma once
#include "serve/serve.h"

/* Makes the directory (mode 0711), run/ in it, and takes the lock. A descriptor that holds the lock
 * while it is open; -EWOULDBLOCK: another serve runs here. -EPERM: the directory is not ours alone
 * (those above it are the operator's to choose: who may rename it, has it). */
MUST_CHECK int state_lock(const char *dir, struct err *err);
/* Makes DIR/NAME, mode 0700, owned by uid, and sees to both where it is there already. */
MUST_CHECK int state_subdir(const char *dir, const char *name, uid_t uid, struct err *err);
/* A listening stream socket for clients; mode 0660 and group `group` where that group exists and we
 * may give it, else 0600. The directory is made. -EADDRINUSE: somebody listens there. */
MUST_CHECK int listen_unix(const char *path, const char *group, struct err *err);
/* The vault's own: the clients' path + ".vault", SEQPACKET, mode 0600. */
MUST_CHECK int listen_vault(const char *path, struct err *err);
void unlink_vault(const char *path);
/* DIR/run/keep.sock, a SEQPACKET listener that only our own uid may reach. */
MUST_CHECK int listen_keep(const char *dir, struct err *err);
/* Connects to it: the keep of an earlier serve. -ENOENT or -ECONNREFUSED when there is none. */
MUST_CHECK int connect_keep(const char *dir);
/* "127.0.0.1:8000" or "[::1]:8000", numeric. */
MUST_CHECK int listen_tcp(const char *address, struct err *err);
/* READY=1 and the like to the service manager; does nothing when there is none. */
void notify_manager(const char *text);
