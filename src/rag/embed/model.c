#include "rag/embed/model.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "base/str.h"
#include <math.h>
#include <sys/mman.h>
#include <sys/stat.h>

static uint32_t to_16(uint32_t n)
{
        return (n + 15) / 16 * 16;
}

static uint32_t to_64(uint32_t n)
{
        return (n + 63) / 64 * 64;
}

static uint64_t place(uint64_t *end, uint64_t bytes)
{
        uint64_t at = *end;
        *end += (bytes + 63) / 64 * 64;
        return at;
}

static struct linear place_linear(uint64_t *end, uint32_t precision, uint32_t n, uint32_t k)
{
        struct linear l = {.n = n, .k = k};
        l.weights = place(end, (uint64_t)n * k * model_weight_bytes(precision));
        if (precision == EMBED_INT8) {
                l.scale = place(end, n * 4ull);
                l.sums = place(end, n * 4ull);
        }
        l.bias = place(end, n * 4ull);
        return l;
}

static bool text_ends(const char *s, size_t size)
{
        return memchr(s, '\0', size) && utf8_valid(s, strlen(s));
}

static bool head_valid(const struct model_head *h)
{
        if (memcmp(h->magic, MODEL_MAGIC, sizeof h->magic) != 0 || h->version != MODEL_VERSION)
                return false;
        if (h->precision < EMBED_INT8 || h->precision > EMBED_FP32 || h->family < MODEL_BERT ||
            h->family > MODEL_MPNET || h->pooling < MODEL_MEAN || h->pooling > MODEL_CLS)
                return false;
        if (h->width == 0 || h->width > MODEL_WIDTH_MAX || h->inner == 0 ||
            h->inner > MODEL_INNER_MAX || h->layers == 0 || h->layers > MODEL_LAYERS_MAX ||
            h->heads == 0 || h->heads > h->width || h->width % h->heads != 0)
                return false;
        if (h->vocabulary == 0 || h->vocabulary > 1u << 22 || h->positions == 0 ||
            h->first_position > 16 || h->positions > EMBED_TOKENS_MAX + 16 ||
            h->positions <= h->first_position || h->max_tokens > h->positions - h->first_position ||
            h->max_tokens < 3)
                return false;
        bool relative = h->family == MODEL_MPNET;
        if (relative ? h->buckets < 4 || h->buckets % 4 || h->buckets > MODEL_BUCKETS_MAX ||
                               h->bucket_distance <= h->buckets / 4 || h->bucket_distance > 1u << 20
                     : h->buckets != 0)
                return false;
        return h->norm_eps > 0 && h->norm_eps < 1 && h->tokenizer_len <= 1u << 30 &&
               h->tokenizer_len % 8 == 0 && text_ends(h->name, sizeof h->name) &&
               text_ends(h->languages, sizeof h->languages) &&
               text_ends(h->prefix[0], sizeof h->prefix[0]) &&
               text_ends(h->prefix[1], sizeof h->prefix[1]);
}

int model_layout(const struct model_head *h, struct model_layout *ret, struct err *err)
{
        if (!head_valid(h))
                return err_set(err, -EBADMSG, "no model of this version, or damaged");
        struct model_layout l = {0};
        struct model_shape *s = &l.shape;
        uint64_t end = MODEL_HEAD;
        uint32_t p = h->precision;
        s->width = to_64(h->width);
        s->inner = to_64(h->inner);
        s->head = to_16(h->width / h->heads);
        s->attention = to_64(h->heads * s->head);
        l.tokenizer = place(&end, h->tokenizer_len);
        l.words = place(&end, (uint64_t)h->vocabulary * s->width * model_word_bytes(p));
        l.positions = place(&end, h->positions * s->width * 4ull);
        for (int i = 0; i < 2; i++)
                l.embedding_norm[i] = place(&end, s->width * 4ull);
        l.buckets = place(&end, (uint64_t)h->buckets * h->heads * 4);
        for (uint32_t i = 0; i < h->layers; i++) {
                struct model_layer *y = &l.layer[i];
                y->qkv = place_linear(&end, p, 3 * h->heads * s->head, s->width);
                y->out = place_linear(&end, p, s->width, s->attention);
                y->up = place_linear(&end, p, s->inner, s->width);
                y->down = place_linear(&end, p, s->width, s->inner);
                for (int k = 0; k < 4; k++)
                        y->norm[k / 2][k % 2] = place(&end, s->width * 4ull);
        }
        l.tail = end;
        l.bytes = end + sizeof(struct model_tail);
        if (l.bytes > MODEL_BYTES_MAX)
                return err_set(err, -EBADMSG, "a model of more than 16 GiB");
        *ret = l;
        return 0;
}

/* The bucket of key minus query, as T5 and MPNet have it: exact near by, logarithmic farther. */
static uint32_t bucket_of(const struct model_head *h, int32_t distance)
{
        uint32_t half = h->buckets / 2, exact = half / 2;
        uint32_t base = distance > 0 ? half : 0;
        uint32_t n = (uint32_t)(distance < 0 ? -distance : distance);
        if (n < exact)
                return base + n;
        double far = log((double)n / exact) / log((double)h->bucket_distance / exact);
        uint32_t b = exact + (uint32_t)(far * (half - exact));
        return base + (b < half - 1 ? b : half - 1);
}

static int make_relative(struct embed_model *m, struct err *err)
{
        const struct model_head *h = &m->head;
        const float *bias = model_floats(m, m->at.buckets);
        if (h->buckets == 0)
                return 0;
        m->relative_span = to_16(h->max_tokens + 16);
        m->relative = mem_try(h->heads * 2ull * m->relative_span * sizeof(float));
        if (!m->relative)
                return err_set(err, -ENOMEM, "no memory for the relative positions");
        for (uint32_t k = 0; k < h->heads; k++)
                for (uint32_t i = 0; i < 2 * m->relative_span; i++) {
                        uint32_t b = bucket_of(h, (int32_t)i - (int32_t)m->relative_span);
                        m->relative[k * 2ull * m->relative_span + i] = bias[b * h->heads + k];
                }
        return 0;
}

static void describe(struct embed_model *m, const struct model_tail *tail)
{
        const struct model_head *h = &m->head;
        struct embed_info *i = &m->info;
        uint64_t w = h->width;
        memcpy(i->name, h->name, sizeof i->name);
        memcpy(i->languages, h->languages, sizeof i->languages);
        memcpy(i->id, tail->id, sizeof i->id);
        i->precision = (enum embed_precision)h->precision;
        i->dims = h->width;
        i->max_tokens = h->max_tokens;
        i->layers = h->layers;
        i->heads = h->heads;
        i->width = h->width;
        i->vocabulary = h->vocabulary;
        i->bytes = m->at.bytes;
        i->ops_a_token = 2 * h->layers * (4 * w * w + 2 * w * h->inner);
        i->kernel = m->kernel->name;
}

static int count_prefixes(struct embed_model *m, struct err *err)
{
        for (int k = 0; k < 2; k++) {
                int64_t n = embed_count(m, slice_of(m->head.prefix[k]), err);
                if (n < 0)
                        return err_wrap(err, (int)n, "the model's prefix");
                m->prefix_tokens[k] = (uint32_t)n;
                if (embed_room(m, (enum embed_kind)k) == 0)
                        return err_set(err, -EBADMSG, "the prefix leaves no room for a text");
        }
        return 0;
}

static int check(struct embed_model *m, struct err *err)
{
        struct model_tail tail;
        if (m->size < MODEL_HEAD)
                return err_set(err, -EBADMSG, "too short for a packed model");
        memcpy(&m->head, m->map, sizeof m->head);
        int r = model_layout(&m->head, &m->at, err);
        if (r < 0)
                return r;
        if (m->at.bytes != m->size)
                return err_set(err, -EBADMSG, "the packed model is cut, or of another shape");
        memcpy(&tail, model_at(m, m->at.tail), sizeof tail);
        if (memcmp(tail.magic, "DONE", 4) != 0 || crc32c(0, m->map, m->at.tail) != tail.crc)
                return err_set(err, -EBADMSG, "the packed model is damaged: its sum differs");
        r = tokenizer_view(model_at(m, m->at.tokenizer), m->head.tokenizer_len, &m->tokenizer, err);
        if (r < 0)
                return r;
        if (m->tokenizer.head.vocabulary > m->head.vocabulary)
                return err_set(err, -EBADMSG, "the tokenizer has more pieces than the model");
        m->kernel = kernel_best();
        r = make_relative(m, err);
        if (r < 0)
                return r;
        describe(m, &tail);
        return count_prefixes(m, err);
}

int embed_open(int fd, struct embed_model **ret, struct err *err)
{
        struct stat st;
        if (fstat(fd, &st) < 0)
                return err_sys(err, -errno, "the packed model");
        if (!S_ISREG(st.st_mode) || st.st_size <= 0 || (uint64_t)st.st_size > MODEL_BYTES_MAX)
                return err_set(err, -EBADMSG, "no packed model");
        CLEANUP(embed_closep) struct embed_model *m = xcalloc(1, sizeof *m);
        void *map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
        if (map == MAP_FAILED)
                return err_sys(err, -errno, "mapping the packed model");
        m->map = map;
        m->size = (size_t)st.st_size;
        int r = check(m, err);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(m);
        return 0;
}

void embed_close(struct embed_model *m)
{
        if (!m)
                return;
        if (m->map)
                munmap((void *)(uintptr_t)m->map, m->size);
        free(m->relative);
        free(m);
}

const struct embed_info *embed_info(const struct embed_model *m)
{
        return &m->info;
}

int model_use_kernel(struct embed_model *m, const char *name)
{
        const struct kernel *k = kernel_find(name);
        if (!k)
                return -ENOTSUP;
        m->kernel = k;
        m->info.kernel = k->name;
        return 0;
}

int model_verify(const struct embed_model *m, struct err *err)
{
        unsigned char id[32];
        struct model_tail tail;
        memcpy(&tail, model_at(m, m->at.tail), sizeof tail);
        sha256_of(m->map, m->at.tail, id);
        return memcmp(id, tail.id, sizeof id) == 0
                       ? 0
                       : err_set(err, -EBADMSG, "the packed model is damaged: its id differs");
}

int embed_tokenize(const struct embed_model *m, struct slice text, struct embed_tokens *t,
                   struct err *err)
{
        return tokenizer_run(&m->tokenizer, text, t, err);
}

int64_t embed_count(const struct embed_model *m, struct slice text, struct err *err)
{
        struct embed_tokens t = {0};
        int r = tokenizer_run(&m->tokenizer, text, &t, err);
        int64_t n = (int64_t)t.n;
        embed_tokens_done(&t);
        return r < 0 ? r : n;
}

uint32_t embed_room(const struct embed_model *m, enum embed_kind kind)
{
        const struct tokenizer_head *h = &m->tokenizer.head;
        uint32_t taken = h->n_before + h->n_after + m->prefix_tokens[kind];
        return taken < m->head.max_tokens ? m->head.max_tokens - taken : 0;
}
