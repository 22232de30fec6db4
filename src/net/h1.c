#include "net/h1.h"
#include "base/str.h"

void h1_init(struct h1 *p, enum h1_side side, size_t head_max)
{
        memset(p, 0,
               offsetof(struct h1, spans)); /* the lists need none: n says what of them counts */
        p->side = side;
        buf_init(&p->raw, head_max);
        buf_init(&p->tail, head_max);
}

void h1_done(struct h1 *p)
{
        buf_done(&p->raw);
        buf_done(&p->tail);
}

void h1_no_body(struct h1 *p)
{
        p->no_body = true;
}

/* Gathers bytes in b up to and with the next LF. 1: a whole line, cut before its CRLF, in *ret.
 * 0: more is needed. */
static int line_take(struct h1 *p, struct buf *b, size_t line_max, struct slice *in, char **ret,
                     struct err *err)
{
        if (in->len == 0)
                return 0;
        const char *lf = memchr(in->data, '\n', in->len);
        size_t n = lf ? (size_t)(lf - in->data) + 1 : in->len;
        int r = b->len - p->line + n > line_max ? -E2BIG : buf_add(b, in->data, n);
        if (r == -E2BIG)
                return err_set(err, -EPROTO, "HTTP: a head or line is too long");
        if (r < 0)
                return err_set(err, r, "HTTP: no memory for a head");
        in->data += n;
        in->len -= n;
        if (!lf)
                return 0;
        char *line = b->data + p->line, *end = b->data + b->len - 2;
        if (end < line || *end != '\r')
                return err_set(err, -EPROTO, "HTTP: a line does not end with CR LF");
        if (memchr(line, '\0', (size_t)(end - line)) || memchr(line, '\r', (size_t)(end - line)))
                return err_set(err, -EPROTO, "HTTP: NUL or CR inside a line");
        *end = '\0';
        *ret = line;
        return 1;
}

static void tail_clear(struct h1 *p)
{
        buf_clear(&p->tail);
        p->line = 0;
}

/* The lines no longer move: offsets become pointers. */
static void fields_settle(struct h1 *p, const struct buf *lines)
{
        for (size_t i = 0; i < p->n; i++)
                p->fields[i] = (struct h1_field){lines->data + p->spans[i].name,
                                                 lines->data + p->spans[i].value};
        p->head.fields = p->fields;
        p->head.n_fields = p->n;
        p->n = 0;
}

static enum h1_state body_state(const struct h1 *p)
{
        switch (p->head.framing) {
        case H1_LENGTH:
                return p->head.length ? H1S_BODY : H1S_END;
        case H1_UNTIL_EOF:
                return H1S_BODY;
        case H1_CHUNKED:
                return H1S_CHUNK_SIZE;
        case H1_NONE:
                break;
        }
        return H1S_END;
}

static bool is_interim(const struct h1 *p)
{
        return p->side == H1_RESPONSE && p->head.status < 200 && p->head.status != 101;
}

/* 2, as step() */
static int head_ready(struct h1 *p, struct h1_event *ret, struct err *err)
{
        fields_settle(p, &p->raw);
        if (p->side == H1_REQUEST) {
                p->head.method = p->raw.data + p->words[0];
                p->head.target = p->raw.data + p->words[1];
        } else {
                p->head.reason = p->raw.data + p->words[0];
        }
        int r = h1_frame(p, err);
        if (r < 0)
                return r;
        tail_clear(p);
        p->left = p->head.framing == H1_UNTIL_EOF ? UINT64_MAX : p->head.length;
        p->interim = is_interim(p);
        p->state = p->interim ? H1S_IDLE : body_state(p);
        if (!p->interim)
                p->no_body = false;
        *ret = (struct h1_event){.type = H1_HEAD, .head = &p->head};
        return 2;
}

static int idle(struct h1 *p, const struct slice *in)
{
        if (in->len == 0)
                return 0;
        buf_clear(&p->raw);
        p->head = (struct h1_head){0};
        p->line = 0;
        p->state = H1S_START_LINE;
        return 1;
}

static int start_line(struct h1 *p, struct slice *in, struct err *err)
{
        char *line;
        int r = line_take(p, &p->raw, p->raw.max, in, &line, err);
        if (r <= 0)
                return r;
        r = h1_start_line(p, line, err);
        if (r < 0)
                return r;
        p->line = p->raw.len;
        p->state = H1S_FIELDS;
        return 1;
}

/* One line of the head or of the trailers. 2: that was the empty one. */
static int field_line(struct h1 *p, struct buf *b, struct slice *in, struct err *err)
{
        char *line;
        int r = line_take(p, b, b->max, in, &line, err);
        if (r <= 0)
                return r;
        if (!*line)
                return 2;
        r = h1_field_line(p, b, line, err);
        p->line = b->len;
        return r < 0 ? r : 1;
}

static int fields(struct h1 *p, struct slice *in, struct h1_event *ret, struct err *err)
{
        int r = field_line(p, &p->raw, in, err);
        return r < 2 ? r : head_ready(p, ret, err);
}

static int trailers(struct h1 *p, struct slice *in, struct h1_event *ret, struct err *err)
{
        int r = field_line(p, &p->tail, in, err);
        if (r < 2)
                return r;
        p->state = H1S_END;
        if (p->n == 0)
                return 1;
        fields_settle(p, &p->tail);
        *ret = (struct h1_event){.type = H1_TRAILER, .head = &p->head};
        return 2;
}

static int hex_value(char c)
{
        if (c >= '0' && c <= '9')
                return c - '0';
        c |= 0x20;
        return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* "1a" or "1a;name=value": extensions are allowed and dropped. */
static int chunk_size(struct h1 *p, struct slice *in, struct err *err)
{
        char *line;
        int r = line_take(p, &p->tail, H1_CHUNK_LINE, in, &line, err);
        if (r <= 0)
                return r;
        uint64_t n = 0;
        size_t i = 0;
        for (; hex_value(line[i]) >= 0; i++)
                n = i < 15 ? n << 4 | (uint64_t)hex_value(line[i]) : n;
        if (i == 0 || i > 15 || (line[i] && line[i] != ';') || !h1_is_value(line + i))
                return err_set(err, -EPROTO, "HTTP: a chunk's size is not valid");
        tail_clear(p);
        p->left = n;
        p->state = n ? H1S_CHUNK_DATA : H1S_TRAILERS;
        return 1;
}

static int chunk_crlf(struct h1 *p, struct slice *in, struct err *err)
{
        char *line;
        int r = line_take(p, &p->tail, 2, in, &line, err);
        if (r == -EPROTO || (r > 0 && *line))
                return err_set(err, -EPROTO, "HTTP: a chunk is longer than its size");
        if (r <= 0)
                return r;
        tail_clear(p);
        p->state = H1S_CHUNK_SIZE;
        return 1;
}

static int body(struct h1 *p, struct slice *in, enum h1_state behind, struct h1_event *ret)
{
        if (in->len == 0)
                return 0;
        size_t n = in->len < p->left ? in->len : (size_t)p->left;
        *ret = (struct h1_event){.type = H1_DATA, .data = {in->data, n}};
        in->data += n;
        in->len -= n;
        if (p->head.framing != H1_UNTIL_EOF)
                p->left -= n;
        if (p->left == 0)
                p->state = behind;
        return 2;
}

/* 0: needs bytes; 1: went on; 2: *ret is an event. */
static int step(struct h1 *p, struct slice *in, struct h1_event *ret, struct err *err)
{
        switch (p->state) {
        case H1S_IDLE:
                return idle(p, in);
        case H1S_START_LINE:
                return start_line(p, in, err);
        case H1S_FIELDS:
                return fields(p, in, ret, err);
        case H1S_BODY:
                return body(p, in, H1S_END, ret);
        case H1S_CHUNK_SIZE:
                return chunk_size(p, in, err);
        case H1S_CHUNK_DATA:
                return body(p, in, H1S_CHUNK_CRLF, ret);
        case H1S_CHUNK_CRLF:
                return chunk_crlf(p, in, err);
        case H1S_TRAILERS:
                return trailers(p, in, ret, err);
        case H1S_END:
                p->state = H1S_IDLE;
                *ret = (struct h1_event){.type = H1_END};
                return 2;
        case H1S_BROKEN:
                break;
        }
        return err_set(err, -EPROTO, "HTTP: the connection is broken");
}

int h1_next(struct h1 *p, struct slice *in, struct h1_event *ret, struct err *err)
{
        int r;
        do
                r = step(p, in, ret, err);
        while (r == 1);
        if (r < 0)
                p->state = H1S_BROKEN;
        return r == 2 ? 1 : r;
}

int h1_eof(struct h1 *p, struct err *err)
{
        bool fine = (p->state == H1S_IDLE && !p->interim) ||
                    (p->state == H1S_BODY && p->head.framing == H1_UNTIL_EOF);
        p->state = H1S_BROKEN;
        return fine ? 0 : err_set(err, -EPROTO, "HTTP: the connection ended inside a message");
}

/* Most names differ in their first letter, and there are many to compare. */
static bool same_name(const char *a, const char *b)
{
        return ((a[0] ^ b[0]) & ~0x20) == 0 && strcasecmp(a, b) == 0;
}

const char *h1_find(const struct h1_head *h, const char *name)
{
        const char *found = NULL;
        for (size_t i = 0; i < h->n_fields; i++) {
                if (!same_name(h->fields[i].name, name))
                        continue;
                if (found)
                        return NULL;
                found = h->fields[i].value;
        }
        return found;
}

static bool list_has(const char *list, const char *token)
{
        size_t len = strlen(token);
        while (*list) {
                list += strspn(list, ", \t");
                size_t n = strcspn(list, ",");
                const char *next = list + n;
                while (n > 0 && (list[n - 1] == ' ' || list[n - 1] == '\t'))
                        n--;
                if (n == len && strncasecmp(list, token, len) == 0)
                        return true;
                list = next;
        }
        return false;
}

bool h1_has_token(const struct h1_head *h, const char *name, const char *token)
{
        for (size_t i = 0; i < h->n_fields; i++)
                if (same_name(h->fields[i].name, name) && list_has(h->fields[i].value, token))
                        return true;
        return false;
}
