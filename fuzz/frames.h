/* frames.h - the fuzzer of a framed protocol: the input arrives in pieces whose sizes its first
 * byte chooses; every frame that comes out decodes or is refused, and what decodes must encode to
 * the same bytes again. Both directions share the table. */
#pragma once
#include "base/mem.h"
#include "link/frames.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline void fuzz_frame(struct frames *in, const struct frame *f)
{
        const struct frame_verb *v = frame_find(in->spec, f->verb);
        CLEANUP(buf_done) struct buf b;
        buf_init(&b, FRAME_HEAD + FRAME_MAX);
        auto_free void *obj = v->type ? xmalloc(v->type->size) : NULL;
        if (obj && frames_decode(in, f, obj, NULL) < 0)
                return;
        int r = frame_put(&b, in->spec, f->verb, obj ? obj : (const void *)&f->body, NULL);
        if (r == -ENOMEM)
                return;
        if (r < 0 || b.len != FRAME_HEAD + f->body.len ||
            memcmp(b.data + FRAME_HEAD, f->body.data, f->body.len) != 0)
                abort();
}

static inline int fuzz_frames(const struct frame_spec *spec, const uint8_t *data, size_t size)
{
        if (size < 1)
                return 0;
        CLEANUP(frames_done) struct frames in;
        frames_init(&in, spec);
        size_t step = (size_t)data[0] * data[0] + 1, at = 1;
        int r = 0;
        while (at < size && r >= 0) {
                size_t n = size - at < step ? size - at : step;
                n = n < frames_room(&in) ? n : frames_room(&in);
                struct frame f;
                if (frames_feed(&in, data + at, n) < 0)
                        return 0;
                at += n;
                while ((r = frames_next(&in, &f, NULL)) > 0)
                        fuzz_frame(&in, &f);
        }
        return 0;
}
