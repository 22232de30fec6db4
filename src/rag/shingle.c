#include "rag/shingle.h"
#include <ctype.h>

static int ascending(const void *x, const void *y)
{
        uint32_t a = *(const uint32_t *)x, b = *(const uint32_t *)y;
        return a < b ? -1 : a > b;
}

/* FNV-1a of the next word in lower case; 0 at the end of the text. */
static uint32_t next_word(const char **p)
{
        const unsigned char *s = (const unsigned char *)*p;
        while (*s && !isalnum(*s) && *s < 0x80)
                s++;
        uint32_t h = 2166136261u;
        const unsigned char *begin = s;
        for (; isalnum(*s) || *s >= 0x80; s++)
                h = (h ^ (unsigned)tolower(*s)) * 16777619u;
        *p = (const char *)s;
        return s == begin ? 0 : h | 1;
}

void shingles_of(const char *text, struct shingles *ret)
{
        uint32_t word[SHINGLE_WORDS] = {0}, h, count = 0;
        ret->n = 0;
        while (ret->n < SHINGLES_MAX && (h = next_word(&text))) {
                memmove(word, word + 1, sizeof word - sizeof *word);
                word[SHINGLE_WORDS - 1] = h;
                if (++count < SHINGLE_WORDS)
                        continue;
                uint32_t all = 2166136261u;
                for (int i = 0; i < SHINGLE_WORDS; i++)
                        all = (all ^ word[i]) * 16777619u;
                ret->hash[ret->n++] = all;
        }
        if (ret->n == 0) { /* fewer words than a shingle: all of them are one */
                uint32_t all = 2166136261u;
                for (int i = 0; i < SHINGLE_WORDS; i++)
                        all = (all ^ word[i]) * 16777619u;
                ret->hash[ret->n++] = all;
        }
        qsort(ret->hash, ret->n, sizeof *ret->hash, ascending);
        uint32_t n = 0;
        for (uint32_t i = 0; i < ret->n; i++)
                if (i == 0 || ret->hash[i] != ret->hash[n - 1])
                        ret->hash[n++] = ret->hash[i];
        ret->n = n;
}

unsigned shingles_share(const struct shingles *a, const struct shingles *b)
{
        uint32_t i = 0, k = 0, same = 0, least = a->n < b->n ? a->n : b->n;
        while (i < a->n && k < b->n) {
                if (a->hash[i] == b->hash[k]) {
                        same++;
                        i++;
                        k++;
                } else if (a->hash[i] < b->hash[k]) {
                        i++;
                } else {
                        k++;
                }
        }
        return same * 100 / least;
}
