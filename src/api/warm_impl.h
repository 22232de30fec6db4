/* warm_impl.h - what warm.c (who wants one, and which must go), warm_process.c (the life of one) and warm_told.c
 * share. Nobody else includes it. */
#pragma once
#include "api/warm.h"

enum warm_step { WARM_STARTING, WARM_READY, WARM_ENDING };

struct warm_process {
        struct warm_process *next;
        struct warm *all;
        char id[ID_TEXT_LEN + 1];
        int64_t owner;
        char template[NAME_TEXT_MAX + 1];
        char digest[65]; /* of what it was made from */
        uint64_t memory_bytes;
        enum warm_step step;
        bool listed, asked_before; /* launch knows it; it was there when we asked */
        bool asking;               /* CREATE is on its way */
        bool refused;              /* it would not end: a sandbox of it runs */
        int out, err;              /* what it writes while it starts; -1 */
        struct loop_io *out_io, *err_io;
        struct buf told; /* the end of what it wrote to err */
        struct loop_timer *bound;
        uint64_t used_ms, ready_ms; /* on the boot clock */
};

struct warm_wait {
        struct warm_wait *next;
        struct warm *all;
        int64_t owner;
        char template[NAME_TEXT_MAX + 1];
        char process[ID_TEXT_LEN + 1]; /* that is to become ready; "" there is no room yet */
        warm_fn fn;
        void *ctx;
};

struct warm {
        struct api *api;
        struct warm_process *first;
        struct warm_wait *waits; /* the oldest first */
        struct loop_timer *soon;
};

/* ---- warm_process.c ---- */
struct warm_process *warm_process_find(const struct warm *all, const char *id);
/* Asks launch; what became of it is told below. */
MUST_CHECK int warm_process_start(struct warm *all, const struct template *t,
                                  struct warm_process **ret, struct err *err);
/* What a process for it would be made from now. */
MUST_CHECK int warm_digest(struct api *a, const struct template *t, char ret[65], struct err *err);
void warm_process_stop(struct warm_process *p);
/* Launch and keep forget it, the store too. */
void warm_process_gone(struct warm_process *p);
void warm_process_free(struct warm_process *p);

/* ---- warm_told.c ---- */
#define WARM_WORDS_MAX 300
void warm_listen(struct warm_process *p, int out, int err); /* owns both */
void warm_listen_end(struct warm_process *p);
/* The end of what it wrote as one line: the last words of a traceback say what failed. */
void warm_last_words(struct warm_process *p, char ret[WARM_WORDS_MAX + 1]);

/* ---- warm.c: told by warm_process.c ---- */
void warm_is_ready(struct warm_process *p);
/* It has not become ready and is no more to be found; why is for who waits. */
void warm_has_failed(struct warm *all, const char *id, const struct err *why);
/* Who waits for room may go on. */
void warm_turn(struct warm *all);
