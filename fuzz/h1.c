/* Our HTTP codec: the same bytes in one piece and one by one give the same heads, the same body and
 * the same verdict. The first byte chooses the side. */
#include "net/h1.h"
#include <assert.h>

struct seen {
        uint64_t hash; /* of everything that was reported, FNV-1a */
        int r;
};

static void mix(struct seen *s, const void *p, size_t n)
{
        const unsigned char *c = p;
        for (size_t i = 0; i < n; i++)
                s->hash = (s->hash ^ c[i]) * 0x100000001b3ull;
}

static void mix_text(struct seen *s, const char *t)
{
        if (t)
                mix(s, t, strlen(t) + 1);
}

static void mix_event(struct seen *s, const struct h1_event *e)
{
        if (e->type == H1_DATA) {
                assert(e->data.len > 0);
                mix(s, e->data.data, e->data.len);
                return;
        }
        mix(s, &e->type, sizeof e->type);
        if (!e->head)
                return;
        mix_text(s, e->head->method);
        mix_text(s, e->head->target);
        mix_text(s, e->head->reason);
        mix(s, &e->head->length, sizeof e->head->length);
        for (size_t i = 0; i < e->head->n_fields; i++) {
                assert(h1_is_token(e->head->fields[i].name));
                assert(h1_is_value(e->head->fields[i].value));
                mix_text(s, e->head->fields[i].name);
                mix_text(s, e->head->fields[i].value);
        }
}

static struct seen run(enum h1_side side, const uint8_t *data, size_t size, size_t step)
{
        static struct h1 p;
        struct seen s = {.hash = 0xcbf29ce484222325ull};
        h1_init(&p, side, 2048);
        for (size_t i = 0; i < size && s.r >= 0; i += step) {
                struct slice in = {(const char *)data + i, size - i < step ? size - i : step};
                struct h1_event e;
                while ((s.r = h1_next(&p, &in, &e, NULL)) == 1)
                        mix_event(&s, &e);
                assert(s.r == 0 || s.r == -EPROTO || s.r == -ENOMEM);
        }
        if (s.r >= 0)
                s.r = h1_eof(&p, NULL);
        h1_done(&p);
        return s;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        if (size < 1)
                return 0;
        enum h1_side side = data[0] & 1 ? H1_RESPONSE : H1_REQUEST;
        struct seen whole = run(side, data + 1, size - 1, size);
        struct seen bytes = run(side, data + 1, size - 1, 1);
        if (whole.r == -ENOMEM || bytes.r == -ENOMEM)
                return 0;
        assert(whole.r == bytes.r);
        assert(whole.hash == bytes.hash);
        return 0;
}
