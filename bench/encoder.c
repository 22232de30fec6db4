/* The encoder by itself, for bench/40-encoder.sh and tests/peers:
 *   encoder pack DIR PRECISION OUT           the publisher's files to a packed one
 *   encoder tokens TOKENIZER TEXTS           pieces of each text: id:begin:end
 *   encoder embed MODEL KERNEL KIND TEXTS OUT   vectors, as floats
 *   encoder speed MODEL KERNEL TEXTS [THREADS]  tokens a second and the like, as JSON
 * TEXTS: a file of texts, each with a NUL behind it. KERNEL "best": what the product would take. */
#include "base/fd.h"
#include "base/mem.h"
#include "base/str.h"
#include "rag/embed/model.h"
#include "rag/embed/pack.h"
#include "rag/embed/tokenizer_build.h"
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>

NORETURN static void fail(const char *what, const struct err *err)
{
        fprintf(stderr, "encoder: %s: %s\n", what, err ? err_text(err) : "failed");
        exit(1);
}

static struct slice map_file(const char *dir, const char *name)
{
        char path[4096];
        struct stat st;
        snprintf(path, sizeof path, "%s%s%s", dir, *dir ? "/" : "", name);
        auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0 || fstat(fd, &st) < 0 || st.st_size == 0)
                return (struct slice){NULL, 0};
        void *p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (p == MAP_FAILED)
                fail(path, NULL);
        return (struct slice){p, (size_t)st.st_size};
}

static int to_file(void *ctx, const void *p, size_t n)
{
        return fwrite(p, 1, n, ctx) == n ? 0 : -EIO;
}

static int pack(char **argv)
{
        struct err err = {0};
        struct pack_files f = {.config = map_file(argv[0], "config.json"),
                               .weights = map_file(argv[0], "model.safetensors"),
                               .tokenizer = map_file(argv[0], "tokenizer.json"),
                               .vocab = map_file(argv[0], "vocab.txt"),
                               .tokenizer_config = map_file(argv[0], "tokenizer_config.json"),
                               .pooling = map_file(argv[0], "1_Pooling/config.json"),
                               .sentence = map_file(argv[0], "sentence_bert_config.json"),
                               .prompts = map_file(argv[0], "config_sentence_transformers.json"),
                               .modules = map_file(argv[0], "modules.json")};
        struct pack_options o = {.precision = str_eq(argv[1], "int8")   ? EMBED_INT8
                                              : str_eq(argv[1], "bf16") ? EMBED_BF16
                                                                        : EMBED_FP32,
                                 .name = "bench"};
        FILE *out = fopen(argv[2], "we");
        if (!out)
                fail(argv[2], NULL);
        if (pack_model(&f, &o, to_file, out, &err) < 0)
                fail(argv[0], &err);
        return fclose(out) == 0 ? 0 : 1;
}

struct texts {
        struct slice *list;
        size_t n;
};

static struct texts read_texts(const char *path)
{
        struct slice all = map_file("", path);
        struct texts t = {xmalloc((all.len + 1) * sizeof *t.list), 0};
        for (size_t at = 0; at < all.len;) {
                size_t n = strnlen(all.data + at, all.len - at);
                t.list[t.n++] = (struct slice){all.data + at, n};
                at += n + 1;
        }
        return t;
}

static int tokens(char **argv)
{
        struct err err = {0};
        struct buf tables;
        struct tokenizer t;
        struct embed_tokens out = {0};
        struct slice file = map_file("", argv[0]);
        buf_init(&tables, TOKENIZER_TABLES_MAX);
        int r = str_ends(argv[0], ".txt") ? tokenizer_build_vocab(file, true, &tables, &err)
                                          : tokenizer_build_json(file, &tables, &err);
        if (r < 0 || tokenizer_view(tables.data, tables.len, &t, &err) < 0)
                fail(argv[0], &err);
        struct texts x = read_texts(argv[1]);
        for (size_t i = 0; i < x.n; i++) {
                if (tokenizer_run(&t, x.list[i], &out, &err) < 0)
                        fail(argv[1], &err);
                for (size_t k = 0; k < out.n; k++)
                        printf("%u:%u:%u ", out.list[k].id, out.list[k].begin, out.list[k].end);
                putchar('\n');
        }
        return 0;
}

static struct embed_model *open_model(const char *path, const char *kernel)
{
        struct err err = {0};
        struct embed_model *m;
        auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0 || embed_open(fd, &m, &err) < 0)
                fail(path, &err);
        if (!str_eq(kernel, "best") && model_use_kernel(m, kernel) < 0)
                fail(kernel, NULL);
        return m;
}

static int embed(char **argv)
{
        struct err err = {0};
        struct embed_model *m = open_model(argv[0], argv[1]);
        struct embed_worker *w = embed_worker_new(m, NULL);
        struct texts x = read_texts(argv[3]);
        uint32_t dims = embed_info(m)->dims;
        float *v = xmalloc(x.n * dims * sizeof *v);
        FILE *out = fopen(argv[4], "we");
        enum embed_kind kind = str_eq(argv[2], "query") ? EMBED_QUERY : EMBED_PASSAGE;
        if (embed_texts(w, kind, x.list, x.n, v, &err) < 0)
                fail(argv[3], &err);
        if (!out || to_file(out, v, x.n * dims * sizeof *v) < 0 || fclose(out) != 0)
                fail(argv[4], NULL);
        return 0;
}

/* --- speed: time of the thread, so that what else runs on the machine counts little */

static double seconds(clockid_t clock)
{
        struct timespec t;
        clock_gettime(clock, &t);
        return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* What the processor can do at most at this moment, in products and additions a second: of bytes by
 * VNNI, or of floats. The loop of a kernel that has everything in registers. 0: it cannot. */
#ifdef __x86_64__
#define PEAK(name, isa, instruction, ops)                                                          \
        __attribute__((target(isa))) static double name(void)                                      \
        {                                                                                          \
                double begin = seconds(CLOCK_THREAD_CPUTIME_ID);                                   \
                const long rounds = 4000000; /* some ten milliseconds */                           \
                for (long i = 0; i < rounds; i++)                                                  \
                        __asm__ volatile(instruction " %%zmm30, %%zmm31, %%zmm0\n" instruction     \
                                                     " %%zmm30, %%zmm31, %%zmm1\n" instruction     \
                                                     " %%zmm30, %%zmm31, %%zmm2\n" instruction     \
                                                     " %%zmm30, %%zmm31, %%zmm3\n" instruction     \
                                                     " %%zmm30, %%zmm31, %%zmm4\n" instruction     \
                                                     " %%zmm30, %%zmm31, %%zmm5\n" instruction     \
                                                     " %%zmm30, %%zmm31, %%zmm6\n" instruction     \
                                                     " %%zmm30, %%zmm31, %%zmm7\n" instruction     \
                                                     " %%zmm30, %%zmm31, %%zmm8\n" instruction     \
                                                     " %%zmm30, %%zmm31, %%zmm9\n" instruction     \
                                                     " %%zmm30, %%zmm31, %%zmm10\n" instruction    \
                                                     " %%zmm30, %%zmm31, %%zmm11"                  \
                                         :                                                         \
                                         :                                                         \
                                         : "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", \
                                           "xmm7", "xmm8", "xmm9", "xmm10", "xmm11");              \
                return rounds * 12.0 * (ops) / (seconds(CLOCK_THREAD_CPUTIME_ID) - begin);         \
        }
PEAK(peak_i8, "avx512f,avx512vnni", "vpdpbusd", 128)
PEAK(peak_bf16, "avx512f,avx512bf16", "vdpbf16ps", 64)
PEAK(peak_f32, "avx512f", "vfmadd231ps", 32)
#endif

static double peak_of(const struct embed_model *m)
{
#ifdef __x86_64__
        __builtin_cpu_init();
        switch (m->info.precision) {
        case EMBED_INT8:
                return __builtin_cpu_supports("avx512vnni") ? peak_i8() : 0;
        case EMBED_BF16:
                return __builtin_cpu_supports("avx512bf16") ? peak_bf16() : 0;
        case EMBED_FP32:
                return __builtin_cpu_supports("avx512f") ? peak_f32() : 0;
        }
#endif
        (void)m;
        return 0;
}

static double ops_of(const struct embed_model *m, struct slice text, double *tokens)
{
        const struct embed_info *i = embed_info(m);
        int64_t n = embed_count(m, text, NULL);
        double t = (double)n + m->tokenizer.head.n_before + m->tokenizer.head.n_after;
        *tokens += t;
        return t * (double)i->ops_a_token + 4.0 * t * t * i->width * i->layers;
}

#define GROUP 4 /* texts between two looks at the peak: what else runs on the machine changes it */
struct lane {
        struct embed_model *m;
        double possible; /* products and additions that the peak would have done in that time */
        struct texts x;
        size_t from, step;
        double cpu;
};

static void *run_lane(void *ctx)
{
        struct lane *l = ctx;
        struct err err = {0};
        struct embed_worker *w = embed_worker_new(l->m, NULL);
        struct slice *mine = xmalloc(l->x.n * sizeof *mine);
        size_t n = 0;
        for (size_t i = l->from; i < l->x.n; i += l->step)
                mine[n++] = l->x.list[i];
        float *v = xmalloc((n + 1) * embed_info(l->m)->dims * sizeof *v);
        if (embed_texts(w, EMBED_PASSAGE, mine, n < 8 ? n : 8, v, &err) < 0)
                fail("warming up", &err);
        double before = peak_of(l->m);
        for (size_t i = 0; i < n; i += GROUP) {
                size_t some = n - i < GROUP ? n - i : GROUP;
                double begin = seconds(CLOCK_THREAD_CPUTIME_ID);
                if (embed_texts(w, EMBED_PASSAGE, mine + i, some, v, &err) < 0)
                        fail("embedding", &err);
                double took = seconds(CLOCK_THREAD_CPUTIME_ID) - begin, after = peak_of(l->m);
                l->cpu += took;
                l->possible += took * (before + after) / 2;
                before = after;
        }
        free(mine);
        free(v);
        embed_worker_free(w);
        return NULL;
}

static int by_size(const void *a, const void *b)
{
        double x = *(const double *)a, y = *(const double *)b;
        return x < y ? -1 : x > y;
}

/* p50 of embedding one text of about 22 tokens, milliseconds of the thread's time. */
static double one_query(struct embed_model *m)
{
        static const char text[] = "what similarity laws must be obeyed when constructing "
                                   "aeroelastic models of heated high speed aircraft .";
        struct embed_worker *w = embed_worker_new(m, NULL);
        struct slice s = slice_of(text);
        struct err err = {0};
        double ms[101];
        float *v = xmalloc(embed_info(m)->dims * sizeof *v);
        for (size_t i = 0; i < ARRAY_LEN(ms); i++) {
                double begin = seconds(CLOCK_THREAD_CPUTIME_ID);
                if (embed_texts(w, EMBED_QUERY, &s, 1, v, &err) < 0)
                        fail("a query", &err);
                ms[i] = (seconds(CLOCK_THREAD_CPUTIME_ID) - begin) * 1e3;
        }
        qsort(ms, ARRAY_LEN(ms), sizeof *ms, by_size);
        free(v);
        embed_worker_free(w);
        return ms[ARRAY_LEN(ms) / 2];
}

static int speed(int argc, char **argv)
{
        struct embed_model *m = open_model(argv[0], argv[1]);
        struct texts x = read_texts(argv[2]);
        uint64_t threads = 1;
        if (argc > 3 && (str_to_u64(argv[3], &threads) < 0 || threads < 1 || threads > 64))
                fail(argv[3], NULL);
        struct lane lane[64];
        pthread_t thread[64];
        double tokens_all = 0, ops = 0, cpu = 0, possible = 0;
        for (size_t i = 0; i < x.n; i++)
                ops += ops_of(m, x.list[i], &tokens_all);
        double begin = seconds(CLOCK_MONOTONIC);
        for (size_t i = 0; i < threads; i++) {
                lane[i] = (struct lane){.m = m, .x = x, .from = i, .step = threads};
                if (pthread_create(&thread[i], NULL, run_lane, &lane[i]) != 0)
                        fail("a thread", NULL);
        }
        for (size_t i = 0; i < threads; i++) {
                pthread_join(thread[i], NULL);
                cpu += lane[i].cpu;
                possible += lane[i].possible;
        }
        double wall = seconds(CLOCK_MONOTONIC) - begin;
        printf("{\"kernel\":\"%s\",\"texts\":%zu,\"tokens\":%.0f,\"cpu_s\":%.3f,\"wall_s\":%.3f,"
               "\"tokens_a_cpu_s\":%.0f,\"tokens_a_wall_s\":%.0f,\"gops\":%.1f,"
               "\"share_of_peak\":%.3f,\"query_ms\":%.2f}\n",
               embed_info(m)->kernel, x.n, tokens_all, cpu, wall, tokens_all / cpu,
               tokens_all / wall, ops / cpu * 1e-9, possible > 0 ? ops / possible : 0,
               one_query(m));
        return 0;
}

int main(int argc, char **argv)
{
        if (argc == 5 && str_eq(argv[1], "pack"))
                return pack(argv + 2);
        if (argc == 4 && str_eq(argv[1], "tokens"))
                return tokens(argv + 2);
        if (argc == 7 && str_eq(argv[1], "embed"))
                return embed(argv + 2);
        if ((argc == 5 || argc == 6) && str_eq(argv[1], "speed"))
                return speed(argc - 2, argv + 2);
        fprintf(stderr, "usage: see the head of bench/encoder.c\n");
        return 2;
}
