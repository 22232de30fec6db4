#include "cli/sse.h"
#include "base/str.h"

#define SSE_MAX 65536 /* bytes of a line, and of the data of one event */

void sse_init(struct sse *s)
{
        buf_init(&s->line, SSE_MAX);
        buf_init(&s->event, SSE_MAX);
        buf_init(&s->data, SSE_MAX);
}

void sse_done(struct sse *s)
{
        buf_done(&s->line);
        buf_done(&s->event);
        buf_done(&s->data);
}

/* "name: value" or ":comment"; fields that we do not use are ignored as the standard says. */
static int take_line(struct sse *s)
{
        const char *line = buf_text(&s->line);
        size_t n = strcspn(line, ":");
        const char *value = line[n] ? line + n + 1 : "";
        value += *value == ' ';
        if (n == 5 && str_starts(line, "event")) {
                buf_clear(&s->event);
                return buf_adds(&s->event, value);
        }
        if (n != 4 || !str_starts(line, "data"))
                return 0;
        int r = buf_adds(&s->data, value);
        return r < 0 ? r : buf_adds(&s->data, "\n");
}

/* An empty line ends an event; one without data is none. 1: *ret. */
static int finish(struct sse *s, struct sse_event *ret)
{
        if (s->data.len == 0) {
                buf_clear(&s->event);
                return 0;
        }
        s->data.data[--s->data.len] = '\0'; /* the last newline */
        *ret = (struct sse_event){s->event.len ? buf_text(&s->event) : "message",
                                  buf_text(&s->data)};
        s->data.len = s->event.len = 0; /* the bytes stay until the next call */
        return 1;
}

int sse_next(struct sse *s, struct slice *in, struct sse_event *ret)
{
        while (in->len > 0) {
                const char *lf = memchr(in->data, '\n', in->len);
                size_t n = lf ? (size_t)(lf - in->data) : in->len;
                if (buf_add(&s->line, in->data, n) < 0)
                        return -EPROTO;
                n += lf != NULL;
                in->data += n;
                in->len -= n;
                if (!lf)
                        return 0;
                if (s->line.len && s->line.data[s->line.len - 1] == '\r')
                        s->line.data[--s->line.len] = '\0';
                bool empty = s->line.len == 0;
                int r = empty ? finish(s, ret) : take_line(s);
                buf_clear(&s->line);
                if (r < 0)
                        return -EPROTO;
                if (empty && r == 1)
                        return 1;
        }
        return 0;
}
