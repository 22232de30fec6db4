/* server.h - which server a command talks to, and the start of the caller's own.
 *
 * In this order: --socket or PADDOCK_SOCKET; the system's at SYSTEM_SOCKET when the caller is root
 * or in group paddock and that instance is there (refused access or no answer there is an error,
 * never a silent private one); the caller's own. Only the caller's own is ever started by a
 * command: under a lock, in a session of its own, and one line on stderr says so.
 */
#pragma once
#include "base/limits.h"
#include "cli/client.h"
#include "cli/command.h"

#define SYSTEM_SOCKET "/run/paddock/paddock.sock"
#define SYSTEM_STATE  "/var/lib/paddock"
#define DIR_TEXT_MAX  512

struct server {
        char socket[DIR_TEXT_MAX];
        char state_dir[DIR_TEXT_MAX]; /* of the caller's own; "" else */
        bool own;
};

/* given: --socket, or NULL. -EACCES, -EINVAL (path too long, no home). */
MUST_CHECK int server_locate(const char *given, struct server *ret, struct err *err);
/* $XDG_STATE_HOME/paddock and the socket of the caller's own instance. */
MUST_CHECK int server_own_dirs(struct server *ret, struct err *err);

/* The configuration file that serve reads when none is named; free() it. Never NULL. */
char *server_config_path(void);

enum server_start { SERVER_ASK_ONLY, SERVER_START };
/* A client for the server of this invocation; SERVER_START: starts the caller's own if need be.
 * -ECONNREFUSED when none answers. */
MUST_CHECK int server_connect(const struct invocation *inv, enum server_start start,
                              struct client **ret, struct err *err);
/* Runs `paddock serve args...` in a session of its own, where there is a user manager as a
 * transient unit of it, its output appended to log_path, and waits until the socket answers. args
 * ends with NULL and begins with the program's name. */
MUST_CHECK int server_spawn(const char *const *args, const char *socket, const char *log_path,
                            struct err *err);
/* 0 once GET /v1/health is answered with 200. */
MUST_CHECK int server_ready(const char *socket, struct err *err);
/* The same of the server that the invocation means, without starting any. */
MUST_CHECK int server_answers(const struct invocation *inv, struct err *err);
/* mkdir -p, new directories with mode 0700. */
MUST_CHECK int make_dirs(const char *path, struct err *err);
