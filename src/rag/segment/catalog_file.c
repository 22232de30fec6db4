/* A catalog as a file: its segments and rows as the changes that make them. */
#include "rag/segment/catalog.h"
#include "store/sfile.h"
#include <stdio.h>

#define NEXT    SFILE_TAG('n', 'e', 'x', 't')
#define CHANGES SFILE_TAG('c', 'h', 'n', 'g')

void catalog_name(char dst[32], uint64_t generation)
{
        snprintf(dst, 32, "catalog-%llu", (unsigned long long)generation);
}

static int add_changes(const struct catalog *c, struct sfile_out *o, struct buf *b)
{
        int r = 0;
        for (size_t i = 0; i < c->n_segments && r == 0; i++)
                r = change_segment(b, &c->segments[i]);
        for (size_t i = 0; i < c->n && r == 0; i++) {
                if (b->len > (64u << 10)) {
                        sfile_add(o, b->data, b->len);
                        buf_clear(b);
                }
                if (c->docs[i])
                        r = change_put(b, c->docs[i]);
        }
        if (r == 0)
                sfile_add(o, buf_text(b), b->len);
        return r;
}

int catalog_write(const struct catalog *c, int dir, uint64_t generation, struct err *err)
{
        char name[32];
        struct sfile_out *o;
        uint64_t next[2] = {c->next_doc, c->next_segment};
        CLEANUP(buf_done) struct buf b;
        buf_init(&b, 1u << 20);
        catalog_name(name, generation);
        int r = sfile_create(dir, name, &o, err);
        if (r < 0)
                return r;
        sfile_section(o, NEXT);
        sfile_add(o, next, sizeof next);
        sfile_section(o, CHANGES);
        r = add_changes(c, o, &b);
        if (r < 0) {
                sfile_abandon(o);
                return err_sys(err, r, "the catalog");
        }
        return sfile_commit(o, err);
}

int catalog_read(struct catalog *c, int dir, uint64_t generation, struct err *err)
{
        char name[32];
        struct sfile f;
        uint64_t next[2];
        catalog_name(name, generation);
        int r = sfile_open(dir, name, &f, err);
        if (r < 0)
                return r;
        struct slice n = sfile_get(&f, NEXT);
        r = sfile_verify(&f, NEXT, err);
        if (r == 0)
                r = sfile_verify(&f, CHANGES, err);
        if (r == 0 && n.len != sizeof next)
                r = err_set(err, -EBADMSG, "%s is damaged", name);
        if (r == 0)
                r = catalog_apply(c, sfile_get(&f, CHANGES), err);
        if (r == 0) {
                memcpy(next, n.data, sizeof next);
                c->next_doc = next[0] > c->next_doc ? next[0] : c->next_doc;
                c->next_segment = next[1] > c->next_segment ? next[1] : c->next_segment;
        }
        sfile_close(&f);
        return r;
}
