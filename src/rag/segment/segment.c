#include "rag/segment/segment.h"
#include "base/mem.h"
#include <stdio.h>
#include <xxhash.h>

#define PASS SFILE_TAG('P', 'A', 'S', 'S')
#define TEXT SFILE_TAG('T', 'E', 'X', 'T')

#define TEXT_MAX (1u << 30) /* of one segment in the making */

struct builder {
        struct inverted *inverted;
        struct words *words;
        struct segment_passage *passages;
        size_t n, cap;
        struct buf text;
};

struct builder *builder_new(void)
{
        struct builder *b = xcalloc(1, sizeof *b);
        b->inverted = inverted_new();
        b->words = words_new();
        buf_init(&b->text, TEXT_MAX);
        return b;
}

void builder_free(struct builder *b)
{
        if (!b)
                return;
        inverted_free(b->inverted);
        words_free(b->words);
        free(b->passages);
        buf_done(&b->text);
        free(b);
}

uint32_t builder_count(const struct builder *b)
{
        return (uint32_t)b->n;
}

size_t builder_bytes(const struct builder *b)
{
        return b->text.len + b->cap * sizeof *b->passages + inverted_bytes(b->inverted);
}

int builder_add(struct builder *b, uint64_t doc, struct slice title, struct slice heading,
                struct slice text, uint32_t page, uint32_t ordinal)
{
        struct slice fields[FIELDS] = {
                [FIELD_TITLE] = title, [FIELD_HEADING] = heading, [FIELD_TEXT] = text};
        if (b->n == b->cap) {
                size_t cap = b->cap ? 2 * b->cap : 256;
                struct segment_passage *more =
                        cap > INT32_MAX ? NULL : mem_retry(b->passages, cap * sizeof *more);
                if (!more)
                        return -ENOMEM;
                b->passages = more;
                b->cap = cap;
        }
        size_t at = b->text.len;
        int r = buf_add(&b->text, heading.data, heading.len);
        if (r == 0)
                r = buf_add(&b->text, text.data, text.len);
        if (r == 0)
                r = inverted_add(b->inverted, b->words, fields);
        if (r < 0)
                return r;
        b->passages[b->n++] = (struct segment_passage){
                .doc = doc,
                .at = at,
                .hash = XXH3_64bits(buf_text(&b->text) + at, b->text.len - at),
                .text_len = (uint32_t)text.len,
                .heading_len = (uint32_t)heading.len,
                .page = page,
                .ordinal = ordinal};
        return 0;
}

void segment_name(char dst[32], uint64_t id)
{
        snprintf(dst, 32, "seg-%llu", (unsigned long long)id);
}

int builder_write(struct builder *b, int dir, uint64_t id, struct err *err)
{
        char name[32];
        struct sfile_out *o;
        segment_name(name, id);
        int r = sfile_create(dir, name, &o, err);
        if (r < 0)
                return r;
        sfile_section(o, PASS);
        sfile_add(o, b->passages, b->n * sizeof *b->passages);
        sfile_section(o, TEXT);
        sfile_add(o, buf_text(&b->text), b->text.len);
        r = inverted_write(b->inverted, o);
        if (r < 0) {
                sfile_abandon(o);
                return err_sys(err, r, "a segment of the index");
        }
        return sfile_commit(o, err);
}

int segment_open(int dir, uint64_t id, struct segment *ret, struct err *err)
{
        struct segment s = {.id = id};
        char name[32];
        segment_name(name, id);
        int r = sfile_open(dir, name, &s.file, err);
        if (r == 0)
                r = sfile_verify(&s.file, PASS, err);
        if (r == 0)
                r = lexicon_open(&s.file, &s.words, err);
        struct slice p = sfile_get(&s.file, PASS);
        if (r == 0 && p.len != s.words.n * sizeof *s.passages)
                r = err_set(err, -EBADMSG, "%s is damaged", name);
        if (r < 0) {
                sfile_close(&s.file);
                return r;
        }
        s.passages = (const void *)p.data;
        s.n = s.words.n;
        s.text = sfile_get(&s.file, TEXT);
        *ret = s;
        return 0;
}

void segment_close(struct segment *s)
{
        vectors_close(s->vectors);
        s->vectors = NULL;
        sfile_close(&s->file);
}

int segment_read(const struct segment *s, uint32_t passage, struct segment_text *ret)
{
        const struct segment_passage *p = &s->passages[passage];
        uint64_t n = (uint64_t)p->heading_len + p->text_len;
        if (p->at > s->text.len || n > s->text.len - p->at ||
            XXH3_64bits(s->text.data + p->at, n) != p->hash)
                return -EBADMSG;
        *ret = (struct segment_text){{s->text.data + p->at, p->heading_len},
                                     {s->text.data + p->at + p->heading_len, p->text_len}};
        return 0;
}
