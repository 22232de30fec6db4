/* outlog.h - stored output of one sandbox: a file of at most BOX_LOG_MAX that survives kill -9 of
 * its writer at any instruction.
 *
 * Bytes go from the sandbox's pipe into the file inside the kernel (splice): what has left the pipe
 * is in the file. Offsets count the bytes of both streams in the order in which they were stored.
 * Layout: one page of head, then records {stream, 3 zero bytes, u32 length} and their bytes; the
 * last record is open and runs to the end of the file.
 *
 *     r = outlog_open(dirfd, id, &log, err);            writer: one a sandbox
 *     n = outlog_take(log, STREAM_STDOUT, fd);          bytes; 0 the end; -EAGAIN; -EFBIG full
 *
 *     r = outlog_read_open(dirfd, id, &cur, err);       readers: as many as wanted
 *     n = outlog_read(&cur, dst, max, &stream);         0 = nothing further yet
 */
#pragma once
#include "base/err.h"
#include "base/limits.h"
#include "net/stream.h"

struct outlog;

/* Opens or makes it; what a killed writer left is taken up where it ended. */
MUST_CHECK int outlog_open(int dirfd, const char *id, struct outlog **ret, struct err *err);
void outlog_free(struct outlog *o); /* NULL is fine */
/* Moves what is in the pipe; at most `max` bytes. */
MUST_CHECK int64_t outlog_take(struct outlog *o, enum stream_type stream, int fd, size_t max);
uint64_t outlog_stored(const struct outlog *o);  /* bytes that can be read back */
uint64_t outlog_dropped(const struct outlog *o); /* bytes that came after it was full */
void outlog_drop(struct outlog *o, uint64_t n);  /* so many more were not stored */
/* Bytes of stdin that were written to the sandbox, and whether it was closed. */
uint64_t outlog_stdin(const struct outlog *o);
void outlog_stdin_add(struct outlog *o, uint64_t n);
bool outlog_stdin_ended(const struct outlog *o);
void outlog_stdin_end(struct outlog *o);
MUST_CHECK int outlog_remove(int dirfd, const char *id);
uint64_t outlog_bytes(int dirfd, const char *id); /* on disk; 0 when there is none */

struct outlog_cursor {
        int fd;             /* -1: there is no log */
        uint64_t offset;    /* of the next byte; settable by outlog_seek */
        uint64_t at, start; /* of the current record: in the file, and its first byte's offset */
};
MUST_CHECK int outlog_read_open(int dirfd, const char *id, struct outlog_cursor *ret);
void outlog_read_close(struct outlog_cursor *c);
void outlog_seek(struct outlog_cursor *c, uint64_t offset);
uint64_t outlog_read_stdin(const struct outlog_cursor *c); /* as outlog_stdin, also afterwards */
/* Bytes of one stream from c->offset, which moves on. 0 nothing further; negative errno. */
MUST_CHECK int64_t outlog_read(struct outlog_cursor *c, void *dst, size_t max,
                               enum stream_type *ret);
