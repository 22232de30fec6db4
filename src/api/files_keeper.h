/* files_keeper.h - one sandbox that holds a volume (a keeper), and the operation on it. Shared by
 * files_keeper.c (the keeper and its bytes) and files_pool.c (who gets which); nobody else includes
 * it. */
#pragma once
#include "api/files_pool.h"

enum keeper_step { KEEPER_STARTING, KEEPER_IDLE, KEEPER_BUSY, KEEPER_GOING };

/* One sandbox with a volume; or the program in a user's sandbox: then `box` is the exec's id and
 * `volume` the sandbox's. */
struct keeper {
        struct pool *pool;
        struct keeper *next;
        enum keeper_step step;
        char box[ID_TEXT_LEN + 1], volume[ID_TEXT_LEN + 1];
        int in, out, err;
        struct loop_io *in_io, *out_io, *err_io;
        struct frames reader;
        struct buf writer;
        struct files_op *op;
        bool created; /* launch has answered */
        bool in_box;
        struct loop_timer *idle;
};

struct files_op {
        struct pool *pool;
        struct files_op *next; /* while it waits for a keeper */
        struct keeper *keeper; /* NULL while it waits */
        char volume[ID_TEXT_LEN + 1];
        uint32_t verb;
        struct buf request; /* the encoded frame */
        const struct files_calls *calls;
        void *ctx;
        bool in_box;
        bool sent_end, dropped;
        bool end_waits, end_keeps; /* the end came before there was a keeper */
};

/* A body goes to the program; comes from it. */
static inline bool op_takes(const struct files_op *op)
{
        return op->verb == FILES_PUT || op->verb == FILES_UNPACK;
}
static inline bool op_gives(const struct files_op *op)
{
        return op->verb == FILES_GET || op->verb == FILES_PACK;
}

struct pool {
        struct api *api;
        struct keeper *keepers;
        struct files_op *waiting;
        struct loop_timer *later; /* operations start from the loop */
};

struct keeper *keeper_find(const struct pool *p, const char *box);
void keeper_free(struct keeper *k);
/* It has its descriptors: listens to the program. */
void keeper_listen(struct keeper *k);
void keeper_becomes_idle(struct keeper *k);
void keeper_stop(struct keeper *k);
/* Stops the sandbox; what it was doing fails. It stays on the list until launch says that it has
 * ended: its volume is mounted so long. */
void keeper_send_away(struct keeper *k, const char *why);
void keeper_put_frame(struct keeper *k, uint32_t verb, const void *obj);
void keeper_flush(struct keeper *k);
/* Calls carry the id of the sandbox: it may be gone when the answer comes. */
struct keeper_about {
        struct pool *pool;
        char box[ID_TEXT_LEN + 1];
};
struct keeper_about *keeper_about(const struct keeper *k);

void op_free(struct files_op *op);
/* The operation's one end. */
void op_finish(struct files_op *op, const struct files_done *d, const struct err *err);

/* files_pool.c: gives free keepers what waits, from the loop. */
void pool_serve_later(struct pool *p);
