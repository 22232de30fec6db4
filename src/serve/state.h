/* state.h - what the files of src/serve share: one serve and its members. serve.c is its life,
 * supervise.c starts, wires, restarts and stops the roles, control.c answers them. */
#pragma once
#include "serve/member.h"
#include "serve/serve.h"

#define MEMBERS_MAX 8

struct serve {
        const struct serve_options *options;
        struct config *config;
        struct loop *loop;
        struct member members[MEMBERS_MAX];
        size_t n;
        char libexec[4096];
        int lock, unix_fd, tcp_fd, keep_fd, vault_fd;
        bool rootful, stopping, stop_all, announced;
};

extern const struct peer_ops control_ops; /* of the link to each role; control.c */

struct member *find_member(struct serve *s, const char *name); /* NULL = no such role */
void start_member(void *ctx); /* a struct member: starts its role, or schedules the next try */
void send_settings(struct member *m);
void send_gpus(struct member *m); /* to launch */
void wire(struct member *m, const char *only);
void announce_when_ready(struct serve *s);
void reap_orphans(struct serve *s); /* SIGCHLD */
void begin_stop(struct serve *s);   /* every role finishes; then the loop stops */
void control_closed(void *ctx);     /* a struct member: its control link has ended */
void setup_log(const struct config *c);
void reload_and_log(struct serve *s); /* SIGHUP */
