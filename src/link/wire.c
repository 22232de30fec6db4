#include "link/wire.h"

static int put_u64(struct buf *b, uint64_t v, size_t bytes)
{
        char le[8];
        for (size_t i = 0; i < bytes; i++)
                le[i] = (char)(v >> (8 * i));
        return buf_add(b, le, bytes);
}

static int put_bytes(struct buf *b, const char *p, size_t n)
{
        int r = put_u64(b, n, 4);
        return r < 0 ? r : buf_add(b, p, n);
}

static int encode_fields(const struct wire_type *t, const char *obj, struct buf *b,
                         struct err *err);

static int encode_list(const struct wire_field *f, const char *obj, struct buf *b, struct err *err)
{
        uint32_t n;
        memcpy(&n, obj + f->count_offset, sizeof n);
        if (n > f->max)
                return err_set(err, -EINVAL, "%s: %u elements", f->name, n);
        int r = put_u64(b, n, 4);
        for (uint32_t i = 0; i < n && r == 0; i++)
                r = encode_fields(f->type, obj + f->offset + i * f->type->size, b, err);
        return r;
}

static int encode_field(const struct wire_field *f, const char *obj, struct buf *b, struct err *err)
{
        const char *at = obj + f->offset;
        uint64_t u64;
        uint32_t u32;
        struct slice s;
        switch (f->kind) {
        case WIRE_KIND_U32:
                memcpy(&u32, at, sizeof u32);
                return put_u64(b, u32, 4);
        case WIRE_KIND_U64:
        case WIRE_KIND_I64:
                memcpy(&u64, at, sizeof u64);
                return put_u64(b, u64, 8);
        case WIRE_KIND_STR:
                if (strnlen(at, f->max) == f->max)
                        return err_set(err, -EINVAL, "%s: not terminated", f->name);
                return put_bytes(b, at, strlen(at));
        case WIRE_KIND_BYTES:
                memcpy(&s, at, sizeof s);
                if (s.len > f->max)
                        return err_set(err, -EINVAL, "%s: %zu bytes", f->name, s.len);
                return put_bytes(b, s.data ? s.data : "", s.len);
        case WIRE_KIND_LIST:
                return encode_list(f, obj, b, err);
        case WIRE_KIND_END:
                break;
        }
        return 0;
}

static int encode_fields(const struct wire_type *t, const char *obj, struct buf *b, struct err *err)
{
        for (const struct wire_field *f = t->fields; f && f->kind != WIRE_KIND_END; f++) {
                int r = encode_field(f, obj, b, err);
                if (r < 0)
                        return r;
        }
        return 0;
}

int wire_encode(const struct wire_type *t, const void *obj, struct buf *b, struct err *err)
{
        size_t start = b->len;
        int r = encode_fields(t, obj, b, err);
        if (r < 0) {
                b->len = start;
                return err_wrap(err, r, "%s", t->name);
        }
        return 0;
}

struct cursor {
        const char *p;
        size_t left;
};

static int get_u64(struct cursor *c, size_t bytes, uint64_t *ret)
{
        if (c->left < bytes)
                return -EPROTO;
        uint64_t v = 0;
        for (size_t i = 0; i < bytes; i++)
                v |= (uint64_t)(unsigned char)c->p[i] << (8 * i);
        c->p += bytes;
        c->left -= bytes;
        *ret = v;
        return 0;
}

static int get_bytes(struct cursor *c, size_t max, struct slice *ret)
{
        uint64_t n;
        int r = get_u64(c, 4, &n);
        if (r < 0)
                return r;
        if (n > max || n > c->left)
                return -EPROTO;
        *ret = (struct slice){c->p, (size_t)n};
        c->p += n;
        c->left -= (size_t)n;
        return 0;
}

static int decode_fields(const struct wire_type *t, struct cursor *c, char *obj, struct err *err);

static int decode_list(const struct wire_field *f, struct cursor *c, char *obj, struct err *err)
{
        uint64_t n;
        int r = get_u64(c, 4, &n);
        if (r < 0 || n > f->max)
                return -EPROTO;
        uint32_t count = (uint32_t)n;
        for (uint32_t i = 0; i < count; i++) {
                r = decode_fields(f->type, c, obj + f->offset + i * f->type->size, err);
                if (r < 0)
                        return r;
        }
        memcpy(obj + f->count_offset, &count, sizeof count);
        return 0;
}

static int decode_field(const struct wire_field *f, struct cursor *c, char *obj, struct err *err)
{
        char *at = obj + f->offset;
        uint64_t v = 0;
        uint32_t u32;
        struct slice s;
        int r = 0;
        switch (f->kind) {
        case WIRE_KIND_U32:
                r = get_u64(c, 4, &v);
                u32 = (uint32_t)v;
                memcpy(at, &u32, sizeof u32);
                return r;
        case WIRE_KIND_U64:
        case WIRE_KIND_I64:
                r = get_u64(c, 8, &v);
                memcpy(at, &v, sizeof v);
                return r;
        case WIRE_KIND_STR:
                r = get_bytes(c, f->max - 1, &s);
                if (r < 0 || memchr(s.data, '\0', s.len))
                        return -EPROTO;
                memcpy(at, s.data, s.len);
                at[s.len] = '\0';
                return 0;
        case WIRE_KIND_BYTES:
                r = get_bytes(c, f->max, &s);
                if (r == 0)
                        memcpy(at, &s, sizeof s);
                return r;
        case WIRE_KIND_LIST:
                return decode_list(f, c, obj, err);
        case WIRE_KIND_END:
                break;
        }
        return 0;
}

static int decode_fields(const struct wire_type *t, struct cursor *c, char *obj, struct err *err)
{
        for (const struct wire_field *f = t->fields; f && f->kind != WIRE_KIND_END; f++)
                if (decode_field(f, c, obj, err) < 0)
                        return err_set(err, -EPROTO, "%s: %s: malformed", t->name, f->name);
        return 0;
}

int wire_decode(const struct wire_type *t, const char *p, size_t n, void *obj, struct err *err)
{
        struct cursor c = {p, n};
        memset(obj, 0, t->size);
        int r = decode_fields(t, &c, obj, err);
        if (r < 0)
                return r;
        return c.left ? err_set(err, -EPROTO, "%s: %zu bytes left over", t->name, c.left) : 0;
}
