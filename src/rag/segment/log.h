/* log.h - the log of a space: batches of changes, each there as a whole or not at all.
 *
 * One file, log-GENERATION. A batch is 24 bytes (magic, length, sequence number, XXH3 of number and
 * content) and its content, written with one write and synced before anybody sees the change. A
 * batch that is cut or damaged at the end was never confirmed and is dropped at the next start; one
 * that is followed by a sound batch means that the disk lost something: -EBADMSG, and the index is
 * to be built again. After a failed sync nothing is appended any more: what the kernel has of the
 * file is not known.
 */
#pragma once
#include "link/wire.h"

#define LOG_BATCH_MAX (256u << 20)

struct log {
        int fd; /* -1: not open */
        uint64_t seq, size;
        bool broken;
};
typedef int (*log_fn)(void *ctx, struct slice batch, struct err *err);

MUST_CHECK int log_create(int dir, uint64_t generation, struct log *ret, struct err *err);
/* Hands on every batch in order, cuts off an unfinished one. */
MUST_CHECK int log_open(int dir, uint64_t generation, log_fn fn, void *ctx, struct log *ret,
                        struct err *err);
void log_close(struct log *l);
/* On the disk when it returns 0. -EROFS after an earlier failure. */
MUST_CHECK int log_append(struct log *l, const void *p, size_t n, struct err *err);
void log_name(char dst[32], uint64_t generation);
