#include "rag/lexical/inverted.h"
#include "base/mem.h"
#include <xxhash.h>

#define TERM SFILE_TAG('T', 'E', 'R', 'M')
#define STRS SFILE_TAG('S', 'T', 'R', 'S')
#define POST SFILE_TAG('P', 'O', 'S', 'T')
#define LENS SFILE_TAG('L', 'E', 'N', 'S')
#define STAT SFILE_TAG('S', 'T', 'A', 'T')

#define STRINGS_MAX (1u << 31)

struct entry { /* a term; its last posting is in it, the others in the list */
        uint32_t string, hash;
        struct posting last;
        struct posting *list;
        uint32_t n, cap; /* of the list */
        uint8_t len;
};
struct inverted {
        struct entry *entries;
        size_t n, cap;
        uint32_t *table; /* index + 1 */
        size_t table_size;
        struct buf strings;
        uint16_t *lengths;
        size_t passages, lengths_cap;
        uint64_t total_length;
        size_t lists; /* bytes */
};
struct term_row {
        uint32_t string;
        uint32_t n; /* entries of its list */
        uint64_t list;
        uint32_t len, unused;
};
struct stat {
        uint64_t total_length;
        uint32_t passages, terms;
};

struct inverted *inverted_new(void)
{
        struct inverted *v = xcalloc(1, sizeof *v);
        buf_init(&v->strings, STRINGS_MAX);
        return v;
}

void inverted_free(struct inverted *v)
{
        if (!v)
                return;
        for (size_t i = 0; i < v->n; i++)
                free(v->entries[i].list);
        free(v->entries);
        free(v->table);
        free(v->lengths);
        buf_done(&v->strings);
        free(v);
}

size_t inverted_bytes(const struct inverted *v)
{
        return v->cap * sizeof *v->entries + v->table_size * sizeof *v->table + v->strings.len +
               v->lists + v->lengths_cap * sizeof *v->lengths;
}

/* ---- making ---- */

static int grow_table(struct inverted *v)
{
        size_t size = v->table_size ? 2 * v->table_size : 4096;
        uint32_t *t = mem_try(size * sizeof *t);
        if (!t)
                return -ENOMEM;
        memset(t, 0, size * sizeof *t);
        for (size_t i = 0; i < v->n; i++) {
                size_t at = v->entries[i].hash & (size - 1);
                while (t[at])
                        at = (at + 1) & (size - 1);
                t[at] = (uint32_t)i + 1;
        }
        free(v->table);
        v->table = t;
        v->table_size = size;
        return 0;
}

static struct entry *new_entry(struct inverted *v, const char *term, uint32_t len, uint32_t hash)
{
        if (v->n == v->cap) {
                size_t cap = v->cap ? 2 * v->cap : 2048;
                struct entry *more = mem_retry(v->entries, cap * sizeof *more);
                if (!more)
                        return NULL;
                v->entries = more;
                v->cap = cap;
        }
        struct entry *e = &v->entries[v->n];
        *e = (struct entry){.string = (uint32_t)v->strings.len, .hash = hash, .len = (uint8_t)len};
        if (buf_add(&v->strings, term, len) < 0)
                return NULL;
        v->n++;
        return e;
}

static struct entry *entry_of(struct inverted *v, const char *term, uint32_t len)
{
        uint32_t hash = (uint32_t)XXH3_64bits(term, len);
        if (v->n >= v->table_size / 2 && grow_table(v) < 0)
                return NULL;
        size_t at = hash & (v->table_size - 1);
        for (; v->table[at]; at = (at + 1) & (v->table_size - 1)) {
                struct entry *e = &v->entries[v->table[at] - 1];
                if (e->hash == hash && e->len == len &&
                    memcmp(v->strings.data + e->string, term, len) == 0)
                        return e;
        }
        struct entry *e = new_entry(v, term, len, hash);
        if (e)
                v->table[at] = (uint32_t)v->n;
        return e;
}

static int push(struct inverted *v, struct entry *e)
{
        if (e->n == e->cap) {
                uint32_t cap = e->cap ? 2 * e->cap : 2;
                struct posting *more = mem_retry(e->list, cap * sizeof *more);
                if (!more)
                        return -ENOMEM;
                v->lists += (cap - e->cap) * sizeof *more;
                e->list = more;
                e->cap = cap;
        }
        e->list[e->n++] = e->last;
        return 0;
}

struct adding {
        struct inverted *v;
        uint32_t weight;
        uint64_t length;
};

static int on_term(void *ctx, const struct term_word *w)
{
        struct adding *a = ctx;
        struct entry *e = entry_of(a->v, w->term, w->len);
        if (!e)
                return -ENOMEM;
        if (!w->joined)
                a->length += a->weight;
        if (e->last.weight && e->last.passage == a->v->passages) {
                e->last.weight += a->weight;
                return 0;
        }
        int r = e->last.weight ? push(a->v, e) : 0;
        e->last = (struct posting){(uint32_t)a->v->passages, a->weight};
        return r;
}

int inverted_add(struct inverted *v, struct words *words, const struct slice fields[FIELDS])
{
        static const uint32_t weights[FIELDS] = FIELD_WEIGHTS;
        struct adding a = {.v = v};
        if (v->passages == v->lengths_cap) {
                size_t cap = v->lengths_cap ? 2 * v->lengths_cap : 1024;
                uint16_t *more =
                        cap > UINT32_MAX ? NULL : mem_retry(v->lengths, cap * sizeof *more);
                if (!more)
                        return -ENOMEM;
                v->lengths = more;
                v->lengths_cap = cap;
        }
        for (int f = 0; f < FIELDS; f++) {
                a.weight = weights[f];
                int r = words_of(words, fields[f], on_term, &a);
                if (r < 0)
                        return r;
        }
        uint16_t length = a.length < LENGTH_MAX ? (uint16_t)a.length : LENGTH_MAX;
        v->lengths[v->passages++] = length;
        v->total_length += length;
        return 0;
}

/* ---- writing ---- */

static int by_term(const void *x, const void *y, void *strings)
{
        const struct entry *a = x, *b = y;
        size_t n = a->len < b->len ? a->len : b->len;
        int c = memcmp((char *)strings + a->string, (char *)strings + b->string, n);
        return c ? c : (int)a->len - (int)b->len;
}

static int write_lists(struct inverted *v, struct sfile_out *o, struct term_row *rows)
{
        CLEANUP(buf_done) struct buf b;
        uint64_t at = 0;
        int r = 0;
        buf_init(&b, 1u << 30);
        sfile_section(o, POST);
        for (size_t i = 0; i < v->n && r == 0; i++) {
                struct entry *e = &v->entries[i];
                r = push(v, e);
                if (r == 0)
                        r = post_encode(&b, e->list, e->n, v->lengths);
                rows[i] = (struct term_row){e->string, e->n, at, e->len, 0};
                at += b.len;
                sfile_add(o, buf_text(&b), b.len);
                buf_clear(&b);
                free(e->list);
                e->list = NULL;
        }
        return r;
}

int inverted_write(struct inverted *v, struct sfile_out *o)
{
        struct stat s = {v->total_length, (uint32_t)v->passages, (uint32_t)v->n};
        auto_free struct term_row *rows = mem_try((v->n + 1) * sizeof *rows);
        if (!rows)
                return -ENOMEM;
        if (v->n)
                qsort_r(v->entries, v->n, sizeof *v->entries, by_term, v->strings.data);
        int r = write_lists(v, o, rows);
        if (r < 0)
                return r;
        sfile_section(o, TERM);
        sfile_add(o, rows, v->n * sizeof *rows);
        sfile_section(o, STRS);
        sfile_add(o, buf_text(&v->strings), v->strings.len);
        sfile_section(o, LENS);
        sfile_add(o, v->lengths, v->passages * sizeof *v->lengths);
        sfile_section(o, STAT);
        sfile_add(o, &s, sizeof s);
        return 0;
}

/* ---- reading ---- */

int lexicon_open(const struct sfile *f, struct lexicon *ret, struct err *err)
{
        static const uint32_t tags[] = {TERM, STRS, POST, LENS, STAT};
        struct slice terms = sfile_get(f, TERM), lens = sfile_get(f, LENS), s = sfile_get(f, STAT);
        struct stat stat;
        for (size_t i = 0; i < ARRAY_LEN(tags); i++) {
                int r = sfile_verify(f, tags[i], err);
                if (r < 0)
                        return r;
        }
        if (s.len != sizeof stat)
                return err_set(err, -EBADMSG, "a segment is damaged");
        memcpy(&stat, s.data, sizeof stat);
        if (terms.len != (uint64_t)stat.terms * sizeof(struct term_row) ||
            lens.len != (uint64_t)stat.passages * sizeof(uint16_t))
                return err_set(err, -EBADMSG, "a segment is damaged");
        *ret = (struct lexicon){.terms = (const void *)terms.data,
                                .n_terms = stat.terms,
                                .n = stat.passages,
                                .strings = sfile_get(f, STRS),
                                .postings = sfile_get(f, POST),
                                .lengths = (const void *)lens.data,
                                .total_length = stat.total_length};
        return 0;
}

static int compare(const struct lexicon *l, const struct term_row *t, const char *term, size_t n)
{
        if (t->string > l->strings.len || t->len > l->strings.len - t->string)
                return -1; /* damaged */
        size_t k = t->len < n ? t->len : n;
        int c = memcmp(l->strings.data + t->string, term, k);
        return c ? c : t->len < n ? -1 : t->len > n;
}

bool lexicon_find(const struct lexicon *l, const char *term, size_t n, struct post_list *ret)
{
        uint32_t low = 0, high = l->n_terms;
        while (low < high) {
                uint32_t mid = low + (high - low) / 2;
                const struct term_row *t = &l->terms[mid];
                int c = compare(l, t, term, n);
                if (c == 0)
                        return t->list <= l->postings.len &&
                               post_open((struct slice){l->postings.data + t->list,
                                                        l->postings.len - t->list},
                                         t->n, l->n, ret) == 0;
                if (c < 0)
                        low = mid + 1;
                else
                        high = mid;
        }
        return false;
}
