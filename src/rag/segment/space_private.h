/* What space.c (life, reading), space_change.c and space_tidy.c share. */
#pragma once
#include "rag/segment/log.h"
#include "rag/segment/root.h"
#include "rag/segment/space.h"
#include <pthread.h>

#define LOG_LONG (4u << 20) /* then it is folded into a catalog */

struct space {
        struct spaces *all;
        struct space *next;
        char name[NAME_TEXT_MAX + 1];
        unsigned users; /* with the lock of all */
        uint64_t used;
        int dir, lock_fd;
        bool removed;
        /* Over catalog and segments: many read, or one applies a batch that is on the disk. */
        pthread_rwlock_t lock;
        struct catalog catalog;
        struct segment *segments; /* in the order of their ids */
        size_t n_segments;
        /* One changes, from begin to commit or rollback; not always in the same thread. */
        pthread_mutex_t turn;
        pthread_cond_t next_turn;
        bool changing;
        pthread_mutex_t tidying; /* space_hold */
        struct root root;
        struct log log;
        uint64_t log_long;       /* LOG_LONG; a test sets less */
        struct builder *builder; /* of the segment that is being made; NULL */
        struct buf changes;
        uint64_t next_doc;
        struct vector_model model; /* dims 0: none */
};

/* Between begin and rollback. Writes the batch to the log, then applies it; opened: a segment that it adds,
 * taken over in any case, or NULL. */
MUST_CHECK int space_apply(struct space *s, const struct buf *batch, struct segment *opened,
                           struct err *err);
