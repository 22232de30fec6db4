/* link.h - the fuzzer of every link: the first byte chooses a verb and a direction, the rest is the
 * body as the other side would send it. What decodes must encode to the same bytes again. */
#pragma once
#include "base/mem.h"
#include "link/link.h"
#include <stdio.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline void fuzz_body(const struct wire_type *t, const char *p, size_t n)
{
        auto_free void *obj = xmalloc(t->size);
        CLEANUP(buf_done) struct buf b;
        buf_init(&b, 2 * LINK_MESSAGE_MAX);
        if (wire_decode(t, p, n, obj, NULL) < 0)
                return;
        int r = wire_encode(t, obj, &b, NULL);
        if (r == -ENOMEM)
                return;
        if (r < 0 || b.len != n || memcmp(buf_text(&b), p, n) != 0)
                abort();
}

static inline int fuzz_link(const struct link_spec *spec, const uint8_t *data, size_t size)
{
        if (size < 1 || size > LINK_MESSAGE_MAX)
                return 0;
        const struct link_verb *v = &spec->verbs[(data[0] >> 1) % spec->n_verbs];
        const struct wire_type *t = data[0] & 1 && v->rep ? v->rep : v->req;
        fuzz_body(t, (const char *)data + 1, size - 1);
        return 0;
}
