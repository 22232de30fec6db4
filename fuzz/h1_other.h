/* h1_other.h - the same message read by our codec and by another one (http_parser, of nodejs until 12):
 * whatever ours takes for a whole message, the other takes for the same one. The other may take more.
 * For tests/unit/test_h1_other.c and fuzz/h1-other.c. */
#pragma once
#include "base/buf.h"
#include "net/h1.h"
#include <http_parser.h>
#include <strings.h>

struct h1_seen {
        struct buf text; /* method, target or status, fields, body: each with its length */
        size_t used;     /* bytes up to the end of the message */
        bool whole;
        bool lost;       /* no memory: nothing can be compared */
        bool field_open; /* the other gives names and values in pieces */
        struct buf name, value;
};

static inline void seen_init(struct h1_seen *s)
{
        *s = (struct h1_seen){.used = 0};
        buf_init(&s->text, 1u << 20);
        buf_init(&s->name, 1u << 20);
        buf_init(&s->value, 1u << 20);
}

static inline void seen_done(struct h1_seen *s)
{
        buf_done(&s->text);
        buf_done(&s->name);
        buf_done(&s->value);
}

static inline void seen_put(struct h1_seen *s, const char *p, size_t n)
{
        s->lost |= buf_add(&s->text, p, n) < 0;
}

static inline void seen_field(struct h1_seen *s, const char *name, const char *value, size_t n)
{
        /* The other keeps blanks behind a value. */
        while (n && (value[n - 1] == ' ' || value[n - 1] == '\t'))
                n--;
        seen_put(s, name, strlen(name));
        seen_put(s, "=", 1);
        seen_put(s, value, n);
        seen_put(s, ";", 1);
}

/* ---- ours ---- */

static inline void ours_event(struct h1_seen *s, enum h1_side side, const struct h1_event *e)
{
        char status[8];
        if (e->type == H1_DATA) {
                seen_put(s, e->data.data, e->data.len);
                return;
        }
        if (e->type == H1_HEAD && side == H1_REQUEST) {
                seen_put(s, e->head->method, strlen(e->head->method));
                seen_put(s, e->head->target, strlen(e->head->target));
        } else if (e->type == H1_HEAD) {
                snprintf(status, sizeof status, "%u", e->head->status);
                seen_put(s, status, strlen(status));
        }
        for (size_t i = 0; e->head && e->type != H1_END && i < e->head->n_fields; i++)
                seen_field(s, e->head->fields[i].name, e->head->fields[i].value,
                           strlen(e->head->fields[i].value));
}

/* Whatever its fields say (RFC 9112, 6.3); the other reads a chunked body there all the same. */
static inline bool has_no_body(unsigned status)
{
        return status < 200 || status == 204 || status == 304;
}

static inline void read_ours(struct h1_seen *s, enum h1_side side, const char *p, size_t n)
{
        static struct h1 codec;
        struct slice in = {p, n};
        struct h1_event e;
        bool skipped = false;
        h1_init(&codec, side, 65536);
        while (!s->whole && h1_next(&codec, &in, &e, NULL) == 1) {
                skipped |= e.type == H1_HEAD && side == H1_RESPONSE && has_no_body(e.head->status);
                ours_event(s, side, &e);
                s->whole = e.type == H1_END;
        }
        s->used = n - in.len;
        s->whole &= !skipped;
        h1_done(&codec);
}

/* ---- the other ---- */

static inline void flush_field(struct h1_seen *s)
{
        if (!s->field_open)
                return;
        s->field_open = false;
        seen_field(s, s->name.len ? buf_text(&s->name) : "", s->value.len ? s->value.data : "",
                   s->value.len);
        buf_clear(&s->name);
        buf_clear(&s->value);
}

static inline int other_target(http_parser *h, const char *p, size_t n)
{
        struct h1_seen *s = h->data;
        if (s->text.len == 0)
                seen_put(s, http_method_str((enum http_method)h->method),
                         strlen(http_method_str((enum http_method)h->method)));
        seen_put(s, p, n);
        return 0;
}

static inline int other_name(http_parser *h, const char *p, size_t n)
{
        struct h1_seen *s = h->data;
        char status[8];
        if (s->text.len == 0 && h->type == HTTP_RESPONSE) {
                snprintf(status, sizeof status, "%u", h->status_code);
                seen_put(s, status, strlen(status));
        }
        if (s->field_open && s->value.data && s->value.len)
                flush_field(s);
        else if (s->field_open && s->used)
                flush_field(s);
        s->used = 0;
        s->field_open = true;
        s->lost |= buf_add(&s->name, p, n) < 0;
        return 0;
}

static inline int other_value(http_parser *h, const char *p, size_t n)
{
        struct h1_seen *s = h->data;
        s->used = 1; /* a value, be it empty: the next name begins a field */
        s->lost |= n && buf_add(&s->value, p, n) < 0;
        return 0;
}

static inline int other_head(http_parser *h)
{
        struct h1_seen *s = h->data;
        char status[8];
        flush_field(s);
        if (s->text.len == 0 && h->type == HTTP_RESPONSE) {
                snprintf(status, sizeof status, "%u", h->status_code);
                seen_put(s, status, strlen(status));
        }
        return 0;
}

static inline int other_body(http_parser *h, const char *p, size_t n)
{
        seen_put(h->data, p, n);
        return 0;
}

static inline int other_end(http_parser *h)
{
        struct h1_seen *s = h->data;
        flush_field(s);
        s->whole = true;
        http_parser_pause(h, 1);
        return 0;
}

static inline enum http_errno read_other(struct h1_seen *s, enum h1_side side, const char *p,
                                         size_t n)
{
        static const http_parser_settings on = {.on_url = other_target,
                                                .on_header_field = other_name,
                                                .on_header_value = other_value,
                                                .on_headers_complete = other_head,
                                                .on_body = other_body,
                                                .on_message_complete = other_end};
        http_parser h;
        http_parser_init(&h, side == H1_REQUEST ? HTTP_REQUEST : HTTP_RESPONSE);
        h.data = s;
        s->used = http_parser_execute(&h, &on, p, n); /* paused behind the message */
        return HTTP_PARSER_ERRNO(&h);
}

/* A tab behind "chunked" is a blank (RFC 9110, 5.6.3); in a response the other takes the value for a
 * coding that it does not know. */
static inline bool knows_no_tab(enum h1_side side, const char *p, size_t n)
{
        for (size_t i = 0; side == H1_RESPONSE && i + 8 < n; i++)
                if (strncasecmp(p + i, "chunked", 7) == 0 && strchr(" \t", p[i + 7]))
                        return true;
        return false;
}

/* NULL: they agree, or ours took nothing; else what is different. */
static inline const char *h1_differs(enum h1_side side, const char *p, size_t n)
{
        struct h1_seen a, b;
        const char *what = NULL;
        seen_init(&a);
        seen_init(&b);
        read_ours(&a, side, p, n);
        enum http_errno e = a.whole ? read_other(&b, side, p, n) : HPE_OK;
        /* What the other refuses nobody reads in another way; what it waits for, somebody may. */
        if (a.whole && e == HPE_OK && !b.whole && !knows_no_tab(side, p, n))
                what = "the other waits for more";
        else if (a.whole && b.whole && a.text.len != b.text.len)
                what = "lengths differ";
        else if (a.whole && b.whole && memcmp(a.text.data, b.text.data, a.text.len) != 0)
                what = "contents differ";
        else if (a.whole && b.whole && a.used != b.used)
                what = "ends differ";
        if (a.lost || b.lost)
                what = NULL;
        seen_done(&a);
        seen_done(&b);
        return what;
}
