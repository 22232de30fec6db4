/* h1.h - HTTP/1.1 messages (RFC 9112), strict: a push parser and a writer, both directions.
 *
 * The parser takes bytes as they come, one by one or all at once, with the same outcome. It holds
 * at most `head_max` bytes; body bytes are never copied. What two programs could read differently
 * is refused with -EPROTO and a sentence: bare LF or CR, NUL, folded lines, blanks before a colon,
 * Content-Length with Transfer-Encoding, a repeated Content-Length, a coding other than chunked,
 * sizes with a sign or more than 15 hex digits, framing fields in trailers.
 *
 *     h1_init(&p, H1_RESPONSE, HTTP_HEAD_MAX);
 *     while ((r = h1_next(&p, &in, &ev, err)) == 1)      `in` is consumed from the front
 *             switch (ev.type) {
 *             case H1_HEAD: ...ev.head lives until bytes of the next message are given
 *             case H1_DATA: ...ev.data points into what `in` was
 *             case H1_END:  ...the next byte begins a new message
 *             }
 *     r == 0: all of `in` was used, give more; r < 0: the connection is of no more use
 *     r = h1_eof(&p, err);       the sender has closed: 0 only where a message may end
 */
#pragma once
#include "base/buf.h"
#include "link/wire.h" /* struct slice */

#define H1_FIELDS_MAX 128 /* fields of a head, and apart, of trailers */
#define H1_CHUNK_LINE 256 /* size, extensions, CRLF */

enum h1_side { H1_REQUEST, H1_RESPONSE };
enum h1_framing { H1_NONE, H1_LENGTH, H1_CHUNKED, H1_UNTIL_EOF };

struct h1_field {
        const char *name, *value; /* the name as it came; value without blanks around it */
};
struct h1_head {
        const char *method, *target; /* of a request; target is visible ASCII and nothing more */
        unsigned status;             /* of a response: 100-599 */
        const char *reason;          /* of a response; may be "" */
        unsigned minor;              /* HTTP/1.minor: 0 or 1 */
        const struct h1_field *fields;
        size_t n_fields;
        enum h1_framing framing;
        uint64_t length; /* H1_LENGTH */
        bool keep_alive; /* the connection may carry another message behind this one */
};

enum h1_event_type {
        H1_HEAD,    /* ev.head; for an interim response (1xx but 101) another head follows */
        H1_DATA,    /* ev.data: part of the body, never empty */
        H1_TRAILER, /* ev.head->fields are now the trailers and no longer the head's */
        H1_END,     /* of the message; behind 101 the bytes left in `in` are the new protocol's */
};
struct h1_event {
        enum h1_event_type type;
        const struct h1_head *head; /* H1_HEAD, H1_TRAILER */
        struct slice data;          /* H1_DATA */
};

/* Offsets into `raw` while lines are gathered: raw may move as it grows. */
struct h1_span {
        uint32_t name, value;
};
enum h1_state {
        H1S_IDLE, /* between messages */
        H1S_START_LINE,
        H1S_FIELDS,
        H1S_BODY,
        H1S_CHUNK_SIZE,
        H1S_CHUNK_DATA,
        H1S_CHUNK_CRLF,
        H1S_TRAILERS,
        H1S_END,
        H1S_BROKEN,
};
/* Members are the parser's own. */
struct h1 {
        enum h1_side side;
        enum h1_state state;
        bool no_body;    /* see h1_no_body */
        bool interim;    /* the last head was interim: the final one must follow */
        struct buf raw;  /* the lines of the head */
        struct buf tail; /* a chunk's line, or the trailers */
        size_t line;     /* where in either of them the current line begins */
        uint64_t left;   /* of the body or of the chunk */
        struct h1_head head;
        uint32_t words[2]; /* in raw: method and target, or reason */
        size_t n;          /* of both lists */
        struct h1_span spans[H1_FIELDS_MAX];
        struct h1_field fields[H1_FIELDS_MAX];
};

void h1_init(struct h1 *p, enum h1_side side, size_t head_max);
void h1_done(struct h1 *p);
/* The next response has no body whatever its fields say: it answers HEAD, or CONNECT with 2xx. */
void h1_no_body(struct h1 *p);
MUST_CHECK int h1_next(struct h1 *p, struct slice *in, struct h1_event *ret, struct err *err);
/* The sender has closed. 0: between messages, or the body lasted until here. -EPROTO: cut short. */
MUST_CHECK int h1_eof(struct h1 *p, struct err *err);
/* The value of the only field of that name (case ignored); NULL when absent or there twice. */
const char *h1_find(const struct h1_head *h, const char *name);
/* True when the comma-separated value of any field `name` has the token (case ignored). */
bool h1_has_token(const struct h1_head *h, const char *name, const char *token);

/* Writers. -EINVAL when a part could not be read back as what was meant. */
MUST_CHECK int h1_put_request(struct buf *b, const char *method, const char *target);
MUST_CHECK int h1_put_status(struct buf *b, unsigned status, const char *reason);
MUST_CHECK int h1_put_field(struct buf *b, const char *name, const char *value);
MUST_CHECK int h1_put_end(struct buf *b);                            /* of head or trailers */
MUST_CHECK int h1_put_chunk(struct buf *b, const void *p, size_t n); /* n > 0 */
MUST_CHECK int h1_put_last_chunk(struct buf *b);                     /* then trailers, h1_put_end */

/* For the parser and the writer: RFC 9110 tokens and field values, and a request's target: visible
 * ASCII. All NUL-terminated. */
bool h1_is_token(const char *s);
bool h1_is_target(const char *s);
bool h1_is_value(const char *s);
/* h1_line.c: one complete line, cut and NUL-ended in place. -EPROTO. */
MUST_CHECK int h1_start_line(struct h1 *p, char *line, struct err *err);
MUST_CHECK int h1_field_line(struct h1 *p, const struct buf *b, char *line, struct err *err);
/* Decides from the gathered fields how the body is framed. */
MUST_CHECK int h1_frame(struct h1 *p, struct err *err);
