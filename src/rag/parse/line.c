#include "rag/parse/text.h"
#include <ctype.h>

#define HEADING_MAX 120 /* characters: what is longer is a sentence */

struct slice line_trim(struct slice s)
{
        while (s.len && isspace((unsigned char)s.data[0]))
                s = (struct slice){s.data + 1, s.len - 1};
        while (s.len && isspace((unsigned char)s.data[s.len - 1]))
                s.len--;
        return s;
}

uint32_t line_atx(struct slice *s)
{
        struct slice t = line_trim(*s);
        uint32_t level = 0;
        while (level < t.len && t.data[level] == '#')
                level++;
        if (level < 1 || level > 6 || level >= t.len || !isspace((unsigned char)t.data[level]))
                return 0;
        t = line_trim((struct slice){t.data + level, t.len - level});
        while (t.len && t.data[t.len - 1] == '#')
                t.len--;
        *s = line_trim(t);
        return level;
}

bool line_rule(struct slice s)
{
        struct slice t = line_trim(s);
        if (t.len < 3 || !strchr("=-~*^#\"+'`:._", t.data[0]))
                return false;
        for (size_t i = 1; i < t.len; i++)
                if (t.data[i] != t.data[0])
                        return false;
        return true;
}

bool line_underlines(struct slice rule, struct slice text)
{
        size_t r = line_trim(rule).len, n = 0;
        struct slice t = line_trim(text);
        for (size_t i = 0; i < t.len; i++)
                n += ((unsigned char)t.data[i] & 0xc0) != 0x80; /* characters, not bytes */
        return n > 0 && n <= HEADING_MAX && r + 2 >= n;
}

/* Bytes of the blank at i, which may be one that does not break: 0 = none is there. */
static size_t blank_at(struct slice t, size_t i)
{
        if (i < t.len && t.data[i] == ' ')
                return 1;
        return i + 1 < t.len && memcmp(t.data + i, "\xc2\xa0", 2) == 0 ? 2 : 0;
}

/* What stands behind the word and a blank: 0 = t does not begin so. */
static size_t behind_word(struct slice t, const char *word)
{
        size_t n = strlen(word);
        if (t.len <= n || strncasecmp(t.data, word, n) != 0 || !blank_at(t, n))
                return 0;
        return n + blank_at(t, n);
}

/* "4", "4.2", "A.1": the count of numbers; *at moves behind it and the dot that may follow. */
static uint32_t numbers(struct slice t, size_t *at)
{
        uint32_t n = 0;
        size_t i = *at;
        for (;;) {
                size_t begin = i;
                if (n == 0 && i + 1 < t.len && isupper((unsigned char)t.data[i]) &&
                    t.data[i + 1] == '.')
                        i++;
                else
                        while (i < t.len && i < begin + 3 && isdigit((unsigned char)t.data[i]))
                                i++;
                if (i == begin)
                        break;
                n++;
                *at = i;
                if (i >= t.len || t.data[i] != '.')
                        break;
                *at = ++i;
        }
        return n;
}

uint32_t line_numbered(struct slice s)
{
        struct slice t = line_trim(s);
        if (t.len < 4 || t.len > HEADING_MAX)
                return 0;
        size_t at = behind_word(t, "chapter");
        if (!at)
                at = behind_word(t, "appendix");
        bool named = at > 0;
        uint32_t n = numbers(t, &at);
        if (n == 0 || (n == 1 && !named) || n > 6)
                return 0;
        size_t gap = blank_at(t, at);
        if (!gap)
                return 0;
        struct slice title = line_trim((struct slice){t.data + at + gap, t.len - at - gap});
        if (title.len < 2 || isdigit((unsigned char)title.data[0]) ||
            strchr("),;:=<>|+", title.data[0]) || strchr(".,;:", title.data[title.len - 1]))
                return 0;
        return islower((unsigned char)title.data[0]) && t.data[at - 1] != '.' && n < 2 ? 0 : n;
}

bool line_number_alone(struct slice s)
{
        struct slice t = line_trim(s);
        size_t at = 0;
        return t.len < 16 && numbers(t, &at) > 1 && at == t.len && t.data[at - 1] != '.';
}

bool line_capitals(struct slice s)
{
        struct slice t = line_trim(s);
        size_t letters = 0;
        for (size_t i = 0; i < t.len; i++) {
                if (!isupper((unsigned char)t.data[i]) && !strchr(" -/&,'", t.data[i]))
                        return false;
                letters += isupper((unsigned char)t.data[i]) != 0;
        }
        return letters >= 4 && t.len <= 60;
}

bool line_bullet(struct slice s)
{
        struct slice t = line_trim(s);
        if (t.len < 3)
                return false;
        if (strchr("*-+", t.data[0]))
                return t.data[1] == ' ';
        if (t.len > 4 &&
            (memcmp(t.data, "\xe2\x80\xa2", 3) == 0 || memcmp(t.data, "\xe2\x80\x93 ", 4) == 0))
                return true;
        size_t i = t.data[0] == '(', digits = i;
        while (i < t.len && i < digits + 3 && isdigit((unsigned char)t.data[i]))
                i++;
        if (i == digits && t.data[0] == '(' && islower((unsigned char)t.data[i]))
                i++;
        return i > digits && i + 1 < t.len && strchr(").", t.data[i]) && t.data[i + 1] == ' ';
}

bool line_contents(struct slice s)
{
        struct slice t = line_trim(s);
        if (t.len > 2 && strchr("*-+", t.data[0]) && t.data[1] == ' ')
                t = (struct slice){t.data + 2, t.len - 2};
        return line_numbered(t) > 1;
}

bool line_leaders(struct slice s)
{
        size_t run = 0;
        for (size_t i = 0; i + 1 < s.len; i++) {
                if (s.data[i] == '.' && s.data[i + 1] == ' ') {
                        run++;
                        i++;
                } else {
                        run = 0;
                }
                if (run >= 4)
                        return true;
        }
        return memmem(s.data, s.len, "........", 8) != NULL;
}

bool line_continued(struct slice s)
{
        struct slice t = line_trim(s);
        return (t.len == 24 && memcmp(t.data, "(continues on next page)", 24) == 0) ||
               (t.len == 30 && memcmp(t.data, "(continued from previous page)", 30) == 0);
}

bool line_target(struct slice s)
{
        struct slice t = line_trim(s);
        return t.len > 5 && memcmp(t.data, ".. _", 4) == 0 && t.data[t.len - 1] == ':';
}
