/* The lines of a head: start line, fields, and what the fields say about the body. */
#include "net/h1.h"
#include "base/str.h"

static bool is_tchar(unsigned char c)
{
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               (c && strchr("!#$%&'*+-.^_`|~", c));
}

bool h1_is_token(const char *s)
{
        if (!*s)
                return false;
        for (; *s; s++)
                if (!is_tchar((unsigned char)*s))
                        return false;
        return true;
}

bool h1_is_value(const char *s)
{
        for (; *s; s++) {
                unsigned char c = (unsigned char)*s;
                if ((c < 0x20 && c != '\t') || c == 0x7f)
                        return false;
        }
        return true;
}

bool h1_is_target(const char *s)
{
        if (!*s)
                return false;
        for (; *s; s++)
                if ((unsigned char)*s <= 0x20 || (unsigned char)*s >= 0x7f)
                        return false;
        return true;
}

/* "HTTP/1.0" or "HTTP/1.1" and nothing else. */
static int version(const char *s, size_t n, unsigned *ret, struct err *err)
{
        if (n != 8 || memcmp(s, "HTTP/1.", 7) != 0 || (s[7] != '0' && s[7] != '1'))
                return err_set(err, -EPROTO, "HTTP: the version is not 1.0 or 1.1");
        *ret = (unsigned)(s[7] - '0');
        return 0;
}

static int request_line(struct h1 *p, char *line, struct err *err)
{
        char *target = strchr(line, ' ');
        char *ver = target ? strchr(target + 1, ' ') : NULL;
        if (!ver)
                return err_set(err, -EPROTO, "HTTP: the request line is not valid");
        *target++ = '\0';
        *ver++ = '\0';
        if (!h1_is_token(line) || !h1_is_target(target))
                return err_set(err, -EPROTO, "HTTP: the request line is not valid");
        p->words[0] = (uint32_t)(line - p->raw.data);
        p->words[1] = (uint32_t)(target - p->raw.data);
        return version(ver, strlen(ver), &p->head.minor, err);
}

static bool is_digit(char c)
{
        return c >= '0' && c <= '9';
}

/* The blank behind the status may be missing when the reason is: common, and not ambiguous. */
static int status_line(struct h1 *p, char *line, struct err *err)
{
        size_t n = strcspn(line, " ");
        int r = version(line, n, &p->head.minor, err);
        if (r < 0)
                return r;
        const char *s = line + n;
        bool ok = s[0] == ' ' && s[1] >= '1' && s[1] <= '5' && is_digit(s[2]) && is_digit(s[3]) &&
                  (s[4] == '\0' || (s[4] == ' ' && h1_is_value(s + 5)));
        if (!ok)
                return err_set(err, -EPROTO, "HTTP: the status line is not valid");
        p->head.status = (unsigned)((s[1] - '0') * 100 + (s[2] - '0') * 10 + (s[3] - '0'));
        p->words[0] = (uint32_t)((s[4] ? s + 5 : s + 4) - p->raw.data);
        return 0;
}

int h1_start_line(struct h1 *p, char *line, struct err *err)
{
        return p->side == H1_REQUEST ? request_line(p, line, err) : status_line(p, line, err);
}

int h1_field_line(struct h1 *p, const struct buf *b, char *line, struct err *err)
{
        char *colon = strchr(line, ':');
        if (line[0] == ' ' || line[0] == '\t')
                return err_set(err, -EPROTO, "HTTP: a folded header line");
        if (!colon)
                return err_set(err, -EPROTO, "HTTP: a header line without colon");
        *colon = '\0';
        char *value = colon + 1 + strspn(colon + 1, " \t");
        size_t n = strlen(value);
        while (n > 0 && (value[n - 1] == ' ' || value[n - 1] == '\t'))
                value[--n] = '\0';
        if (!h1_is_token(line) || !h1_is_value(value))
                return err_set(err, -EPROTO, "HTTP: a header line is not valid");
        if (p->n == H1_FIELDS_MAX)
                return err_set(err, -EPROTO, "HTTP: more than %d header lines", H1_FIELDS_MAX);
        /* In trailers a field that frames or routes would be read by some and not by others. */
        static const char *const framing[] = {"content-length", "transfer-encoding", "host",
                                              "connection",     "trailer",           "upgrade"};
        for (size_t i = 0; p->state == H1S_TRAILERS && i < ARRAY_LEN(framing); i++)
                if (strcasecmp(line, framing[i]) == 0)
                        return err_set(err, -EPROTO, "HTTP: %s in trailers", framing[i]);
        p->spans[p->n++] =
                (struct h1_span){(uint32_t)(line - b->data), (uint32_t)(value - b->data)};
        return 0;
}

static unsigned count(const struct h1_head *h, const char *name)
{
        unsigned n = 0;
        for (size_t i = 0; i < h->n_fields; i++)
                n += strcasecmp(h->fields[i].name, name) == 0;
        return n;
}

static int frame_request(struct h1_head *h, struct err *err)
{
        unsigned hosts = count(h, "host");
        if (hosts > 1 || (hosts == 0 && h->minor == 1))
                return err_set(err, -EPROTO, "HTTP: expected one Host");
        return 0;
}

static bool response_has_no_body(const struct h1 *p)
{
        unsigned s = p->head.status;
        return p->no_body || s < 200 || s == 204 || s == 304;
}

int h1_frame(struct h1 *p, struct err *err)
{
        struct h1_head *h = &p->head;
        unsigned lengths = count(h, "content-length"), codings = count(h, "transfer-encoding");
        int r = p->side == H1_REQUEST ? frame_request(h, err) : 0;
        if (r < 0)
                return r;
        if (lengths > 1 || codings > 1 || (lengths && codings))
                return err_set(err, -EPROTO, "HTTP: the length of the body is given twice");
        if (codings &&
            (h->minor == 0 || strcasecmp(h1_find(h, "transfer-encoding"), "chunked") != 0))
                return err_set(err, -EPROTO, "HTTP: a transfer coding other than chunked");
        if (lengths &&
            (str_to_u64(h1_find(h, "content-length"), &h->length) < 0 || h->length > INT64_MAX))
                return err_set(err, -EPROTO, "HTTP: Content-Length is not valid");
        h->framing = codings                  ? H1_CHUNKED
                     : lengths                ? H1_LENGTH
                     : p->side == H1_RESPONSE ? H1_UNTIL_EOF
                                              : H1_NONE;
        if (p->side == H1_RESPONSE && response_has_no_body(p))
                h->framing = H1_NONE;
        bool close = h1_has_token(h, "connection", "close");
        bool keep = h1_has_token(h, "connection", "keep-alive");
        h->keep_alive = !close && (h->minor == 1 || keep) && h->framing != H1_UNTIL_EOF;
        return 0;
}
