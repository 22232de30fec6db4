/* Files of vectors and the exact search in them. */
#include "spawn.h"
#include "base/fd.h"
#include "rag/vector/dot.h"
#include "rag/vector/vectors.h"
#include <fcntl.h>
#include <math.h>
#include <stdio.h>

static const struct vector_model model = {.id = "0123456789abcde", .dims = 96};

static unsigned seed = 1;
static float number(void)
{
        seed = seed * 1664525u + 1013904223u;
        return (float)(seed >> 8) / (1 << 23) - 1;
}

static void unit(float *x, uint32_t dims)
{
        double n = 0;
        for (uint32_t k = 0; k < dims; k++) {
                x[k] = number();
                n += (double)x[k] * x[k];
        }
        for (uint32_t k = 0; k < dims; k++)
                x[k] = (float)(x[k] / sqrt(n));
}

static struct vectors *filled(int dir, uint64_t segment, uint32_t n, const struct vector_model *m)
{
        static float x[VECTOR_BLOCK * VECTOR_DIMS_MAX];
        struct vectors *v = NULL;
        CHECK_INT(vectors_open(dir, segment, n, m, true, &v, NULL), ==, 0);
        for (uint32_t b = 0; b < vectors_blocks(v); b++) {
                for (uint32_t i = 0; i < vectors_in(v, b); i++)
                        unit(x + i * m->dims, m->dims);
                /* some that are nearly the same: bounds alone cannot tell them apart */
                if (b % 3 == 0)
                        for (uint32_t i = 1; i < vectors_in(v, b); i += 2) {
                                memcpy(x + i * m->dims, x + (i - 1) * m->dims, m->dims * sizeof *x);
                                x[i * m->dims] *= 1.01f;
                        }
                vectors_put(v, b, x);
        }
        return v;
}

static bool odd(void *ctx, uint32_t segment, uint32_t passage)
{
        return !ctx || (segment + passage) % 2 == 1;
}

static int by_score(const void *x, const void *y)
{
        const struct vector_hit *a = x, *b = y;
        if (fabsf(a->score - b->score) > 0)
                return a->score > b->score ? -1 : 1;
        if (a->segment != b->segment)
                return a->segment < b->segment ? -1 : 1;
        return a->passage < b->passage ? -1 : a->passage > b->passage;
}

/* All of them, each scored by what is stored, as vectors_search adds it up. */
static size_t brute(const struct vectors *const *list, size_t n, const float *q, uint32_t dims,
                    bool filter, struct vector_hit *ret)
{
        size_t found = 0;
        float x[VECTOR_DIMS_MAX];
        for (size_t s = 0; s < n; s++)
                for (uint32_t b = 0; b < vectors_blocks(list[s]); b++)
                        for (uint32_t i = 0; i < vectors_in(list[s], b); i++) {
                                uint32_t p = b * VECTOR_BLOCK + i;
                                float sum[8] = {0};
                                if (!odd(filter ? &found : NULL, (uint32_t)s, p))
                                        continue;
                                vectors_get(list[s], p, x);
                                for (uint32_t k = 0; k < dims; k++)
                                        sum[k % 8] += q[k] * x[k];
                                ret[found++] = (struct vector_hit){
                                        (uint32_t)s, p,
                                        ((sum[0] + sum[4]) + (sum[2] + sum[6])) +
                                                ((sum[1] + sum[5]) + (sum[3] + sum[7]))};
                        }
        qsort(ret, found, sizeof *ret, by_score);
        return found;
}

TEST(vectors_search_is_exact)
{
        auto_dir char *dir = temp_dir();
        auto_close int d = dir_open_at(AT_FDCWD, dir);
        struct vectors *v[2] = {filled(d, 1, 1000, &model), filled(d, 2, 77, &model)};
        const struct vectors *const list[2] = {v[0], v[1]};
        static struct vector_hit all[1100], got[1100];
        float q[96];
        for (int round = 0; round < 40; round++) {
                uint32_t k = round % 10 == 9 ? 1100 : 1 + (uint32_t)round;
                unit(q, 96);
                if (round % 4 == 0)
                        vectors_get(v[0], (uint32_t)round, q);
                size_t n = brute(list, 2, q, 96, round % 2, all);
                int64_t found = vectors_search(list, 2, q, 96, k, odd, round % 2 ? q : NULL, got);
                CHECK_INT(found, ==, k < n ? k : n);
                for (int64_t i = 0; i < found; i++) {
                        CHECK_INT(got[i].segment, ==, all[i].segment);
                        CHECK_INT(got[i].passage, ==, all[i].passage);
                        CHECK(fabsf(got[i].score - all[i].score) < 1e-6f);
                }
        }
        vectors_close(v[0]);
        vectors_close(v[1]);
}

TEST(vectors_kernels_give_the_same_integers)
{
        static unsigned char rows[5 * 1024];
        static int16_t q[1024];
        for (uint32_t dims = 32; dims <= 1024; dims += 32) {
                struct dot_query query;
                int32_t first[5], other[5];
                const char *name;
                for (uint32_t i = 0; i < 5 * dims; i++)
                        rows[i] = i < dims ? 1 + 254 * (i & 1) : (unsigned char)(seed >> 24) | 1,
                        number();
                for (uint32_t i = 0; i < dims; i++)
                        q[i] = (int16_t)(i < 64 ? (i & 1 ? -DOT_QUERY_MAX : DOT_QUERY_MAX)
                                                : lrintf(number() * DOT_QUERY_MAX));
                dot_query_set(&query, q, dims);
                dot_kernel(0, &name)(&query, rows, 5, dims, first);
                for (unsigned k = 1; dot_kernel(k, &name); k++) {
                        dot_kernel(k, &name)(&query, rows, 5, dims, other);
                        for (int i = 0; i < 5; i++)
                                CHECK_INT(first[i], ==, other[i]);
                }
        }
}

TEST(vectors_stay_and_damage_is_a_hole)
{
        auto_dir char *dir = temp_dir();
        auto_close int d = dir_open_at(AT_FDCWD, dir);
        struct vectors *v = filled(d, 9, 300, &model);
        struct vector_model other = model;
        char name[64];
        uint64_t segment;
        float a[96], b[96];
        vectors_get(v, 299, a);
        CHECK_INT(vectors_sync(v, NULL), ==, 0);
        vectors_close(v);
        CHECK_INT(vectors_open(d, 9, 300, &model, false, &v, NULL), ==, 0);
        CHECK_INT(vectors_filled(v), ==, 5);
        vectors_get(v, 299, b);
        CHECK(memcmp(a, b, sizeof a) == 0);
        vectors_close(v);
        vectors_name(name, 9, &model);
        CHECK(vectors_named(name, &segment) && segment == 9);
        CHECK(!vectors_named("vec-9-zz", &segment) && !vectors_named("seg-9", &segment));
        auto_close int fd = openat(d, name, O_RDWR | O_CLOEXEC);
        CHECK(pwrite(fd, "x", 1, 4096 + 700) == 1); /* in the first block */
        CHECK_INT(vectors_open(d, 9, 300, &model, false, &v, NULL), ==, 0);
        CHECK_INT(vectors_filled(v), ==, 4);
        CHECK(!vectors_has(v, 0) && vectors_has(v, 1));
        vectors_close(v);
        CHECK_INT(vectors_open(d, 9, 301, &model, false, &v, NULL), ==, -EBADMSG);
        other.id[0]++;
        CHECK_INT(vectors_open(d, 9, 300, &other, false, &v, NULL), ==, -ENOENT);
        CHECK(ftruncate(fd, 5000) == 0);
        CHECK_INT(vectors_open(d, 9, 300, &model, false, &v, NULL), ==, -EBADMSG);
        CHECK_INT(vectors_open(d, 9, 300, &model, true, &v, NULL), ==, 0); /* made anew */
        CHECK_INT(vectors_filled(v), ==, 0);
        vectors_close(v);
}
