/* frames.h - messages between a role and a program inside a sandbox, over the program's stdin and
 * stdout.
 *
 * A frame is u32 verb, u32 length (little-endian), then the payload: one struct encoded by wire.h,
 * or, for a verb without a type, raw bytes. Both directions use one `struct frame_spec`, which the
 * protocol's header (files.h, parse.h) defines. A role treats what comes out of a sandbox as
 * hostile: an unknown verb or a length over FRAME_MAX is -EPROTO, and the sandbox is then thrown
 * away.
 *
 *     CLEANUP(frames_done) struct frames in;              one direction, any kind of descriptor
 *     frames_init(&in, &files_frames);
 *     r = frames_feed(&in, p, n);                          what arrived, in any pieces
 *     while ((r = frames_next(&in, &f, err)) > 0)          1 = a whole frame, 0 = needs more
 *             r = frames_decode(&in, &f, &entry, err);     f.body for a verb without a type
 *
 *     r = frame_put(&out, &files_frames, FILES_LIST, &req, err);       appends to a buf
 */
#pragma once
#include "base/limits.h"
#include "link/wire.h"

#define FRAME_HEAD 8
#define FRAME_MAX  65536 /* payload of one frame: one read of a pipe */
#define FRAMES_BUFFER_MAX                                                                          \
        (4u * (FRAME_HEAD + FRAME_MAX)) /* most that may wait to be taken by frames_next */

struct frame_verb {
        uint32_t verb;
        const char *name;
        const struct wire_type *type; /* NULL: raw bytes, a struct slice */
};
struct frame_spec {
        const char *name;
        const struct frame_verb *verbs;
        size_t n_verbs;
};
struct frame {
        uint32_t verb;
        struct slice body; /* points into the reader: until its next feed, read or done */
};

/* The reading end. Taking a frame moves a mark; the bytes are moved only when more are fed. */
struct frames {
        const struct frame_spec *spec;
        struct buf in;
        size_t at; /* bytes of `in` that were taken */
};

const struct frame_verb *frame_find(const struct frame_spec *spec, uint32_t verb);
void frames_init(struct frames *f, const struct frame_spec *spec);
void frames_done(struct frames *f);
/* -E2BIG when more than FRAMES_BUFFER_MAX wait to be taken; -ENOMEM. */
MUST_CHECK int frames_feed(struct frames *f, const void *p, size_t n);
/* Bytes that may be fed now. */
size_t frames_room(const struct frames *f);
/* 1 = got one, 0 = not all of it is there, -EPROTO. */
MUST_CHECK int frames_next(struct frames *f, struct frame *ret, struct err *err);
/* The struct of a verb with a type; slices in it live as long as the frame's body. -EPROTO. */
MUST_CHECK int frames_decode(const struct frames *f, const struct frame *frame, void *ret,
                             struct err *err);
/* Reads from fd until a whole frame is there: 1. 0 = the end of input came between two frames.
 * -ETIMEDOUT when the deadline (clock_boot_ms, 0 = none) passes; -EPROTO; -EPIPE: the end came
 * inside a frame. Retries EINTR and EAGAIN. */
MUST_CHECK int frames_read(struct frames *f, int fd, uint64_t deadline_ms, struct frame *ret,
                           struct err *err);

/* Appends one frame to b; obj is the verb's struct, or a struct slice for a verb without a type.
 * -EINVAL when obj breaks its own table, -E2BIG, -ENOMEM. */
MUST_CHECK int frame_put(struct buf *b, const struct frame_spec *spec, uint32_t verb,
                         const void *obj, struct err *err);
/* frame_put, and all of it to fd. A reader that does not read is -ETIMEDOUT at the deadline if fd
 * is O_NONBLOCK; 0 = none. */
MUST_CHECK int frame_write(int fd, const struct frame_spec *spec, uint32_t verb, const void *obj,
                           uint64_t deadline_ms, struct err *err);
