#include "rag/listing.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include <stdio.h>

void known_done(struct known_list *l)
{
        for (size_t i = 0; i < l->n; i++)
                free(l->files[i].path);
        free(l->files);
        *l = (struct known_list){0};
}

bool path_below(const char *path, const char *prefix)
{
        size_t n = strlen(prefix);
        bool folder = n > 0 && prefix[n - 1] == '/';
        while (n > 0 && prefix[n - 1] == '/')
                n--;
        return n == 0 ||
               (strncmp(path, prefix, n) == 0 && (path[n] == '/' || (path[n] == '\0' && !folder)));
}

static int by_path(const void *x, const void *y)
{
        const struct doc *const *a = x, *const *b = y;
        return strcmp((*a)->path, (*b)->path);
}

/* The rows below the prefix and behind `after`, in order; to be freed. */
static int64_t sorted(const struct catalog *c, const char *prefix, const char *after,
                      struct doc ***ret)
{
        struct doc **d = mem_try((c->live + 1) * sizeof *d);
        int64_t n = 0;
        if (!d)
                return -ENOMEM;
        for (size_t i = 0; i < c->n; i++)
                if (c->docs[i] && path_below(c->docs[i]->path, prefix) &&
                    strcmp(c->docs[i]->path, after) > 0)
                        d[n++] = c->docs[i];
        qsort(d, (size_t)n, sizeof(struct doc *), by_path);
        *ret = d;
        return n;
}

static void set_known(struct known *k, const struct doc *d)
{
        *k = (struct known){.id = d->id,
                            .path = xstrdup(d->path),
                            .size = d->size,
                            .inode = d->inode,
                            .mtime_ns = d->mtime_ns,
                            .ctime_ns = d->ctime_ns,
                            .status = d->status};
        memcpy(k->hash, d->hash, sizeof k->hash);
}

int list_known(struct space *s, const char *prefix, struct known_list *ret, struct err *err)
{
        auto_free struct doc **d = NULL;
        space_read(s);
        int64_t n = sorted(space_catalog(s), prefix, "", &d);
        struct known *k = n < 0 ? NULL : mem_try(((size_t)n + 1) * sizeof *k);
        for (int64_t i = 0; k && i < n; i++)
                set_known(&k[i], d[i]);
        space_read_end(s);
        if (!k)
                return err_set(err, -ENOMEM, "no memory for the list of files");
        *ret = (struct known_list){k, (size_t)n};
        return 0;
}

int list_docs(struct space *s, const char *prefix, const char *after, uint32_t limit, doc_fn fn,
              void *ctx, struct err *err)
{
        auto_free struct doc **d = NULL;
        space_read(s);
        int64_t n = sorted(space_catalog(s), prefix, after, &d), r = n < 0 ? n : 0;
        for (int64_t i = 0; i < n && i < limit && r == 0; i++)
                r = fn(ctx, d[i]);
        space_read_end(s);
        return r < 0 ? err_sys(err, (int)r, "the list of files") : 0;
}

static int give_passages(const struct space *s, const struct doc *d, uint32_t from, uint32_t limit,
                         stored_fn fn, void *ctx)
{
        const struct segment *g = space_segment(s, d->segment);
        int r = 0;
        for (uint32_t i = from; i < d->passages && i - from < limit && r == 0; i++) {
                const struct segment_passage *row = &g->passages[d->first + i];
                struct passage p = {.ordinal = row->ordinal, .page = row->page};
                struct segment_text t;
                r = segment_read(g, d->first + i, &t);
                if (r < 0)
                        return r;
                size_t n = utf8_clip(t.heading.data, t.heading.len, sizeof p.heading - 1);
                memcpy(p.heading, t.heading.data, n);
                p.heading[n] = '\0';
                p.text = t.text;
                r = fn(ctx, d->title, &p);
        }
        return r;
}

int list_passages(struct space *s, const char *path, uint32_t from, uint32_t limit, stored_fn fn,
                  void *ctx, struct err *err)
{
        space_read(s);
        const struct doc *d = catalog_path(space_catalog(s), path);
        int r = d ? give_passages(s, d, from, limit, fn, ctx) : -ENOENT;
        space_read_end(s);
        if (r == -ENOENT)
                return err_set(err, r, "'%s' is not indexed", path);
        return r < 0 ? err_sys(err, r, "the passages of '%s'", path) : 0;
}

void count_space(struct space *s, struct space_counts *ret)
{
        space_read(s);
        const struct catalog *c = space_catalog(s);
        *ret = (struct space_counts){c->live, c->passages, c->failed};
        space_read_end(s);
}
