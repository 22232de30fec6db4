#include "net/sni.h"

/* Bytes that shrink from the front; reading past the end makes `bad`. */
struct cursor {
        const unsigned char *p;
        size_t n;
        bool bad;
};

static unsigned take(struct cursor *c, size_t bytes)
{
        unsigned v = 0;
        if (c->n < bytes) {
                c->bad = true;
                c->n = 0;
                return 0;
        }
        for (size_t i = 0; i < bytes; i++)
                v = v << 8 | c->p[i];
        c->p += bytes;
        c->n -= bytes;
        return v;
}

static struct cursor part(struct cursor *c, size_t n)
{
        struct cursor out = {c->p, n, false};
        if (c->n < n) {
                c->bad = true;
                out.n = c->n = 0;
                return out;
        }
        c->p += n;
        c->n -= n;
        return out;
}

/* The handshake message out of its records. 1: whole, in out; 0: more is needed. */
static int unwrap(struct slice in, unsigned char *out, size_t *ret_n)
{
        struct cursor c = {(const unsigned char *)in.data, in.len, false};
        size_t have = 0, want = 4;
        while (have < want) {
                if (c.n >= 1 && c.p[0] != 22)
                        return -EPROTO;
                if (c.n >= 2 && c.p[1] != 3)
                        return -EPROTO;
                if (c.n < 5)
                        return 0;
                take(&c, 3);
                size_t n = take(&c, 2);
                if (n == 0 || n > SNI_HELLO_MAX || have + n > SNI_HELLO_MAX)
                        return -EPROTO;
                size_t got = n < c.n ? n : c.n;
                memcpy(out + have, c.p, got);
                have += got;
                if (have >= 1 && out[0] != 1)
                        return -EPROTO;
                if (have >= 4)
                        want = 4 + ((size_t)out[1] << 16 | (size_t)out[2] << 8 | out[3]);
                if (want > SNI_HELLO_MAX)
                        return -EPROTO;
                if (got < n && have < want)
                        return 0;
                part(&c, got);
        }
        *ret_n = want;
        return 1;
}

/* The list of names of the extension: exactly one, of type host_name. */
static int read_names(struct cursor ext, char space[256])
{
        struct cursor list = part(&ext, take(&ext, 2));
        unsigned type = take(&list, 1);
        struct cursor name = part(&list, take(&list, 2));
        if (ext.bad || list.bad || ext.n || list.n || type != 0 || name.n == 0 || name.n > 255)
                return -EPROTO;
        for (size_t i = 0; i < name.n; i++) {
                unsigned char ch = name.p[i];
                if (ch <= 0x20 || ch >= 0x7f)
                        return -EPROTO;
                space[i] = (char)(ch >= 'A' && ch <= 'Z' ? ch | 0x20 : ch);
        }
        space[name.n] = 0;
        return 1;
}

int sni_read(struct slice in, char space[256])
{
        unsigned char hello[SNI_HELLO_MAX];
        size_t n;
        int r = unwrap(in, hello, &n);
        if (r <= 0)
                return r;
        struct cursor c = {hello + 4, n - 4, false};
        part(&c, 2 + 32);      /* version, random */
        part(&c, take(&c, 1)); /* session */
        part(&c, take(&c, 2)); /* suites */
        part(&c, take(&c, 1)); /* compression */
        struct cursor exts = {NULL, 0, false};
        if (!c.bad && c.n)
                exts = part(&c, take(&c, 2));
        bool found = false;
        while (!c.bad && !exts.bad && exts.n) {
                unsigned type = take(&exts, 2);
                struct cursor ext = part(&exts, take(&exts, 2));
                if (exts.bad || type != 0)
                        continue;
                if (found || read_names(ext, space) < 0)
                        return -EPROTO;
                found = true;
        }
        if (c.bad || exts.bad || c.n)
                return -EPROTO;
        return found ? 1 : -ENOENT;
}
