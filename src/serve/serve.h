/* serve.h - the supervisor: starts the roles, restarts them, makes and renews their links, owns the
 * state directory and the listening sockets. It parses its configuration and files that root wrote
 * (mirrors.h, cdi.h), accepts no client and reads no byte of a sandbox.
 *
 * The state directory: lock, run/ (sockets), and one directory a role, owned by that role's uid:
 * keep/ launch/ vault/ gate/ rag/ api/.
 */
#pragma once
#include "conf/config.h"

struct serve_options {
        struct config *config;   /* checked; serve takes it over */
        const char *config_path; /* read again on reload; NULL: there is no file */
        const char *state_dir;   /* absolute; made when it is not there */
        const char *socket_path; /* absolute, at most SOCKET_PATH_MAX bytes */
        bool idle_exit;          /* a private instance: leave when nothing uses it */
};

/* Runs until stopped. The exit status: 0, or 1 with the reason logged. 75 when another serve holds
 * the state directory. */
int serve_main(const struct serve_options *o);
/* The directory of the other programs, from where our own executable lies. */
MUST_CHECK int serve_libexec(char *ret, size_t size, struct err *err);
