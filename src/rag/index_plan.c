#include "rag/index_plan.h"
#include "base/mem.h"

void plan_done(struct plan *p)
{
        for (size_t i = 0; i < p->n; i++)
                free(p->work[i].found);
        free(p->work);
        free(p->lost);
        known_done(&p->known);
}

/* The known file of that path; both lists are in the same order. */
static struct known *advance(struct plan *p, const char *path)
{
        while (p->at < p->known.n) {
                struct known *k = &p->known.files[p->at];
                int c = strcmp(k->path, path);
                if (c > 0)
                        return NULL;
                p->at++;
                if (c == 0)
                        return k;
        }
        return NULL;
}

static bool unchanged(const struct known *k, const struct parse_entry *e)
{
        return k->size == e->size && k->mtime_ns == e->mtime_ns && k->ctime_ns == e->ctime_ns &&
               k->inode == e->inode;
}

int plan_add(void *plan, const struct parse_entry *e, struct err *err)
{
        struct plan *p = plan;
        struct known *k = advance(p, e->path);
        p->found++;
        if (k)
                k->seen = true;
        if (k && !p->force && unchanged(k, e)) {
                p->unread += k->status != PARSE_INDEXED;
                return 0;
        }
        if (p->n == p->cap) {
                size_t cap = p->cap ? 2 * p->cap : 256;
                struct work *w = mem_retry(p->work, cap * sizeof *w);
                if (!w)
                        return err_set(err, -ENOMEM, "no memory for %zu files", cap);
                p->work = w;
                p->cap = cap;
        }
        struct parse_entry *copy = mem_try(sizeof *copy);
        if (!copy)
                return err_set(err, -ENOMEM, "no memory for %zu files", p->n);
        *copy = *e;
        p->work[p->n++] = (struct work){copy, k, NULL};
        p->bytes += e->size;
        return 0;
}

static int by_size(const void *x, const void *y)
{
        const struct known *a = *(struct known *const *)x, *b = *(struct known *const *)y;
        if (a->size != b->size)
                return a->size < b->size ? -1 : 1;
        return a->inode < b->inode ? -1 : a->inode > b->inode;
}

/* A lost file of that size, the one with that inode before others. */
static struct known *guess(const struct plan *p, const struct parse_entry *e)
{
        size_t low = 0, high = p->gone;
        while (low < high) {
                size_t mid = (low + high) / 2;
                if (p->lost[mid]->size < e->size)
                        low = mid + 1;
                else
                        high = mid;
        }
        struct known *any = NULL;
        for (size_t i = low; i < p->gone && p->lost[i]->size == e->size; i++) {
                if (!p->lost[i]->hash[0])
                        continue;
                if (p->lost[i]->inode == e->inode)
                        return p->lost[i];
                if (!any)
                        any = p->lost[i];
        }
        return any;
}

int plan_end(struct plan *p, struct err *err)
{
        p->lost = mem_try((p->known.n + 1) * sizeof *p->lost);
        if (!p->lost)
                return err_set(err, -ENOMEM, "no memory for %zu files", p->known.n);
        for (size_t i = 0; i < p->known.n; i++)
                if (!p->known.files[i].seen)
                        p->lost[p->gone++] = &p->known.files[i];
        if (p->gone)
                qsort(p->lost, p->gone, sizeof(struct known *), by_size);
        for (size_t i = 0; i < p->n; i++)
                if (!p->work[i].old && !p->force && p->gone)
                        p->work[i].guess = guess(p, p->work[i].found);
        return 0;
}
