#include "rag/embed/tokenizer_build.h"
#include "rag/embed/tokenizer.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include <math.h>

#define VOCABULARY_MAX (2u << 20)
#define ADDED_MAX      4096
#define UNKNOWN_BELOW  10.0 /* how much worse than the worst piece an unknown character is */

struct build {
        struct tokenizer_head head;
        struct trie_piece *pieces;
        size_t n_pieces;
        double *scores;
        struct added_token *added;
        struct buf added_text;
        unsigned char *charsmap;
};

static void build_done(struct build *b)
{
        free(b->pieces);
        free(b->scores);
        free(b->added);
        free(b->charsmap);
        buf_done(&b->added_text);
}

static const char *str_at(const json_t *o, const char *key)
{
        const char *s = json_string_value(json_object_get(o, key));
        return s ? s : "";
}

static bool bool_at(const json_t *o, const char *key, bool absent)
{
        const json_t *v = json_object_get(o, key);
        return json_is_boolean(v) ? json_is_true(v) : absent;
}

static bool id_of(const json_t *v, uint32_t *ret)
{
        if (!json_is_integer(v) || json_integer_value(v) < 0 ||
            json_integer_value(v) >= VOCABULARY_MAX)
                return false;
        *ret = (uint32_t)json_integer_value(v);
        return true;
}

static int add_piece(struct build *b, const char *s, size_t n, uint32_t id)
{
        if (id >= b->head.vocabulary)
                b->head.vocabulary = id + 1;
        if (n == 0) /* no text can give it */
                return 0;
        b->pieces[b->n_pieces++] = (struct trie_piece){s, (uint32_t)n, (int32_t)id};
        return 0;
}

static int pieces_room(struct build *b, size_t n, struct err *err)
{
        if (n == 0 || n > VOCABULARY_MAX)
                return err_set(err, -EINVAL, "a vocabulary of %zu pieces", n);
        b->pieces = mem_try(n * sizeof *b->pieces);
        return b->pieces ? 0 : err_set(err, -ENOMEM, "no memory for the vocabulary");
}

static int read_wordpiece(struct build *b, const json_t *model, struct err *err)
{
        const json_t *vocab = json_object_get(model, "vocab");
        const char *piece, *inner = str_at(model, "continuing_subword_prefix");
        const json_t *unknown = json_object_get(vocab, str_at(model, "unk_token"));
        json_t *id;
        uint64_t chars = 100;
        int r = pieces_room(b, json_object_size(vocab), err);
        if (r < 0)
                return r;
        b->head.kind = TOKENIZER_WORDPIECE;
        json_object_foreach((json_t *)vocab, piece, id)
        {
                uint32_t i;
                if (!id_of(id, &i))
                        return err_set(err, -EINVAL, "the number of piece '%.60s'", piece);
                r = add_piece(b, piece, strlen(piece), i);
        }
        if (!id_of(unknown, &b->head.unknown))
                return err_set(err, -EINVAL, "unk_token is not in the vocabulary");
        if (str_copy(b->head.inner, sizeof b->head.inner, inner) < 0)
                return err_set(err, -EINVAL, "continuing_subword_prefix '%.60s'", inner);
        r = json_read_u64(model, "max_input_chars_per_word", JSON_OPTIONAL, 1, 10000, &chars, err);
        b->head.word_chars = (uint32_t)chars;
        return r < 0 ? r : 0;
}

static int read_unigram(struct build *b, const json_t *model, struct err *err)
{
        const json_t *vocab = json_object_get(model, "vocab");
        size_t n = json_array_size(vocab);
        double least = 0;
        int r = pieces_room(b, n, err);
        if (r < 0)
                return r;
        if (bool_at(model, "byte_fallback", false))
                return err_set(err, -EINVAL, "byte_fallback");
        b->head.kind = TOKENIZER_UNIGRAM;
        b->head.flags |= TOKENIZER_FUSE;
        b->scores = mem_try(n * sizeof *b->scores);
        if (!b->scores)
                return err_set(err, -ENOMEM, "no memory for the vocabulary");
        for (size_t i = 0; i < n; i++) {
                const json_t *pair = json_array_get(vocab, i);
                const json_t *piece = json_array_get(pair, 0), *score = json_array_get(pair, 1);
                if (!json_is_string(piece) || !json_is_number(score))
                        return err_set(err, -EINVAL, "piece %zu of the vocabulary", i);
                b->scores[i] = json_number_value(score);
                least = b->scores[i] < least ? b->scores[i] : least;
                r = add_piece(b, json_string_value(piece), json_string_length(piece), (uint32_t)i);
        }
        b->head.n_scores = (uint32_t)n;
        b->head.unknown_score = least - UNKNOWN_BELOW;
        if (!id_of(json_object_get(model, "unk_id"), &b->head.unknown) || b->head.unknown >= n)
                return err_set(err, -EINVAL, "unk_id is not in the vocabulary");
        return r;
}

static int base64_value(char c)
{
        static const char alphabet[] =
                "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        const char *p = c ? strchr(alphabet, c) : NULL;
        return p ? (int)(p - alphabet) : -1;
}

static int read_charsmap(struct build *b, const char *text, struct err *err)
{
        size_t n = strlen(text), out = 0;
        uint32_t bits = 0, have = 0;
        while (n > 0 && text[n - 1] == '=')
                n--;
        if (n == 0 || b->charsmap)
                return err_set(err, -EINVAL, "precompiled_charsmap");
        b->charsmap = mem_try(n);
        if (!b->charsmap)
                return err_set(err, -ENOMEM, "no memory for the normal forms");
        for (size_t i = 0; i < n; i++) {
                int v = base64_value(text[i]);
                if (v < 0)
                        return err_set(err, -EINVAL, "precompiled_charsmap is no base64");
                bits = bits << 6 | (uint32_t)v;
                have += 6;
                if (have >= 8)
                        b->charsmap[out++] = (unsigned char)(bits >> (have -= 8));
        }
        b->head.charsmap_len = (uint32_t)out;
        return 0;
}

static int read_normalizer(struct build *b, const json_t *o, struct err *err)
{
        const char *type = str_at(o, "type");
        if (!o || json_is_null(o))
                return 0;
        if (str_eq(type, "BertNormalizer")) {
                bool lower = bool_at(o, "lowercase", true);
                b->head.flags |= (bool_at(o, "clean_text", true) ? TOKENIZER_CLEAN : 0u) |
                                 (bool_at(o, "handle_chinese_chars", true) ? TOKENIZER_CJK : 0u) |
                                 (bool_at(o, "strip_accents", lower) ? TOKENIZER_STRIP : 0u) |
                                 (lower ? TOKENIZER_LOWER : 0u);
                return b->head.kind == TOKENIZER_WORDPIECE
                               ? 0
                               : err_set(err, -EINVAL, "BertNormalizer without WordPiece");
        }
        if (b->head.kind == TOKENIZER_UNIGRAM && str_eq(type, "Precompiled"))
                return read_charsmap(b, str_at(o, "precompiled_charsmap"), err);
        /* Runs of blanks become one: what splitting at blanks does anyway. */
        const json_t *pattern = json_object_get(o, "pattern");
        if (b->head.kind == TOKENIZER_UNIGRAM && str_eq(type, "Replace") &&
            str_eq(str_at(pattern, "Regex"), " {2,}") && str_eq(str_at(o, "content"), " ")) {
                b->head.flags |= TOKENIZER_SPLIT;
                return 0;
        }
        if (!str_eq(type, "Sequence"))
                return err_set(err, -EINVAL, "normalizer '%.60s'", type);
        const json_t *list = json_object_get(o, "normalizers");
        int r = 0;
        for (size_t i = 0; i < json_array_size(list) && r == 0; i++)
                r = read_normalizer(b, json_array_get(list, i), err);
        return r;
}

static int read_pre(struct build *b, const json_t *o, struct err *err)
{
        const char *type = str_at(o, "type");
        bool unigram = b->head.kind == TOKENIZER_UNIGRAM;
        if (!unigram && str_eq(type, "BertPreTokenizer"))
                return 0;
        if (unigram && str_eq(type, "WhitespaceSplit")) {
                b->head.flags |= TOKENIZER_SPLIT;
                return 0;
        }
        if (unigram && str_eq(type, "Metaspace")) {
                const char *scheme = str_at(o, "prepend_scheme");
                if (!str_eq(str_at(o, "replacement"), "\xe2\x96\x81") ||
                    !bool_at(o, "add_prefix_space", true) || str_eq(scheme, "never") ||
                    !bool_at(o, "split", true))
                        return err_set(err, -EINVAL, "pre_tokenizer Metaspace as it is set");
                b->head.flags |= TOKENIZER_PREFIX;
                return 0;
        }
        const json_t *list = json_object_get(o, "pretokenizers");
        if (!str_eq(type, "Sequence") || json_array_size(list) == 0)
                return err_set(err, -EINVAL, "pre_tokenizer '%.60s'", type);
        int r = 0;
        for (size_t i = 0; i < json_array_size(list) && r == 0; i++)
                r = read_pre(b, json_array_get(list, i), err);
        return r;
}

static int around(uint32_t *list, uint32_t *n, const json_t *id, struct err *err)
{
        if (*n == TOKENIZER_AROUND_MAX || !id_of(id, &list[*n]))
                return err_set(err, -EINVAL, "the special tokens around a text");
        (*n)++;
        return 0;
}

static int read_template(struct build *b, const json_t *o, struct err *err)
{
        const json_t *single = json_object_get(o, "single");
        const json_t *known = json_object_get(o, "special_tokens");
        bool behind = false;
        int r = 0;
        for (size_t i = 0; i < json_array_size(single) && r == 0; i++) {
                const json_t *part = json_array_get(single, i);
                const json_t *special = json_object_get(part, "SpecialToken");
                if (!special) {
                        behind = true;
                        continue;
                }
                const json_t *ids =
                        json_object_get(json_object_get(known, str_at(special, "id")), "ids");
                for (size_t k = 0; k < json_array_size(ids) && r == 0; k++)
                        r = behind ? around(b->head.after, &b->head.n_after, json_array_get(ids, k),
                                            err)
                                   : around(b->head.before, &b->head.n_before,
                                            json_array_get(ids, k), err);
        }
        return r == 0 && !behind ? err_set(err, -EINVAL, "post_processor without the text") : r;
}

static int read_post(struct build *b, const json_t *o, struct err *err)
{
        const char *type = str_at(o, "type");
        if (str_eq(type, "TemplateProcessing"))
                return read_template(b, o, err);
        if (!str_eq(type, "RobertaProcessing") && !str_eq(type, "BertProcessing"))
                return err_set(err, -EINVAL, "post_processor '%.60s'", type);
        int r = around(b->head.before, &b->head.n_before,
                       json_array_get(json_object_get(o, "cls"), 1), err);
        if (r < 0)
                return r;
        return around(b->head.after, &b->head.n_after, json_array_get(json_object_get(o, "sep"), 1),
                      err);
}

static int add_added(struct build *b, const char *s, uint32_t id, uint32_t flags, struct err *err)
{
        struct added_token *a = &b->added[b->head.n_added++];
        *a = (struct added_token){id, flags, (uint32_t)b->added_text.len, (uint32_t)strlen(s)};
        if (a->len == 0 || buf_adds(&b->added_text, s) < 0)
                return err_set(err, -EINVAL, "added_tokens");
        if (id >= b->head.vocabulary)
                b->head.vocabulary = id + 1;
        return 0;
}

static int read_added(struct build *b, const json_t *list, struct err *err)
{
        size_t n = json_array_size(list);
        if (n > ADDED_MAX)
                return err_set(err, -EINVAL, "%zu added tokens", n);
        b->added = xcalloc(n + 1, sizeof *b->added);
        int r = 0;
        for (size_t i = 0; i < n && r == 0; i++) {
                const json_t *o = json_array_get(list, i);
                uint32_t id;
                if (!id_of(json_object_get(o, "id"), &id))
                        return err_set(err, -EINVAL, "added token %zu", i);
                bool any_case = bool_at(o, "normalized", false) && b->head.flags & TOKENIZER_LOWER;
                uint32_t flags = (bool_at(o, "lstrip", false) ? ADDED_LEFT : 0u) |
                                 (bool_at(o, "rstrip", false) ? ADDED_RIGHT : 0u) |
                                 (bool_at(o, "single_word", false) ? ADDED_WORD : 0u) |
                                 (any_case ? ADDED_ANY_CASE : 0u);
                r = add_added(b, str_at(o, "content"), id, flags, err);
        }
        return r;
}

static int put(struct buf *ret, const void *p, size_t n)
{
        static const char zero[8];
        int r = n ? buf_add(ret, p, n) : 0;
        return r < 0 || n % 8 == 0 ? r : buf_add(ret, zero, 8 - n % 8);
}

static int write_tables(struct build *b, struct buf *ret, struct err *err)
{
        auto_free struct trie_slot *slots = NULL;
        struct tokenizer_head *h = &b->head;
        if (h->n_scores && h->n_scores != h->vocabulary) /* added ones have no score */
                return err_set(err, -EINVAL, "added tokens outside of the vocabulary");
        int r = trie_build(b->pieces, b->n_pieces, &slots, &h->n_slots);
        if (r < 0)
                return err_set(err, r, "the vocabulary has a piece twice, or is too large");
        h->added_len = (uint32_t)b->added_text.len;
        buf_clear(ret);
        if (put(ret, h, sizeof *h) < 0 || put(ret, slots, h->n_slots * sizeof *slots) < 0 ||
            put(ret, b->scores, h->n_scores * sizeof *b->scores) < 0 ||
            put(ret, b->added, h->n_added * sizeof *b->added) < 0 ||
            put(ret, buf_text(&b->added_text), h->added_len) < 0 ||
            put(ret, b->charsmap, h->charsmap_len) < 0)
                return err_set(err, -E2BIG, "the tokenizer's tables are too large");
        struct tokenizer t;
        return tokenizer_view(ret->data, ret->len, &t, err);
}

int tokenizer_build_json(struct slice json, struct buf *ret, struct err *err)
{
        CLEANUP(build_done) struct build b = {0};
        auto_json json_t *j = NULL;
        buf_init(&b.added_text, 1u << 20);
        int r = json_parse(json.data, json.len, &j, err);
        if (r < 0)
                return err_wrap(err, r, "tokenizer.json");
        const json_t *model = json_object_get(j, "model");
        const char *type = str_at(model, "type");
        /* Older files do not say which; only WordPiece has this field. */
        if (str_eq(type, "WordPiece") || json_object_get(model, "continuing_subword_prefix"))
                r = read_wordpiece(&b, model, err);
        else if (str_eq(type, "Unigram"))
                r = read_unigram(&b, model, err);
        else
                r = err_set(err, -EINVAL, "model '%.60s'", type);
        if (r == 0)
                r = read_normalizer(&b, json_object_get(j, "normalizer"), err);
        if (r == 0)
                r = read_pre(&b, json_object_get(j, "pre_tokenizer"), err);
        if (r == 0)
                r = read_post(&b, json_object_get(j, "post_processor"), err);
        if (r == 0)
                r = read_added(&b, json_object_get(j, "added_tokens"), err);
        if (r == 0)
                r = write_tables(&b, ret, err);
        return r < 0 ? err_wrap(err, r, "tokenizer.json") : 0;
}

/* The line's number is the piece's. */
static int read_lines(struct build *b, struct slice v, struct err *err)
{
        size_t n = 1;
        for (size_t i = 0; i < v.len; i++)
                n += v.data[i] == '\n';
        int r = pieces_room(b, n, err);
        uint32_t id = 0;
        for (size_t at = 0; at < v.len && r == 0; id++) {
                const char *end = memchr(v.data + at, '\n', v.len - at);
                size_t len = end ? (size_t)(end - v.data) - at : v.len - at;
                size_t cut = len > 0 && v.data[at + len - 1] == '\r' ? len - 1 : len;
                r = add_piece(b, v.data + at, cut, id);
                at += len + 1;
        }
        return r;
}

static bool find_line(const struct build *b, const char *piece, uint32_t *ret)
{
        for (size_t i = 0; i < b->n_pieces; i++)
                if (b->pieces[i].len == strlen(piece) &&
                    memcmp(b->pieces[i].text, piece, b->pieces[i].len) == 0) {
                        *ret = (uint32_t)b->pieces[i].id;
                        return true;
                }
        return false;
}

int tokenizer_build_vocab(struct slice vocab, bool lower, struct buf *ret, struct err *err)
{
        static const char *const special[] = {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"};
        CLEANUP(build_done)
        struct build b = {.head = {.kind = TOKENIZER_WORDPIECE,
                                   .word_chars = 100,
                                   .inner = "##",
                                   .n_before = 1,
                                   .n_after = 1}};
        buf_init(&b.added_text, 1u << 20);
        b.head.flags =
                TOKENIZER_CLEAN | TOKENIZER_CJK | (lower ? TOKENIZER_STRIP | TOKENIZER_LOWER : 0u);
        b.added = xcalloc(ARRAY_LEN(special), sizeof *b.added);
        int r = read_lines(&b, vocab, err);
        if (r < 0)
                return err_wrap(err, r, "vocab.txt");
        if (!find_line(&b, "[UNK]", &b.head.unknown) ||
            !find_line(&b, "[CLS]", &b.head.before[0]) || !find_line(&b, "[SEP]", &b.head.after[0]))
                return err_set(err, -EINVAL, "vocab.txt lacks [UNK], [CLS] or [SEP]");
        for (size_t i = 0; i < ARRAY_LEN(special) && r == 0; i++) {
                uint32_t id;
                if (find_line(&b, special[i], &id))
                        r = add_added(&b, special[i], id, 0, err);
        }
        if (r == 0)
                r = write_tables(&b, ret, err);
        return r < 0 ? err_wrap(err, r, "vocab.txt") : 0;
}
