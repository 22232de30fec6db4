#include "rag/embed/tokenizer.h"
#include "rag/embed/unicode.h"
#include "base/mem.h"
#include "base/str.h"

#define TEXT_MAX (64u << 20)

/* Takes n elements of `size` bytes off the tables; false: there are not so many. */
static bool take(const char **at, size_t *left, uint64_t n, size_t size, const void **ret)
{
        uint64_t bytes = (n * size + 7) / 8 * 8; /* n is 32 bits, size small: no overflow */
        if (bytes > *left)
                return false;
        *ret = *at;
        *at += bytes;
        *left -= bytes;
        return true;
}

/* The publisher's normal forms: u32 bytes of the double array, the array, the forms. */
static bool view_charsmap(struct tokenizer *t, const char *map)
{
        uint32_t bytes, n = t->head.charsmap_len;
        if (n == 0)
                return true;
        if (n < 4)
                return false;
        memcpy(&bytes, map, 4);
        if (bytes > n - 4 || bytes % 4 != 0 || bytes < 4)
                return false;
        t->charsmap = (const uint32_t *)(const void *)(map + 4);
        t->n_charsmap = bytes / 4;
        t->normal = map + 4 + bytes;
        t->normal_len = n - 4 - bytes;
        return t->normal_len > 0 && t->normal[t->normal_len - 1] == '\0';
}

static bool ids_fit(const struct tokenizer *t)
{
        const struct tokenizer_head *h = &t->head;
        if (h->n_before > TOKENIZER_AROUND_MAX || h->n_after > TOKENIZER_AROUND_MAX ||
            h->unknown >= h->vocabulary)
                return false;
        for (uint32_t i = 0; i < h->n_before; i++)
                if (h->before[i] >= h->vocabulary)
                        return false;
        for (uint32_t i = 0; i < h->n_after; i++)
                if (h->after[i] >= h->vocabulary)
                        return false;
        for (uint32_t i = 0; i < h->n_slots; i++)
                if (t->pieces.slots[i].value >= (int64_t)h->vocabulary)
                        return false;
        for (uint32_t i = 0; i < h->n_added; i++) {
                const struct added_token *a = &t->added[i];
                if (a->id >= h->vocabulary || a->len == 0 || a->at > h->added_len ||
                    a->len > h->added_len - a->at)
                        return false;
        }
        return true;
}

static void note_added(struct tokenizer *t)
{
        for (uint32_t i = 0; i < t->head.n_added; i++) {
                unsigned char c = (unsigned char)t->added_text[t->added[i].at];
                t->added_first[c / 64] |= 1ull << c % 64;
                if (t->added[i].flags & ADDED_ANY_CASE && c >= 'a' && c <= 'z')
                        t->added_first[(c - 32) / 64] |= 1ull << (c - 32) % 64;
        }
}

int tokenizer_view(const void *tables, size_t n, struct tokenizer *ret, struct err *err)
{
        struct tokenizer t = {0};
        const char *at = tables;
        const void *head, *slots, *scores, *added, *text, *map;
        size_t left = n;
        if (!take(&at, &left, 1, sizeof t.head, &head))
                return err_set(err, -EBADMSG, "the tokenizer's tables are cut");
        memcpy(&t.head, head, sizeof t.head);
        const struct tokenizer_head *h = &t.head;
        bool unigram = h->kind == TOKENIZER_UNIGRAM;
        if ((!unigram && h->kind != TOKENIZER_WORDPIECE) || h->vocabulary > INT32_MAX ||
            h->n_scores != (unigram ? h->vocabulary : 0) || h->n_slots <= TRIE_ROOT ||
            h->inner[sizeof h->inner - 1] != '\0' || h->word_chars > TOKENIZER_WORD_MAX)
                return err_set(err, -EBADMSG, "the tokenizer is of no known kind");
        if (!take(&at, &left, h->n_slots, sizeof *t.pieces.slots, &slots) ||
            !take(&at, &left, h->n_scores, sizeof *t.scores, &scores) ||
            !take(&at, &left, h->n_added, sizeof *t.added, &added) ||
            !take(&at, &left, h->added_len, 1, &text) ||
            !take(&at, &left, h->charsmap_len, 1, &map) || left != 0)
                return err_set(err, -EBADMSG, "the sizes of the tokenizer's tables");
        t.pieces = (struct trie){slots, h->n_slots};
        t.scores = scores;
        t.added = added;
        t.added_text = text;
        if (!ids_fit(&t) || !view_charsmap(&t, map))
                return err_set(err, -EBADMSG, "the tokenizer's tables");
        note_added(&t);
        uint32_t root = TRIE_ROOT;
        const char *p = h->inner;
        while (*p && trie_step(&t.pieces, &root, (unsigned char)*p))
                p++;
        t.inner_root = *p ? 0 : root;
        *ret = t;
        return 0;
}

void norm_done(struct norm *w)
{
        free(w->text);
        free(w->begin);
        free(w->end);
        *w = (struct norm){0};
}

static int norm_grow(struct norm *w, size_t need)
{
        size_t cap = need + need / 2 + 256;
        char *text = mem_retry(w->text, cap);
        if (text)
                w->text = text;
        uint32_t *begin = mem_retry(w->begin, cap * sizeof *begin);
        if (begin)
                w->begin = begin;
        uint32_t *end = mem_retry(w->end, cap * sizeof *end);
        if (end)
                w->end = end;
        if (!text || !begin || !end)
                return -ENOMEM;
        w->cap = cap;
        return 0;
}

int norm_add(struct norm *w, const char *s, size_t n, uint32_t begin, uint32_t end)
{
        if (w->n + n > w->cap) {
                int r = norm_grow(w, w->n + n);
                if (r < 0)
                        return r;
        }
        for (size_t i = 0; i < n; i++) {
                w->text[w->n + i] = s[i];
                w->begin[w->n + i] = begin;
                w->end[w->n + i] = end;
        }
        w->n += n;
        w->chars++;
        return 0;
}

int tokens_add(struct embed_tokens *t, uint32_t id, uint32_t begin, uint32_t end)
{
        if (t->n == t->cap) {
                size_t cap = t->cap * 2 + 256;
                struct embed_token *p = mem_retry(t->list, cap * sizeof *p);
                if (!p)
                        return -ENOMEM;
                t->list = p;
                t->cap = cap;
        }
        t->list[t->n++] = (struct embed_token){id, begin, end};
        return 0;
}

void embed_tokens_done(struct embed_tokens *t)
{
        free(t->list);
        *t = (struct embed_tokens){0};
}

static bool same(const char *text, const char *token, size_t n, bool any_case)
{
        if (!any_case)
                return memcmp(text, token, n) == 0;
        for (size_t i = 0; i < n; i++) {
                char c = text[i] >= 'A' && text[i] <= 'Z' ? (char)(text[i] + 32) : text[i];
                if (c != token[i])
                        return false;
        }
        return true;
}

static bool word_char(unsigned char c)
{
        return c >= 0x80 || c == '_' || (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
               (c >= 'a' && c <= 'z');
}

/* The longest added token at text[at], or NULL. */
static const struct added_token *added_at(const struct tokenizer *t, struct slice text, size_t at)
{
        const struct added_token *best = NULL;
        for (uint32_t i = 0; i < t->head.n_added; i++) {
                const struct added_token *a = &t->added[i];
                if ((best && a->len <= best->len) || a->len > text.len - at ||
                    !same(text.data + at, t->added_text + a->at, a->len, a->flags & ADDED_ANY_CASE))
                        continue;
                if (a->flags & ADDED_WORD &&
                    ((at > 0 && word_char((unsigned char)text.data[at - 1])) ||
                     (at + a->len < text.len && word_char((unsigned char)text.data[at + a->len]))))
                        continue;
                best = a;
        }
        return best;
}

static size_t blanks_before(struct slice text, size_t from, size_t at)
{
        while (at > from && (text.data[at - 1] == ' ' || text.data[at - 1] == '\n' ||
                             text.data[at - 1] == '\t' || text.data[at - 1] == '\r'))
                at--;
        return at;
}

static size_t blanks_behind(struct slice text, size_t at)
{
        while (at < text.len && (text.data[at] == ' ' || text.data[at] == '\n' ||
                                 text.data[at] == '\t' || text.data[at] == '\r'))
                at++;
        return at;
}

static int run_between(const struct tokenizer *t, struct slice text, size_t from, size_t to,
                       struct embed_tokens *ret)
{
        if (from == to)
                return 0;
        return t->head.kind == TOKENIZER_UNIGRAM ? unigram_run(t, text, from, to, ret)
                                                 : wordpiece_run(t, text, from, to, ret);
}

int tokenizer_run(const struct tokenizer *t, struct slice text, struct embed_tokens *ret,
                  struct err *err)
{
        size_t from = 0;
        int r = 0;
        ret->n = 0;
        if (text.len >= TEXT_MAX)
                return err_set(err, -EFBIG, "a text of %zu bytes", text.len);
        if (!utf8_valid(text.data, text.len))
                return err_set(err, -EILSEQ, "the text is not UTF-8");
        for (size_t i = 0; i < text.len && r == 0;) {
                unsigned char c = (unsigned char)text.data[i];
                const struct added_token *a = NULL;
                if (t->added_first[c / 64] >> c % 64 & 1)
                        a = added_at(t, text, i);
                if (!a) {
                        i++;
                        continue;
                }
                size_t begin = a->flags & ADDED_LEFT ? blanks_before(text, from, i) : i;
                size_t end = i + a->len;
                if (a->flags & ADDED_RIGHT)
                        end = blanks_behind(text, end);
                r = run_between(t, text, from, begin, ret);
                if (r == 0)
                        r = tokens_add(ret, a->id, (uint32_t)begin, (uint32_t)end);
                from = i = end;
        }
        if (r == 0)
                r = run_between(t, text, from, text.len, ret);
        return r < 0 ? err_set(err, r, "no memory for the tokens") : 0;
}
