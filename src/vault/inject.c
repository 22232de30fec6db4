#include "vault/inject.h"
#include "base/str.h"
#include "net/h1.h"
#include "vault/seal.h"
#include <sodium.h>
#include <stdio.h>

int inject_parse(const char *text, struct inject *ret, struct err *err)
{
        static const struct {
                const char *prefix;
                enum inject_kind kind;
        } kinds[] = {
                {"header:", INJECT_HEADER}, {"basic:", INJECT_BASIC}, {"query:", INJECT_QUERY}};
        struct inject out = {INJECT_NONE, ""};
        bool fine = str_eq(text, "none") || str_eq(text, "bearer");
        if (str_eq(text, "bearer"))
                out.kind = INJECT_BEARER;
        for (size_t i = 0; i < ARRAY_LEN(kinds) && !fine; i++) {
                if (!str_starts(text, kinds[i].prefix))
                        continue;
                out.kind = kinds[i].kind;
                snprintf(out.name, sizeof out.name, "%s", text + strlen(kinds[i].prefix));
                fine = h1_is_token(out.name);
        }
        if (!fine)
                return err_set(err, -EINVAL,
                               "'%.64s' is not valid, expected bearer, header:NAME, basic:USER or "
                               "query:NAME",
                               text);
        *ret = out;
        return 0;
}

const char *inject_field(const struct inject *i)
{
        return i->kind == INJECT_HEADER                              ? i->name
               : i->kind == INJECT_BEARER || i->kind == INJECT_BASIC ? "authorization"
                                                                     : NULL;
}

static bool fits_header(const unsigned char *p, size_t n)
{
        for (size_t i = 0; i < n; i++)
                if (p[i] <= 0x20 || p[i] >= 0x7f)
                        return false;
        return n > 0;
}

static int put_basic(const struct inject *i, const unsigned char *value, size_t n, struct buf *out)
{
        size_t user = strlen(i->name), all = user + 1 + n;
        size_t text = sodium_base64_ENCODED_LEN(all, sodium_base64_VARIANT_ORIGINAL);
        CLEANUP(secret_freep) unsigned char *plain = secret_alloc(all);
        memcpy(plain, i->name, user);
        plain[user] = ':';
        memcpy(plain + user + 1, value, n);
        int r = buf_adds(out, "authorization: Basic ");
        char *to = r < 0 ? NULL : buf_room(out, text);
        if (!to)
                return -ENOMEM;
        sodium_bin2base64(to, text, plain, all, sodium_base64_VARIANT_ORIGINAL);
        out->len += text - 1;
        return buf_adds(out, "\r\n");
}

int inject_put(const struct inject *i, const unsigned char *value, size_t n, struct buf *out)
{
        if (i->kind == INJECT_BASIC)
                return put_basic(i, value, n, out);
        if (i->kind != INJECT_BEARER && i->kind != INJECT_HEADER)
                return 0;
        if (!fits_header(value, n))
                return -EINVAL;
        int r = buf_addf(out, "%s: %s", inject_field(i), i->kind == INJECT_BEARER ? "Bearer " : "");
        r = r < 0 ? r : buf_add(out, value, n);
        return r < 0 ? r : buf_adds(out, "\r\n");
}

int inject_query(const struct inject *i, const unsigned char *value, size_t n, struct buf *out)
{
        int r = buf_addf(out, "%s=", i->name);
        for (size_t k = 0; k < n && r == 0; k++) {
                unsigned char c = value[k];
                bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                             (c >= '0' && c <= '9') || (c && strchr("-._~", c));
                r = plain ? buf_add(out, &c, 1) : buf_addf(out, "%%%02X", c);
        }
        return r;
}
