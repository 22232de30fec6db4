#include "rag/chunk.h"
#include "base/limits.h"
#include "base/str.h"
#include <ctype.h>
#include <stdio.h>

#define WORD_BYTES 10 /* a text counts as at least one word for so many bytes */

void chunk_init(struct chunker *c, passage_fn fn, void *ctx)
{
        memset(c, 0, sizeof *c);
        c->fn = fn;
        c->ctx = ctx;
        buf_init(&c->text, PASSAGE_TEXT_MAX);
}

void chunk_done(struct chunker *c)
{
        buf_done(&c->text);
}

uint32_t chunk_words(struct slice s)
{
        size_t n = 0;
        bool in = false;
        for (size_t i = 0; i < s.len; i++) {
                bool word = !isspace((unsigned char)s.data[i]);
                n += word && !in;
                in = word;
        }
        size_t least = s.len / WORD_BYTES;
        return (uint32_t)(n > least ? n : least);
}

/* "A > B > C"; when that is too long the outer ones are left out. */
static void heading_path(const struct chunker *c, char dst[CHUNK_PATH_MAX])
{
        size_t used = 0;
        dst[0] = '\0';
        for (int i = CHUNK_LEVELS; i >= 1; i--) {
                size_t n = strlen(c->level[i]), gap = used ? 3 : 0;
                if (!n)
                        continue;
                if (used + n + gap >= CHUNK_PATH_MAX)
                        break;
                memmove(dst + n + gap, dst, used + 1);
                memcpy(dst, c->level[i], n);
                memcpy(dst + n, " > ", gap);
                used += n + gap;
        }
}

static int emit(struct chunker *c, struct slice text, uint32_t page, struct err *err)
{
        struct passage p = {.ordinal = c->ordinal++, .page = page, .text = text};
        heading_path(c, p.heading);
        return c->fn(c->ctx, &p, err);
}

static int close_passage(struct chunker *c, struct err *err)
{
        int r = 0;
        if (c->text.len)
                r = emit(c, (struct slice){c->text.data, c->text.len}, c->page, err);
        buf_clear(&c->text);
        c->words = 0;
        return r;
}

/* A heading with nothing below it. */
static int close_bare(struct chunker *c, struct err *err)
{
        uint32_t level = c->bare;
        c->bare = 0;
        return level ? emit(c, slice_of(c->level[level]), c->bare_page, err) : 0;
}

static int set_heading(struct chunker *c, const struct parse_block *b, struct err *err)
{
        uint32_t level = b->level < 1 ? 1 : b->level > CHUNK_LEVELS ? CHUNK_LEVELS : b->level;
        int r = close_passage(c, err);
        if (r == 0 && c->bare && level <= c->bare)
                r = close_bare(c, err);
        for (uint32_t i = level; i <= CHUNK_LEVELS; i++)
                c->level[i][0] = '\0';
        size_t n = utf8_clip(b->text.data, b->text.len, sizeof c->level[0] - 1);
        memcpy(c->level[level], b->text.data, n);
        c->level[level][n] = '\0';
        c->bare = level;
        c->bare_page = b->page;
        return r;
}

static const char *joint(const struct chunker *c, enum parse_kind kind)
{
        if (!c->text.len)
                return kind == PARSE_LIST ? "- " : "";
        if (kind == PARSE_LIST)
                return c->last == PARSE_LIST ? "\n- " : "\n\n- ";
        return "\n\n";
}

static bool has_bullet(struct slice s)
{
        return s.len && (strchr("-*+(", s.data[0]) || isdigit((unsigned char)s.data[0]) ||
                         (s.len > 3 && memcmp(s.data, "\xe2\x80\xa2", 3) == 0));
}

/* A piece that fits a passage by itself. */
static int put(struct chunker *c, struct slice s, enum parse_kind kind, uint32_t page,
               struct err *err)
{
        uint32_t words = chunk_words(s);
        int r = 0;
        if (c->text.len &&
            (c->words + words > CHUNK_WORDS || c->text.len + s.len + 4 > PASSAGE_TEXT_MAX))
                r = close_passage(c, err);
        if (r < 0)
                return r;
        if (!c->text.len)
                c->page = page;
        const char *gap = joint(c, kind);
        size_t skip = kind == PARSE_LIST && has_bullet(s) ? 2 : 0;
        if (s.len + 4 <= PASSAGE_TEXT_MAX) /* else it is alone, cut to just the maximum */
                r = buf_add(&c->text, gap, strlen(gap) - skip);
        if (r == 0)
                r = buf_add(&c->text, s.data, s.len);
        if (r < 0)
                return err_sys(err, r, "a passage of %zu bytes", s.len);
        c->words += words;
        c->last = kind;
        c->bare = 0;
        return 0;
}

/* True when a sentence ends in front of position i (where a blank is). */
static bool sentence_end(const char *p, size_t i)
{
        static const char *const abbreviations[] = {"e.g.", "i.e.", "etc.", "cf.",   "vs.",
                                                    "Dr.",  "Mr.",  "Ms.",  "No.",   "Fig.",
                                                    "Sec.", "ca.",  "Mrs.", "resp.", NULL};
        if (i == 0 || !strchr(".!?\"')", p[i - 1]))
                return i >= 3 && memcmp(p + i - 3, "\xe3\x80\x82", 3) == 0;
        size_t dot = i;
        while (dot > 0 && strchr("\"')", p[dot - 1]))
                dot--;
        if (dot == 0 || !strchr(".!?", p[dot - 1]))
                return false;
        for (const char *const *a = abbreviations; *a; a++) {
                size_t n = strlen(*a);
                if (dot >= n && memcmp(p + dot - n, *a, n) == 0)
                        return false;
        }
        /* "J. Smith": a single capital is a name */
        return !(dot >= 2 && isupper((unsigned char)p[dot - 2]) &&
                 (dot == 2 || isspace((unsigned char)p[dot - 3])));
}

/* How much of s goes into one passage: to the last sentence end (or line end) that keeps it within
 * the target, else to the last blank within the maximum, else as many characters as fit. */
static size_t cut(struct slice s, bool by_line)
{
        size_t good = 0, blank = 0, words = 0;
        size_t max = s.len > PASSAGE_TEXT_MAX - 8 ? utf8_clip(s.data, s.len, PASSAGE_TEXT_MAX - 8)
                                                  : s.len;
        size_t by_length = (size_t)CHUNK_WORDS_MAX * WORD_BYTES;
        for (size_t i = 0; i < max; i++) {
                bool full = words >= CHUNK_WORDS || i >= by_length * CHUNK_WORDS / CHUNK_WORDS_MAX;
                if (!isspace((unsigned char)s.data[i])) {
                        if (i >= by_length && (good || blank))
                                break;
                        continue;
                }
                words += i && !isspace((unsigned char)s.data[i - 1]);
                if (full && good)
                        return good;
                if (words > CHUNK_WORDS_MAX || i > by_length)
                        break;
                blank = i + 1;
                if (by_line ? s.data[i] == '\n' : sentence_end(s.data, i))
                        good = i + 1;
        }
        if (good)
                return good;
        if (blank)
                return blank;
        return max > by_length ? utf8_clip(s.data, s.len, by_length) : max;
}

static struct slice trimmed(struct slice s)
{
        while (s.len && strchr(" \n\t", s.data[s.len - 1]))
                s.len--;
        return s;
}

int chunk_add(struct chunker *c, const struct parse_block *b, struct err *err)
{
        struct slice rest = b->text;
        bool by_line = b->kind == PARSE_TABLE || b->kind == PARSE_CODE;
        if (b->kind == PARSE_TITLE || !rest.len)
                return 0;
        if (b->kind == PARSE_HEADING)
                return set_heading(c, b, err);
        while (rest.len) {
                bool fits =
                        chunk_words(rest) <= CHUNK_WORDS_MAX && rest.len <= PASSAGE_TEXT_MAX - 8;
                size_t n = fits ? rest.len : cut(rest, by_line);
                struct slice piece = trimmed((struct slice){rest.data, n});
                int r = piece.len ? put(c, piece, b->kind, b->page, err) : 0;
                if (r < 0)
                        return r;
                rest = (struct slice){rest.data + n, rest.len - n};
        }
        return 0;
}

int chunk_end(struct chunker *c, struct err *err)
{
        int r = close_passage(c, err);
        return r < 0 ? r : close_bare(c, err);
}
