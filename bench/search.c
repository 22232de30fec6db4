/* search [DOCS] - the store and the search of rag by themselves, for bench/45-search.sh: text like
 * that of a small encyclopaedia (Zipf's words, lengths of rag.md's case), given vectors of 768. Prints
 * rows of Markdown: what, figure. */
#include "base/fd.h"
#include "base/mem.h"
#include "rag/lexical/bm25.h"
#include "rag/search.h"
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <time.h>

#define VOCABULARY 60000
#define DIMS       768

static uint64_t state = 88172645463325252u;
static uint32_t random32(void)
{
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        return (uint32_t)(state >> 16);
}
static double random_unit(void)
{
        return (random32() + 0.5) / 4294967296.0;
}

static double now_ms(void)
{
        struct timespec t;
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
        return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void must(int r, const struct err *err)
{
        if (r >= 0)
                return;
        fprintf(stderr, "search: %s\n", err_text(err));
        exit(1);
}

/* The k-th word: letters of its number, the common ones short. */
static size_t word(uint32_t k, char *dst)
{
        size_t n = 0;
        for (k += 20; k; k /= 21)
                dst[n++] = "bcdfghjklmnpqrstvwxyz"[k % 21], dst[n++] = "aeiou"[k % 5];
        return n;
}

static uint32_t zipf(void)
{
        return (uint32_t)pow(VOCABULARY, random_unit()) - 1;
}

/* `words` words with sentences; the length. */
static size_t text_of(char *dst, int words)
{
        size_t n = 0;
        for (int i = 0; i < words; i++) {
                n += word(zipf(), dst + n);
                dst[n++] = i % 14 == 13 ? '.' : ' ';
        }
        dst[n] = '\0';
        return n;
}

static double making_ms; /* of the texts, which is not measured */

static void put_docs(struct space *s, int docs, uint64_t *ret_bytes)
{
        static char text[64000];
        CLEANUP(gathered_done) struct gathered g;
        struct err err = {0};
        gathered_init(&g);
        must(space_begin(s, &err), &err);
        for (int d = 0; d < docs; d++) {
                struct parse_end end = {.status = PARSE_INDEXED, .size = 1000, .hash = "x"};
                char path[32];
                /* mean 170 words, and a tail of long ones: some 1.1 passages each */
                int words = 40 + (int)(-110 * log(random_unit()));
                snprintf(path, sizeof path, "a/%06d.txt", d);
                text_of(end.title, 2);
                gathered_clear(&g);
                for (; words > 0; words -= 250) {
                        double begin = now_ms();
                        size_t n = text_of(text, words < 250 ? words : 250);
                        making_ms += now_ms() - begin;
                        struct passage p = {.text = {text, n}};
                        *ret_bytes += n;
                        must(gathered_add(&g, &p, &err), &err);
                }
                must(space_put(s, path, &end, &g, &err), &err);
                if (space_pending(s) > (64u << 20)) {
                        must(space_commit(s, &err), &err);
                        must(space_begin(s, &err), &err);
                }
        }
        must(space_commit(s, &err), &err);
}

static uint64_t put_vectors(struct space *s)
{
        static float block[VECTOR_BLOCK * DIMS];
        struct vector_model m = {.id = "bench", .dims = DIMS};
        struct err err = {0};
        uint64_t all = 0;
        size_t n;
        space_hold(s, true);
        must(space_use_model(s, &m, &err), &err);
        const struct segment *g = space_segments(s, &n);
        for (size_t i = 0; i < n; i++) {
                struct vectors *v;
                must(space_vectors(s, g[i].id, &v, &err), &err);
                for (uint32_t b = 0; b < vectors_blocks(v); b++) {
                        for (uint32_t k = 0; k < VECTOR_BLOCK; k++) {
                                double sum = 0;
                                for (uint32_t d = 0; d < DIMS; d++) {
                                        float x = (float)(int32_t)random32() / 2147483648.0f;
                                        block[k * DIMS + d] = x;
                                        sum += (double)(x * x);
                                }
                                for (uint32_t d = 0; d < DIMS; d++)
                                        block[k * DIMS + d] /= (float)sqrt(sum);
                        }
                        vectors_put(v, b, block);
                        all += vectors_in(v, b);
                }
                must(vectors_sync(v, &err), &err);
        }
        space_unhold(s);
        return all;
}

static int ascending(const void *x, const void *y)
{
        const double *a = x, *b = y;
        return *a < *b ? -1 : *a > *b;
}

/* p50 and p99 of n searches. */
static void searches(struct space *s, const char *what, bool by_word, bool by_meaning, int n)
{
        static double spent[5000];
        static float v[DIMS];
        CLEANUP(words_freep) struct words *w = words_new();
        struct err err = {0};
        double total = 0;
        for (int i = 0; i < n; i++) {
                char text[400] = "";
                CLEANUP(hits_done) struct hits h = {0};
                double sum = 0;
                if (by_word)
                        for (size_t at = 0, k = 0; k < 4; k++) {
                                at += word(zipf(), text + at);
                                text[at++] = ' ';
                                text[at] = '\0';
                        }
                for (int d = 0; d < DIMS; d++) {
                        v[d] = (float)(int32_t)random32() / 2147483648.0f;
                        sum += (double)(v[d] * v[d]);
                }
                for (int d = 0; d < DIMS; d++)
                        v[d] /= (float)sqrt(sum);
                struct search q = {text, "", 10, by_meaning ? v : NULL, DIMS};
                double begin = now_ms();
                must(search_run(s, w, &q, &h, &err), &err);
                total += spent[i] = now_ms() - begin;
        }
        qsort(spent, (size_t)n, sizeof *spent, ascending);
        printf("| %s: p50 / p99, a second | %.2f / %.2f ms, %.0f |\n", what, spent[n / 2],
               spent[n * 99 / 100], n / total * 1e3);
}

static bool any(void *ctx, uint32_t segment, uint32_t passage)
{
        (void)ctx;
        (void)segment;
        return passage != UINT32_MAX;
}

/* The searches below search_run: the index of words, and the vectors, alone. */
static void alone(struct space *s, int n)
{
        size_t segments;
        const struct segment *g = space_segments(s, &segments);
        const struct lexicon *l[64];
        const struct vectors *list[64];
        static float v[DIMS];
        double words = 0, spent[300];
        for (size_t i = 0; i < segments && i < 64; i++) {
                l[i] = &g[i].words;
                list[i] = g[i].vectors;
        }
        for (int i = 0; i < n; i++) {
                struct bm25_term t[4];
                struct bm25 q = {.terms = t, .n_terms = 4};
                struct bm25_hit hits[10];
                for (int k = 0; k < 4; k++)
                        t[k].len = (uint32_t)word(zipf(), t[k].term);
                double begin = now_ms();
                must(bm25_run(&q, l, segments, 10, any, NULL, hits) < 0 ? -1 : 0, NULL);
                words += now_ms() - begin;
        }
        printf("| BM25 alone, 4 words, top 10: a second, one core | %.0f |\n", n / words * 1e3);
        for (int i = 0; i < 300; i++) {
                struct vector_hit hits[10];
                vectors_get(list[0], (uint32_t)i, v);
                for (int d = 0; d < DIMS; d++)
                        v[d] += (float)(int32_t)random32() / 2147483648.0f * 0.02f;
                double begin = now_ms();
                must(vectors_search(list, segments, v, DIMS, 10, any, NULL, hits) < 0 ? -1 : 0,
                     NULL);
                spent[i] = now_ms() - begin;
        }
        qsort(spent, 300, sizeof *spent, ascending);
        printf("| exact top 10 of the vectors, one thread: p50 / p99 | %.2f / %.2f ms |\n",
               spent[150], spent[297]);
}

int main(int argc, char **argv)
{
        char dir[] = "/var/tmp/search-XXXXXX";
        int docs = argc > 1 ? (int)strtol(argv[1], NULL, 10) : 48000;
        struct space *s;
        struct err err = {0};
        uint64_t bytes = 0;
        if (!mkdtemp(dir))
                return 1;
        struct spaces *all = spaces_new(dir_open_at(AT_FDCWD, dir));
        must(space_get(all, "bench", true, &s, &err), &err);
        double begin = now_ms();
        put_docs(s, docs, &bytes);
        double text = now_ms() - begin - making_ms;
        begin = now_ms();
        while (space_tidy(s, &err) > 0)
                continue;
        double tidy = now_ms() - begin;
        begin = now_ms();
        uint64_t n = put_vectors(s);
        printf("| %llu passages of %d documents, %.0f MB of text: indexed by word, durable, one "
               "core | "
               "%.2f s, %.0f MB/s |\n",
               (unsigned long long)n, docs, (double)bytes / 1e6, text / 1e3,
               (double)bytes / 1e3 / text);
        printf("| their segments joined | %.2f s |\n", tidy / 1e3);
        printf("| their %d-dimensional vectors made up and stored, durable | %.2f s |\n", DIMS,
               (now_ms() - begin) / 1e3);
        alone(s, 3000);
        searches(s, "search by word", true, false, 1000);
        searches(s, "search by word and meaning, without the question's vector", true, true, 500);
        space_release(s);
        spaces_free(all);
        all = spaces_new(dir_open_at(AT_FDCWD, dir));
        begin = now_ms();
        must(space_get(all, "bench", true, &s, &err), &err);
        printf("| opened | %.1f ms |\n", now_ms() - begin);
        begin = now_ms();
        must(space_begin(s, &err), &err);
        must(space_forget(s, 7, &err), &err);
        must(space_commit(s, &err), &err);
        printf("| a document removed, durable | %.1f ms |\n", now_ms() - begin);
        space_release(s);
        spaces_free(all);
        return tree_remove_at(AT_FDCWD, dir) < 0;
}
