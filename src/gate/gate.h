/* gate.h - the gate inside: listeners of sandboxes, clients, questions to the vault. */
#pragma once
#include "link/gate.h"
#include "link/vault.h"
#include "net/loop.h"
#include "net/peer.h"

#define GATE_CALLERS_MAX 1024 /* connections of one sandbox at once */

struct caller;
struct gate {
        struct loop *loop;
        struct peer *(*vault)(void *ctx); /* NULL: away */
        void *ctx;
        struct listener *first;
};

/* Where one sandbox knocks. */
struct listener {
        struct listener *next;
        struct gate *gate;
        char id[ID_TEXT_LEN + 1];
        uint32_t kind;
        int fd;
        struct loop_io *io;
        struct caller *callers;
        size_t n_callers;
        struct loop_timer *rest; /* out of descriptors: for a moment */
};

/* gate.c. Owns fd. */
void gate_listen(struct gate *g, const struct gate_listener *l, int fd);
void gate_close(struct gate *g, const char *id);
void gate_free(struct gate *g); /* all of them */

/* ---- a question to the vault (ask.c): asked again for a while where the vault is just away ---- */
struct ask;
/* fd (the callee's) or negative with the reason. Called once, from the loop. */
typedef void (*ask_fn)(void *ctx, int fd, const struct err *err);
struct ask *ask_dial(struct gate *g, const struct vault_dial *q, ask_fn fn, void *ctx);
/* A stream on which requests for routes are answered, as that sandbox. */
struct ask *ask_route(struct gate *g, const char *sandbox, ask_fn fn, void *ctx);
void ask_cancel(struct ask *a); /* NULL is fine */

/* ---- a connection from inside (caller.c) ---- */
void caller_new(struct listener *l, int fd); /* owns fd */
void caller_free(struct caller *c);

/* "example.org:80" or "[::1]:80"; *port stays when there is none. -EINVAL. */
MUST_CHECK int authority_parse(const char *text, size_t n, char host[HOST_TEXT_MAX + 1],
                               uint32_t *port);
