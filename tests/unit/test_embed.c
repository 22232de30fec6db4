#include "embed_fixture.h"
#include <stdio.h>

static const char *const kernels[] = {"scalar", "avx2", "avx512-vnni", "avx512-vnni-bf16"};

static const char *const texts[] = {"the cat sat on the mat.", "a", "Dogs running, cats sitting",
                                    "", "b c d e a b c d e the the",
                                    /* not one literal: the e would be taken for a digit */
                                    ("stra\xc3\x9f"
                                     "e \xe6\x9d\xb1 dog")};
#define N ARRAY_LEN(texts)

static void embed_all(struct embed_model *m, enum embed_kind kind, float *v)
{
        struct err err = {0};
        struct slice s[N];
        CLEANUP(embed_worker_freep) struct embed_worker *w = embed_worker_new(m, NULL);
        for (size_t i = 0; i < N; i++)
                s[i] = slice_of(texts[i]);
        if (embed_texts(w, kind, s, N, v, &err) < 0)
                test_failed(__FILE__, __LINE__, "%s", err_text(&err));
}

static void reference(struct fx *x, struct embed_model *m, double (*ret)[FX_W])
{
        for (size_t i = 0; i < N; i++) {
                struct embed_tokens t = {0};
                uint32_t ids[FX_MAX] = {2};
                CHECK_INT(embed_tokenize(m, slice_of(texts[i]), &t, NULL), ==, 0);
                for (size_t k = 0; k < t.n; k++)
                        ids[k + 1] = t.list[k].id;
                ids[t.n + 1] = 3;
                ref_embed(x, ids, (unsigned)t.n + 2, ret[i]);
                embed_tokens_done(&t);
        }
}

/* The least cosine to the measure, and the largest difference. */
static double compare(const float *v, double (*ref)[FX_W], double *ret_worst)
{
        double least = 1;
        *ret_worst = 0;
        for (size_t i = 0; i < N; i++) {
                double c = 0;
                for (int k = 0; k < FX_W; k++) {
                        c += v[i * FX_W + (size_t)k] * ref[i][k];
                        *ret_worst = fmax(*ret_worst, fabs(v[i * FX_W + (size_t)k] - ref[i][k]));
                }
                least = fmin(least, c);
        }
        return least;
}

static void check_model(bool mpnet, const char *pooling, enum embed_precision p, double least,
                        double most)
{
        struct fx x;
        static float v[N * FX_W];
        static double ref[N][FX_W];
        fx_make(&x, mpnet, pooling);
        struct embed_model *m = fx_open(&x, p);
        reference(&x, m, ref);
        for (size_t k = 0; k < ARRAY_LEN(kernels); k++) {
                double worst;
                if (model_use_kernel(m, kernels[k]) < 0)
                        continue; /* not on this processor */
                embed_all(m, EMBED_PASSAGE, v);
                double c = compare(v, ref, &worst);
                if (c < least || worst > most)
                        test_failed(__FILE__, __LINE__, "%s: cosine %.6f, difference %g",
                                    kernels[k], c, worst);
        }
        embed_close(m);
        fx_done(&x);
}

TEST(fp32_is_the_formulas)
{
        check_model(false, "mean", EMBED_FP32, 1 - 1e-6, 1e-6);
        check_model(false, "cls", EMBED_FP32, 1 - 1e-6, 1e-6);
        check_model(true, "mean", EMBED_FP32, 1 - 1e-6, 1e-6);
}

TEST(bf16_and_int8_are_near)
{
        check_model(false, "mean", EMBED_BF16, 0.9995, 0.02);
        check_model(true, "cls", EMBED_BF16, 0.9995, 0.02);
        check_model(false, "mean", EMBED_INT8, 0.996, 0.05);
        check_model(true, "mean", EMBED_INT8, 0.996, 0.05);
}

TEST(a_text_does_not_depend_on_its_neighbours)
{
        static const enum embed_precision all[] = {EMBED_INT8, EMBED_BF16, EMBED_FP32};
        struct fx x;
        fx_make(&x, false, "mean");
        for (size_t p = 0; p < ARRAY_LEN(all); p++)
                for (size_t k = 0; k < ARRAY_LEN(kernels); k++) {
                        float together[N * FX_W], alone[FX_W];
                        struct embed_model *m = fx_open(&x, all[p]);
                        if (model_use_kernel(m, kernels[k]) == 0) {
                                embed_all(m, EMBED_PASSAGE, together);
                                struct embed_worker *w = embed_worker_new(m, NULL);
                                for (size_t i = N; i-- > 0;) {
                                        struct slice s = slice_of(texts[i]);
                                        CHECK_INT(embed_texts(w, EMBED_PASSAGE, &s, 1, alone, NULL),
                                                  ==, 0);
                                        CHECK(memcmp(alone, together + i * FX_W, sizeof alone) ==
                                              0);
                                }
                                embed_worker_free(w);
                        }
                        embed_close(m);
                }
        fx_done(&x);
}

/* Every kernel sums up integers as plain C does. */
TEST(integers_are_the_same_in_every_kernel)
{
        enum { ROWS = 13, K = 192, PANELS = 7 };
        static uint8_t x[ROWS * K];
        static int8_t w[PANELS * 16 * K];
        const struct kernel *scalar = kernel_find("scalar");
        uint32_t seed = 1;
        for (size_t i = 0; i < sizeof x; i++)
                x[i] = (uint8_t)((seed = seed * 1664525 + 1013904223) >> 24);
        for (size_t i = 0; i < sizeof w; i++)
                w[i] = (int8_t)((seed = seed * 1664525 + 1013904223) >> 24);
        memset(x, 255, K); /* the largest sums of all: here a product of 16 bits would overflow */
        memset(w, 127, K * 16);
        memset(w + K * 16, -127, K * 16);
        for (size_t k = 0; k < ARRAY_LEN(kernels); k++) {
                const struct kernel *kn = kernel_find(kernels[k]);
                if (!kn)
                        continue;
                for (unsigned rows = 1; rows <= kn->tile_rows; rows++)
                        for (unsigned panels = 1; panels <= kn->tile_panels; panels++)
                                for (unsigned r = 0; r + rows <= ROWS; r++) {
                                        int32_t a[KERNEL_ROWS_MAX * KERNEL_COLS_MAX];
                                        int32_t b[KERNEL_COLS_MAX];
                                        kn->tile_i8(x + r * K, K, rows, w, 16 * K, panels, K - 64,
                                                    false, a);
                                        kn->tile_i8(x + r * K + K - 64, K, rows, w + (K - 64) * 16,
                                                    16 * K, panels, 64, true, a);
                                        for (unsigned i = 0; i < rows; i++) {
                                                scalar->tile_i8(x + (r + i) * K, K, 1, w, 16 * K,
                                                                panels, K, false, b);
                                                CHECK(memcmp(a + i * panels * 16, b, panels * 64) ==
                                                      0);
                                        }
                                }
        }
}

TEST(a_text_that_is_too_long_is_refused)
{
        struct fx x;
        struct err err = {0};
        float v[2 * FX_W];
        fx_make(&x, false, "mean");
        struct embed_model *m = fx_open(&x, EMBED_INT8);
        struct embed_worker *w = embed_worker_new(m, NULL);
        struct slice s[2] = {slice_of("a b c d e a b c d e a b c d e a b c d e a b"),
                             slice_of("a b c d e a b c d e a b c d e a b c d e a b c")};
        CHECK_INT(embed_info(m)->max_tokens, ==, 24);
        CHECK_INT(embed_room(m, EMBED_PASSAGE), ==, 22);
        CHECK_INT(embed_texts(w, EMBED_PASSAGE, s, 1, v, &err), ==, 0);
        v[0] = 9;
        CHECK_INT(embed_texts(w, EMBED_PASSAGE, s, 2, v, &err), ==, -E2BIG);
        CHECK_STR(err_text(&err), "text 2 has 23 tokens, the model reads 22");
        CHECK(v[0] == 9);
        s[0] = (struct slice){"a\xff", 2};
        CHECK_INT(embed_texts(w, EMBED_PASSAGE, s, 1, v, &err), ==, -EILSEQ);
        CHECK_CONTAINS(err_text(&err), "text 1");
        embed_worker_free(w);
        embed_close(m);
        fx_done(&x);
}

TEST(a_query_has_its_prefix)
{
        struct fx x;
        struct embed_model *m = NULL;
        float a[FX_W], b[FX_W];
        struct slice s = slice_of("cat"), whole = slice_of("the dog: cat");
        fx_make(&x, false, "mean");
        auto_close int fd = fx_pack(&x, EMBED_FP32, "the dog: ");
        CHECK_INT(embed_open(fd, &m, NULL), ==, 0);
        struct embed_worker *w = embed_worker_new(m, NULL);
        CHECK_INT(embed_room(m, EMBED_QUERY), ==, 19);
        CHECK_INT(embed_room(m, EMBED_PASSAGE), ==, 22);
        CHECK_INT(embed_texts(w, EMBED_QUERY, &s, 1, a, NULL), ==, 0);
        CHECK_INT(embed_texts(w, EMBED_PASSAGE, &whole, 1, b, NULL), ==, 0);
        CHECK(memcmp(a, b, sizeof a) == 0);
        CHECK_INT(embed_texts(w, EMBED_PASSAGE, &s, 1, b, NULL), ==, 0);
        CHECK(memcmp(a, b, sizeof a) != 0);
        embed_worker_free(w);
        embed_close(m);
        fx_done(&x);
}

static int stop_at(void *ctx)
{
        return --*(int *)ctx == 0 ? -ECANCELED : 0;
}

TEST(the_hook_is_called_and_may_end_it)
{
        struct fx x;
        int left = 3;
        struct embed_hook hook = {stop_at, &left};
        float v[N * FX_W];
        struct slice s[N];
        fx_make(&x, false, "mean");
        struct embed_model *m = fx_open(&x, EMBED_FP32);
        struct kernel eager = *m->kernel;
        eager.hook_ops = 1;
        m->kernel = &eager;
        for (size_t i = 0; i < N; i++)
                s[i] = slice_of(texts[i]);
        struct embed_worker *w = embed_worker_new(m, &hook);
        CHECK_INT(embed_texts(w, EMBED_PASSAGE, s, N, v, NULL), ==, -ECANCELED);
        CHECK_INT(left, ==, 0);
        left = -1;
        CHECK_INT(embed_texts(w, EMBED_PASSAGE, s, N, v, NULL), ==, 0);
        CHECK_INT(left, <, -10);
        embed_worker_free(w);
        embed_close(m);
        fx_done(&x);
}

TEST(a_damaged_file_is_refused)
{
        struct fx x;
        struct err err = {0};
        struct embed_model *m = NULL;
        fx_make(&x, true, "mean");
        auto_close int fd = fx_pack(&x, EMBED_INT8, NULL);
        off_t size = lseek(fd, 0, SEEK_END);
        for (off_t at = 0; at < size; at += 97) {
                char c, changed;
                CHECK_INT(pread(fd, &c, 1, at), ==, 1);
                changed = (char)(c ^ 0x10);
                CHECK_INT(pwrite(fd, &changed, 1, at), ==, 1);
                int r = embed_open(fd, &m, &err);
                /* The id in the tail alone is told by model_verify. */
                if (r == 0 && at >= size - (off_t)sizeof(struct model_tail)) {
                        CHECK_INT(model_verify(m, &err), ==, -EBADMSG);
                        embed_close(m);
                } else {
                        CHECK_INT(r, ==, -EBADMSG);
                }
                CHECK_INT(pwrite(fd, &c, 1, at), ==, 1);
        }
        CHECK_INT(embed_open(fd, &m, &err), ==, 0);
        CHECK_INT(model_verify(m, &err), ==, 0);
        CHECK_STR(embed_info(m)->name, "tiny");
        CHECK_STR(embed_info(m)->languages, "en");
        embed_close(m);
        CHECK_INT(ftruncate(fd, size - 1), ==, 0);
        CHECK_INT(embed_open(fd, &m, &err), ==, -EBADMSG);
        CHECK_INT(ftruncate(fd, 0), ==, 0);
        CHECK_INT(embed_open(fd, &m, &err), ==, -EBADMSG);
        fx_done(&x);
}

static int refuse(void *ctx, const void *p UNUSED, size_t n)
{
        size_t *left = ctx;
        if (n > *left)
                return -ENOSPC;
        *left -= n;
        return 0;
}

static void expect_refused(struct fx *x, struct pack_files f, const char *part)
{
        struct err err = {0};
        struct pack_options o = {.precision = EMBED_INT8, .name = "tiny"};
        size_t room = 1u << 30;
        (void)x;
        CHECK_INT(pack_model(&f, &o, refuse, &room, &err), <, 0);
        CHECK_CONTAINS(err_text(&err), part);
}

TEST(what_is_no_such_model_is_refused_by_name)
{
        struct fx x;
        struct err err = {0};
        fx_make(&x, false, "mean");
        struct pack_files f = fx_files(&x), good = f;
        f.config = slice_of("{\"model_type\":\"t5\"}");
        expect_refused(&x, f, "model_type 't5'");
        f = good;
        f.config.data = NULL;
        expect_refused(&x, f, "config.json is missing");
        f = good;
        f.pooling = slice_of("{\"pooling_mode_max_tokens\":true}");
        expect_refused(&x, f, "neither mean nor CLS");
        f = good;
        f.modules = slice_of("[{\"type\":\"sentence_transformers.models.Dense\"}]");
        expect_refused(&x, f, "models.Dense");
        f = good;
        f.vocab.data = NULL;
        expect_refused(&x, f, "neither tokenizer.json nor vocab.txt");
        f = good;
        f.weights.len -= 4;
        expect_refused(&x, f, "offsets");
        f = good;
        f.vocab = slice_of("[UNK]\n[CLS]\na\na\n[SEP]\n");
        expect_refused(&x, f, "twice");
        struct pack_options o = {.precision = EMBED_INT8, .name = "tiny"};
        size_t room = 10000;
        CHECK_INT(pack_model(&good, &o, refuse, &room, &err), ==, -ENOSPC);
        fx_done(&x);
}
