#include "rag/embed/safetensors.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include <math.h>

struct entry {
        const char *name; /* of the JSON */
        uint64_t begin, end;
        struct tensor t;
};
struct safetensors {
        json_t *head;
        struct entry *list; /* ordered by name */
        size_t n;
};

void safetensors_free(struct safetensors *s)
{
        if (!s)
                return;
        json_decref(s->head);
        free(s->list);
        free(s);
}

static enum tensor_type type_of(const char *name, unsigned *ret_bytes)
{
        static const struct {
                char name[8];
                enum tensor_type type;
                unsigned bytes;
        } types[] = {{"F32", TENSOR_F32, 4},   {"F16", TENSOR_F16, 2},   {"BF16", TENSOR_BF16, 2},
                     {"F64", TENSOR_OTHER, 8}, {"I64", TENSOR_OTHER, 8}, {"U64", TENSOR_OTHER, 8},
                     {"I32", TENSOR_OTHER, 4}, {"U32", TENSOR_OTHER, 4}, {"I16", TENSOR_OTHER, 2},
                     {"U16", TENSOR_OTHER, 2}, {"I8", TENSOR_OTHER, 1},  {"U8", TENSOR_OTHER, 1},
                     {"BOOL", TENSOR_OTHER, 1}};
        *ret_bytes = 0;
        for (size_t i = 0; i < ARRAY_LEN(types); i++)
                if (str_eq(types[i].name, name)) {
                        *ret_bytes = types[i].bytes;
                        return types[i].type;
                }
        return TENSOR_OTHER;
}

/* A number of the header that is not negative; false: it is none. */
static bool number(const json_t *j, uint64_t *ret)
{
        if (!json_is_integer(j) || json_integer_value(j) < 0)
                return false;
        *ret = (uint64_t)json_integer_value(j);
        return true;
}

static bool shape_of(const json_t *shape, struct tensor *t)
{
        if (!json_is_array(shape) || json_array_size(shape) > SAFETENSORS_DIMS)
                return false;
        t->n_dims = (uint32_t)json_array_size(shape);
        t->count = 1;
        for (uint32_t i = 0; i < t->n_dims; i++)
                if (!number(json_array_get(shape, i), &t->dims[i]) ||
                    __builtin_mul_overflow(t->count, t->dims[i], &t->count))
                        return false;
        return true;
}

static int read_entry(const char *name, const json_t *o, const unsigned char *data, uint64_t n,
                      struct entry *e, struct err *err)
{
        const char *type = json_string_value(json_object_get(o, "dtype"));
        const json_t *at = json_object_get(o, "data_offsets");
        unsigned bytes;
        uint64_t size;
        e->name = name;
        if (!type || !shape_of(json_object_get(o, "shape"), &e->t) || !json_is_array(at) ||
            json_array_size(at) != 2 || !number(json_array_get(at, 0), &e->begin) ||
            !number(json_array_get(at, 1), &e->end))
                return err_set(err, -EBADMSG, "tensor '%.100s': its description", name);
        e->t.type = type_of(type, &bytes);
        if (bytes == 0)
                return err_set(err, -EBADMSG, "tensor '%.100s': type '%.20s'", name, type);
        if (e->begin > e->end || e->end > n ||
            __builtin_mul_overflow(e->t.count, (uint64_t)bytes, &size) || size != e->end - e->begin)
                return err_set(err, -EBADMSG, "tensor '%.100s': its offsets", name);
        e->t.data = data + e->begin;
        return 0;
}

static int by_place(const void *a, const void *b)
{
        const struct entry *x = a, *y = b;
        if (x->begin != y->begin)
                return x->begin < y->begin ? -1 : 1;
        return x->end < y->end ? -1 : x->end > y->end;
}

static int by_name(const void *a, const void *b)
{
        return strcmp(((const struct entry *)a)->name, ((const struct entry *)b)->name);
}

/* The tensors must fill the data from its first byte to its last. */
static int check_places(struct safetensors *s, uint64_t n, struct err *err)
{
        uint64_t at = 0;
        qsort(s->list, s->n, sizeof *s->list, by_place);
        for (size_t i = 0; i < s->n; i++) {
                if (s->list[i].begin != at)
                        return err_set(err, -EBADMSG, "tensor '%.100s': overlaps or leaves a hole",
                                       s->list[i].name);
                at = s->list[i].end;
        }
        if (at != n)
                return err_set(err, -EBADMSG, "bytes behind the last tensor");
        qsort(s->list, s->n, sizeof *s->list, by_name);
        return 0;
}

int safetensors_open(const void *data, size_t n, struct safetensors **ret, struct err *err)
{
        const unsigned char *p = data;
        uint64_t head;
        if (n < 8)
                return err_set(err, -EBADMSG, "too short for safetensors");
        memcpy(&head, p, sizeof head);
        if (head > SAFETENSORS_HEAD_MAX || head > n - 8)
                return err_set(err, -EBADMSG, "the length of the safetensors header");
        CLEANUP(safetensors_freep) struct safetensors *s = xcalloc(1, sizeof *s);
        int r = json_parse((const char *)p + 8, head, &s->head, err);
        if (r < 0)
                return err_wrap(err, -EBADMSG, "safetensors header");
        if (!json_is_object(s->head) || json_object_size(s->head) > SAFETENSORS_MAX)
                return err_set(err, -EBADMSG, "the safetensors header is no list of tensors");
        s->list = mem_try((json_object_size(s->head) + 1) * sizeof *s->list);
        if (!s->list)
                return err_set(err, -ENOMEM, "no memory for the list of tensors");
        const char *name;
        json_t *o;
        json_object_foreach(s->head, name, o)
        {
                if (str_eq(name, "__metadata__"))
                        continue;
                r = read_entry(name, o, p + 8 + head, n - 8 - head, &s->list[s->n], err);
                if (r < 0)
                        return r;
                s->n++;
        }
        r = check_places(s, n - 8 - head, err);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(s);
        return 0;
}

size_t safetensors_count(const struct safetensors *s)
{
        return s->n;
}

const struct tensor *safetensors_find(const struct safetensors *s, const char *name)
{
        struct entry key = {.name = name};
        const struct entry *e = s->n ? bsearch(&key, s->list, s->n, sizeof key, by_name) : NULL;
        return e ? &e->t : NULL;
}

void tensor_floats(const struct tensor *t, uint64_t i, uint64_t n, float *ret)
{
        uint16_t h;
        if (t->type == TENSOR_F32) {
                memcpy(ret, t->data + i * 4, n * 4);
                return;
        }
        for (uint64_t k = 0; k < n; k++) {
                memcpy(&h, t->data + (i + k) * 2, 2);
                ret[k] = t->type == TENSOR_F16 ? half_to_float(h) : bf16_to_float(h);
        }
}

int safetensors_want(const struct safetensors *s, const char *name, uint64_t rows, uint64_t cols,
                     const struct tensor **ret, struct err *err)
{
        const struct tensor *t = safetensors_find(s, name);
        if (!t)
                return err_set(err, -EBADMSG, "the weights lack '%s'", name);
        if (t->type == TENSOR_OTHER)
                return err_set(err, -EBADMSG, "'%s' is of none of F32, F16, BF16", name);
        if (t->n_dims != (cols ? 2u : 1u) || t->dims[0] != rows || (cols && t->dims[1] != cols))
                return err_set(err, -EBADMSG, "'%s' has another shape than %llu x %llu", name,
                               (unsigned long long)rows, (unsigned long long)(cols ? cols : 1));
        float v[256];
        for (uint64_t i = 0; i < t->count; i += ARRAY_LEN(v)) {
                uint64_t n = t->count - i < ARRAY_LEN(v) ? t->count - i : ARRAY_LEN(v);
                tensor_floats(t, i, n, v);
                for (uint64_t k = 0; k < n; k++)
                        if (!isfinite(v[k]))
                                return err_set(err, -EBADMSG, "'%s' holds a number that is none",
                                               name);
        }
        *ret = t;
        return 0;
}
