#include "conf/option.h"
#include "base/limits.h"
#include "base/str.h"
#include <inttypes.h>

#define SHOW_MAX     128 /* bytes of a bad value repeated in an error */
#define SUGGEST_WORD 64  /* longer words are not compared */

const char *option_type_text(enum option_type t)
{
        static const char *const names[] = {
                [OPTION_BOOL] = "true or false", [OPTION_U64] = "number",  [OPTION_BYTES] = "size",
                [OPTION_MS] = "duration",        [OPTION_CORES] = "cores", [OPTION_STR] = "text",
                [OPTION_NAME] = "name",          [OPTION_PATH] = "path",   [OPTION_ENUM] = "word",
                [OPTION_LIST] = "list",
        };
        return names[t];
}

static bool is_number(enum option_type t)
{
        return t == OPTION_U64 || t == OPTION_BYTES || t == OPTION_MS || t == OPTION_CORES;
}

/* "1.5" -> 1500; at most three digits behind the point. */
static int cores_parse(const char *s, uint64_t *ret)
{
        uint64_t whole = 0, part = 0;
        char head[21];
        size_t n = strcspn(s, ".");
        if (n >= sizeof head)
                return -ERANGE;
        memcpy(head, s, n);
        head[n] = '\0';
        int r = str_to_u64(head, &whole);
        if (r < 0)
                return r;
        if (s[n] == '.') {
                const char *tail = s + n + 1;
                size_t digits = strlen(tail);
                r = digits > 3 ? -EINVAL : str_to_u64(tail, &part);
                if (r < 0)
                        return r;
                for (; digits < 3; digits++)
                        part *= 10;
        }
        if (whole > 1000000)
                return -ERANGE;
        *ret = whole * 1000 + part;
        return 0;
}

/* A number of that type as a person writes it: in the largest unit that divides it. */
static int number_show(enum option_type t, uint64_t n, struct buf *ret)
{
        static const struct {
                uint64_t factor;
                const char *name;
        } sizes[] = {{1ull << 40, "TiB"}, {1u << 30, "GiB"}, {1u << 20, "MiB"}, {1024, "KiB"}},
          times[] = {{86400000, "d"}, {3600000, "h"}, {60000, "m"}, {1000, "s"}};
        if (t == OPTION_CORES) {
                if (n % 1000 == 0)
                        return buf_addf(ret, "%" PRIu64, n / 1000);
                int digits = n % 100 == 0 ? 1 : n % 10 == 0 ? 2 : 3;
                return buf_addf(ret, "%.*f", digits, (double)n / 1000);
        }
        for (size_t i = 0; t == OPTION_BYTES && n && i < ARRAY_LEN(sizes); i++)
                if (n % sizes[i].factor == 0)
                        return buf_addf(ret, "%" PRIu64 "%s", n / sizes[i].factor, sizes[i].name);
        for (size_t i = 0; t == OPTION_MS && n && i < ARRAY_LEN(times); i++)
                if (n % times[i].factor == 0)
                        return buf_addf(ret, "%" PRIu64 "%s", n / times[i].factor, times[i].name);
        return buf_addf(ret, "%" PRIu64 "%s", n, t == OPTION_MS && n ? "ms" : "");
}

static int expected_choices(const struct option *o, struct buf *ret)
{
        int r = buf_adds(ret, "one of");
        for (const char *const *c = o->choices; *c && r >= 0; c++)
                r = buf_addf(ret, "%s %s", c == o->choices ? "" : ",", *c);
        return r;
}

int option_expected(const struct option *o, struct buf *ret)
{
        static const char *const phrases[] = {
                [OPTION_BOOL] = "true or false",
                [OPTION_U64] = "a whole number",
                [OPTION_BYTES] = "a size such as 512M",
                [OPTION_MS] = "a duration such as 30s",
                [OPTION_CORES] = "a number of cores such as 1.5",
                [OPTION_STR] = "one line of text",
                [OPTION_NAME] = "a name of at most 63 of a-z, 0-9 and -",
                [OPTION_PATH] = "an absolute path",
                [OPTION_LIST] = "a list of texts without comma",
        };
        if (o->type == OPTION_ENUM)
                return expected_choices(o, ret);
        int r = buf_adds(ret, phrases[o->type]);
        if (r < 0 || !o->max)
                return r;
        if (!is_number(o->type))
                return buf_addf(ret, " of at most %" PRIu64 " bytes", o->max);
        r = buf_adds(ret, ", from ");
        r = r < 0 ? r : number_show(o->type, o->min, ret);
        r = r < 0 ? r : buf_adds(ret, " to ");
        r = r < 0 ? r : number_show(o->type, o->max, ret);
        return r < 0 || !o->zero || !o->min ? r : buf_addf(ret, " (or 0: %s)", o->zero);
}

static int refuse(const struct option *o, const char *text, struct err *err)
{
        CLEANUP(buf_done) struct buf want = {0};
        buf_init(&want, ERR_TEXT_MAX);
        if (option_expected(o, &want) < 0)
                buf_clear(&want);
        int n = (int)utf8_clip(text, strlen(text), SHOW_MAX);
        return err_set(err, -EINVAL, "'%.*s' is not valid, expected %s", n, text, buf_text(&want));
}

static int number_parse(const struct option *o, const char *text, struct buf *ret, struct err *err)
{
        uint64_t n = 0;
        int r = o->type == OPTION_BYTES   ? str_to_bytes(text, &n)
                : o->type == OPTION_MS    ? str_to_ms(text, &n)
                : o->type == OPTION_CORES ? cores_parse(text, &n)
                                          : str_to_u64(text, &n);
        bool special = o->zero && n == 0;
        if (r < 0 || (o->max && !special && (n < o->min || n > o->max)))
                return refuse(o, text, err);
        return buf_addf(ret, "%" PRIu64, n);
}

/* Text is one line: it goes into logs, into YAML and into a NUL-separated list. */
static bool text_valid(const struct option *o, const char *text)
{
        size_t n = strlen(text);
        if (!utf8_valid(text, n) || (o->max && n > o->max))
                return false;
        for (size_t i = 0; i < n; i++)
                if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
                        return false;
        switch (o->type) {
        case OPTION_NAME:
                return str_is_name(text);
        case OPTION_PATH:
                return text[0] == '/' && n < PATH_TEXT_MAX;
        case OPTION_LIST:
                return n > 0 && !strchr(text, ',');
        default:
                return true;
        }
}

static bool is_choice(const struct option *o, const char *text)
{
        for (const char *const *c = o->choices; *c; c++)
                if (str_eq(*c, text))
                        return true;
        return false;
}

int option_parse(const struct option *o, const char *text, struct buf *ret, struct err *err)
{
        if (is_number(o->type))
                return number_parse(o, text, ret, err);
        if (!*text && o->type != OPTION_LIST && o->def && !*o->def)
                return 0;
        bool ok = o->type == OPTION_BOOL   ? str_eq(text, "true") || str_eq(text, "false")
                  : o->type == OPTION_ENUM ? is_choice(o, text)
                                           : text_valid(o, text);
        if (!ok)
                return refuse(o, text, err);
        int r = o->check ? o->check(text, err) : 0;
        return r < 0 ? r : buf_adds(ret, text);
}

int option_show(const struct option *o, const char *canonical, struct buf *ret)
{
        uint64_t n;
        if (is_number(o->type) && str_to_u64(canonical, &n) == 0)
                return number_show(o->type, n, ret);
        return buf_adds(ret, canonical);
}

static size_t least(size_t a, size_t b, size_t c)
{
        size_t m = a < b ? a : b;
        return m < c ? m : c;
}

/* Edits between two words: insert, delete, replace, or swap of neighbours (optimal string
 * alignment; three rows are enough). */
static size_t distance(const char *a, const char *b)
{
        size_t rows[3][SUGGEST_WORD + 1], n = strlen(b);
        size_t *before = rows[0], *above = rows[1], *row = rows[2];
        for (size_t j = 0; j <= n; j++)
                above[j] = before[j] = j;
        for (size_t i = 1; a[i - 1]; i++) {
                row[0] = i;
                for (size_t j = 1; j <= n; j++) {
                        row[j] = least(above[j] + 1, row[j - 1] + 1,
                                       above[j - 1] + (a[i - 1] != b[j - 1]));
                        bool swap = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
                        if (swap && before[j - 2] + 1 < row[j])
                                row[j] = before[j - 2] + 1;
                }
                size_t *reuse = before;
                before = above;
                above = row;
                row = reuse;
        }
        return above[n];
}

const char *option_suggest(const char *word, const void *list, size_t n, size_t stride)
{
        const char *best = NULL;
        size_t len = strlen(word), best_d = len / 3 + 1; /* a third of the word may be wrong */
        if (len == 0 || len > SUGGEST_WORD)
                return NULL;
        for (size_t i = 0; i < n; i++) {
                const char *w;
                memcpy(&w, (const char *)list + i * stride, sizeof w);
                if (!w || strlen(w) > SUGGEST_WORD)
                        continue;
                size_t d = distance(word, w);
                if (d > best_d || (best && d == best_d))
                        continue;
                best = w;
                best_d = d;
        }
        return best;
}
