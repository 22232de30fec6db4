#include "rag/segment/catalog.h"
#include "base/mem.h"
#include "base/str.h"
#include <stdio.h>
#include <xxhash.h>

void catalog_init(struct catalog *c)
{
        *c = (struct catalog){.next_doc = 1, .next_segment = 1};
}

void catalog_done(struct catalog *c)
{
        for (size_t i = 0; i < c->n; i++)
                free(c->docs[i]);
        free(c->docs);
        free(c->by_path);
        free(c->by_id);
        free(c->segments);
        catalog_init(c);
}

/* ---- the two tables: open addressing, an entry is index + 1, never removed singly ---- */

static size_t hash_path(const char *s)
{
        return (size_t)XXH3_64bits(s, strlen(s));
}

static size_t hash_id(uint64_t id)
{
        return (size_t)(id * 0x9e3779b97f4a7c15u >> 17);
}

static void enter(uint32_t *table, size_t mask, size_t hash, size_t i)
{
        size_t at = hash & mask;
        while (table[at])
                at = (at + 1) & mask;
        table[at] = (uint32_t)i + 1;
}

/* Puts the live rows together and the tables over them anew. */
static int rebuild(struct catalog *c)
{
        size_t n = 0, size = 64;
        while (size < 4 * (c->live + 16))
                size *= 2;
        uint32_t *p = mem_try(size * sizeof *p), *q = mem_try(size * sizeof *q);
        if (!p || !q) {
                free(p);
                free(q);
                return -ENOMEM;
        }
        memset(p, 0, size * sizeof *p);
        memset(q, 0, size * sizeof *q);
        for (size_t i = 0; i < c->n; i++)
                if (c->docs[i])
                        c->docs[n++] = c->docs[i];
        c->n = n;
        for (size_t i = 0; i < n; i++) {
                enter(p, size - 1, hash_path(c->docs[i]->path), i);
                enter(q, size - 1, hash_id(c->docs[i]->id), i);
        }
        free(c->by_path);
        free(c->by_id);
        c->by_path = p;
        c->by_id = q;
        c->table = size;
        return 0;
}

static int make_room(struct catalog *c)
{
        if (c->n == c->cap) {
                size_t cap = c->cap ? 2 * c->cap : 64;
                struct doc **more =
                        cap > UINT32_MAX / 8 ? NULL : mem_retry(c->docs, cap * sizeof *more);
                if (!more)
                        return -ENOMEM;
                c->docs = more;
                c->cap = cap;
        }
        return c->n + 1 > c->table / 2 ? rebuild(c) : 0;
}

static struct doc **slot_of_path(const struct catalog *c, const char *path)
{
        for (size_t at = hash_path(path); c->table; at++) {
                uint32_t i = c->by_path[at & (c->table - 1)];
                if (!i)
                        return NULL;
                struct doc **d = &c->docs[i - 1];
                if (*d && str_eq((*d)->path, path))
                        return d;
        }
        return NULL;
}

static struct doc **slot_of_id(const struct catalog *c, uint64_t id)
{
        for (size_t at = hash_id(id); c->table; at++) {
                uint32_t i = c->by_id[at & (c->table - 1)];
                if (!i)
                        return NULL;
                struct doc **d = &c->docs[i - 1];
                if (*d && (*d)->id == id)
                        return d;
        }
        return NULL;
}

struct doc *catalog_path(const struct catalog *c, const char *path)
{
        struct doc **d = slot_of_path(c, path);
        return d ? *d : NULL;
}

struct doc *catalog_id(const struct catalog *c, uint64_t id)
{
        struct doc **d = slot_of_id(c, id);
        return d ? *d : NULL;
}

const struct segment_row *catalog_segment(const struct catalog *c, uint64_t id)
{
        for (size_t i = 0; i < c->n_segments; i++)
                if (c->segments[i].id == id)
                        return &c->segments[i];
        return NULL;
}

/* ---- changes applied ---- */

static void count_live(struct catalog *c, const struct doc *d, int sign)
{
        for (size_t i = 0; i < c->n_segments; i++)
                if (c->segments[i].id == d->segment)
                        c->segments[i].live += (uint32_t)sign * d->passages;
}

static void count(struct catalog *c, const struct doc *d, int sign)
{
        bool failed = d->status != PARSE_INDEXED && d->status != PARSE_PARTIAL;
        c->live += (size_t)sign;
        c->passages += (uint64_t)((int64_t)sign * d->passages);
        c->failed += (uint64_t)((int64_t)sign * failed);
        count_live(c, d, sign);
}

static void drop(struct catalog *c, struct doc **d)
{
        if (!d)
                return;
        count(c, *d, -1);
        free(*d);
        *d = NULL; /* a hole: the tables still lead here, and on */
}

/* Owns d. */
static int put(struct catalog *c, struct doc *d)
{
        drop(c, slot_of_id(c, d->id));
        drop(c, slot_of_path(c, d->path));
        int r = make_room(c);
        if (r < 0) {
                free(d);
                return r;
        }
        enter(c->by_path, c->table - 1, hash_path(d->path), c->n);
        enter(c->by_id, c->table - 1, hash_id(d->id), c->n);
        c->docs[c->n++] = d;
        count(c, d, 1);
        if (d->id >= c->next_doc)
                c->next_doc = d->id + 1;
        return 0;
}

static int add_segment(struct catalog *c, const struct segment_row *s)
{
        if (catalog_segment(c, s->id) || s->id == 0)
                return -EBADMSG;
        struct segment_row *more =
                mem_retry(c->segments, (c->n_segments + 1) * sizeof *c->segments);
        if (!more)
                return -ENOMEM;
        c->segments = more;
        c->segments[c->n_segments] = *s;
        c->segments[c->n_segments++].live = 0;
        if (s->id >= c->next_segment)
                c->next_segment = s->id + 1;
        return 0;
}

static int drop_segment(struct catalog *c, uint64_t id)
{
        for (size_t i = 0; i < c->n_segments; i++)
                if (c->segments[i].id == id) {
                        c->segments[i] = c->segments[--c->n_segments];
                        return 0;
                }
        return -EBADMSG;
}

/* ---- their bytes: kind, length of the rest, rest ---- */

enum { PUT = 1, REMOVE, SEGMENT, DROP_SEGMENT, PLACE };

struct fixed { /* of a row; its strings follow: path, reason, type, title */
        uint64_t id, segment;
        uint32_t first, passages, status, pages;
        uint64_t size, inode;
        int64_t mtime_ns, ctime_ns;
        char hash[PARSE_HASH_LEN];
        uint16_t len[4];
};
struct place {
        uint64_t id, segment;
        uint32_t first, unused;
};

static int change(struct buf *b, uint32_t kind, const void *p, size_t n)
{
        uint32_t head[2] = {kind, (uint32_t)n};
        int r = buf_add(b, head, sizeof head);
        return r < 0 ? r : buf_add(b, p, n);
}

int change_put(struct buf *b, const struct doc *d)
{
        const char *s[4] = {d->path, d->reason, d->type, d->title};
        struct fixed f = {d->id,   d->segment, d->first,    d->passages, d->status, d->pages,
                          d->size, d->inode,   d->mtime_ns, d->ctime_ns, {0},       {0}};
        size_t n = sizeof f;
        memcpy(f.hash, d->hash, PARSE_HASH_LEN);
        for (int i = 0; i < 4; i++) {
                size_t len = strlen(s[i]);
                if (len > UINT16_MAX)
                        return -E2BIG;
                f.len[i] = (uint16_t)len;
                n += len;
        }
        uint32_t head[2] = {PUT, (uint32_t)n};
        int r = buf_add(b, head, sizeof head);
        if (r == 0)
                r = buf_add(b, &f, sizeof f);
        for (int i = 0; i < 4 && r == 0; i++)
                r = buf_add(b, s[i], f.len[i]);
        return r;
}

int change_remove(struct buf *b, uint64_t id)
{
        return change(b, REMOVE, &id, sizeof id);
}

int change_segment(struct buf *b, const struct segment_row *s)
{
        return change(b, SEGMENT, s, sizeof *s);
}

int change_drop_segment(struct buf *b, uint64_t id)
{
        return change(b, DROP_SEGMENT, &id, sizeof id);
}

int change_place(struct buf *b, uint64_t id, uint64_t segment, uint32_t first)
{
        struct place p = {id, segment, first, 0};
        return change(b, PLACE, &p, sizeof p);
}

static int read_doc(struct slice s, struct doc **ret)
{
        struct fixed f;
        size_t n = 0;
        if (s.len < sizeof f)
                return -EBADMSG;
        memcpy(&f, s.data, sizeof f);
        for (int i = 0; i < 4; i++)
                n += f.len[i];
        if (n != s.len - sizeof f || f.id == 0 || f.len[0] == 0)
                return -EBADMSG;
        struct doc *d = mem_try(sizeof *d + n + 4);
        if (!d)
                return -ENOMEM;
        const char *from = s.data + sizeof f, **to[4] = {&d->path, &d->reason, &d->type, &d->title};
        char *at = (char *)(d + 1);
        *d = (struct doc){f.id,    f.segment, f.first, f.passages, f.status,
                          f.pages, f.size,    f.inode, f.mtime_ns, f.ctime_ns,
                          {0},     NULL,      NULL,    NULL,       NULL};
        memcpy(d->hash, f.hash, PARSE_HASH_LEN);
        for (int i = 0; i < 4; i++) {
                *to[i] = at;
                memcpy(at, from, f.len[i]);
                at[f.len[i]] = '\0';
                at += f.len[i] + 1;
                from += f.len[i];
        }
        *ret = d;
        return 0;
}

/* A row must lie in a segment that is there. */
static bool placed(const struct catalog *c, uint64_t segment, uint32_t first, uint32_t n)
{
        if (n == 0)
                return true;
        const struct segment_row *s = catalog_segment(c, segment);
        return s && first <= s->passages && n <= s->passages - first;
}

static int apply_one(struct catalog *c, uint32_t kind, struct slice s)
{
        uint64_t id = 0;
        struct doc *d = NULL;
        struct segment_row row;
        struct place p;
        if ((kind == REMOVE || kind == DROP_SEGMENT) && s.len == sizeof id)
                memcpy(&id, s.data, sizeof id);
        switch (kind) {
        case PUT: {
                int r = read_doc(s, &d);
                if (r == 0 && !placed(c, d->segment, d->first, d->passages)) {
                        free(d);
                        r = -EBADMSG;
                }
                return r < 0 ? r : put(c, d);
        }
        case REMOVE:
                drop(c, slot_of_id(c, id));
                return s.len == sizeof id ? 0 : -EBADMSG;
        case SEGMENT:
                if (s.len != sizeof row)
                        return -EBADMSG;
                memcpy(&row, s.data, sizeof row);
                return add_segment(c, &row);
        case DROP_SEGMENT:
                return s.len == sizeof id ? drop_segment(c, id) : -EBADMSG;
        case PLACE:
                if (s.len != sizeof p)
                        return -EBADMSG;
                memcpy(&p, s.data, sizeof p);
                d = catalog_id(c, p.id);
                if (!d || !placed(c, p.segment, p.first, d->passages))
                        return -EBADMSG;
                count_live(c, d, -1);
                d->segment = p.segment;
                d->first = p.first;
                count_live(c, d, 1);
                return 0;
        }
        return -EBADMSG;
}

int catalog_apply(void *catalog, struct slice b, struct err *err)
{
        while (b.len) {
                uint32_t head[2];
                int r = -EBADMSG;
                if (b.len >= sizeof head) {
                        memcpy(head, b.data, sizeof head);
                        b = (struct slice){b.data + sizeof head, b.len - sizeof head};
                        if (head[1] <= b.len)
                                r = apply_one(catalog, head[0], (struct slice){b.data, head[1]});
                }
                if (r < 0)
                        return err_set(err, r,
                                       r == -ENOMEM ? "no memory for the catalog"
                                                    : "the index's catalog is damaged");
                b = (struct slice){b.data + head[1], b.len - head[1]};
        }
        return 0;
}
