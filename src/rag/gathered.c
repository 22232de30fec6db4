#include "rag/gathered.h"
#include "base/limits.h"
#include "base/mem.h"

void gathered_init(struct gathered *g)
{
        *g = (struct gathered){0};
        /* headings are repeated with each passage */
        buf_init(&g->text, 2 * (size_t)DOC_TEXT_MAX);
}

void gathered_done(struct gathered *g)
{
        buf_done(&g->text);
        free(g->p);
}

void gathered_clear(struct gathered *g)
{
        buf_clear(&g->text);
        g->n = 0;
        g->full = false;
}

int gathered_add(void *ctx, const struct passage *p, struct err *err)
{
        struct gathered *g = ctx;
        if (g->n == g->cap) {
                size_t cap = g->cap ? 2 * g->cap : 64;
                struct gathered_passage *more = mem_retry(g->p, cap * sizeof *more);
                if (!more)
                        return err_set(err, -ENOMEM, "no memory for %zu passages", cap);
                g->p = more;
                g->cap = cap;
        }
        size_t n = strlen(p->heading), at = g->text.len;
        if (g->full || at + n + p->text.len + 2 > g->text.max) {
                g->full = true;
                return 0;
        }
        int r = buf_add(&g->text, p->heading, n + 1);
        if (r == 0)
                r = buf_add(&g->text, p->text.data, p->text.len);
        if (r == 0)
                r = buf_add(&g->text, "", 1);
        if (r < 0)
                return err_sys(err, r, "a passage");
        g->p[g->n++] = (struct gathered_passage){p->page, (uint32_t)at, (uint32_t)n,
                                                 (uint32_t)(at + n + 1), (uint32_t)p->text.len};
        return 0;
}
