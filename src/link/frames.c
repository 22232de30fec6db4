#include "link/frames.h"
#include "base/clock.h"
#include <poll.h>

static uint32_t get_u32(const char *p)
{
        const unsigned char *u = (const unsigned char *)p;
        return (uint32_t)u[0] | (uint32_t)u[1] << 8 | (uint32_t)u[2] << 16 | (uint32_t)u[3] << 24;
}

static void set_u32(char *p, uint32_t v)
{
        for (int i = 0; i < 4; i++)
                p[i] = (char)(v >> (8 * i));
}

const struct frame_verb *frame_find(const struct frame_spec *spec, uint32_t verb)
{
        for (size_t i = 0; i < spec->n_verbs; i++)
                if (spec->verbs[i].verb == verb)
                        return &spec->verbs[i];
        return NULL;
}

void frames_init(struct frames *f, const struct frame_spec *spec)
{
        *f = (struct frames){.spec = spec};
        buf_init(&f->in, FRAMES_BUFFER_MAX);
}

void frames_done(struct frames *f)
{
        buf_done(&f->in);
        f->at = 0;
}

static void drop_taken(struct frames *f)
{
        buf_consume(&f->in, f->at);
        f->at = 0;
}

size_t frames_room(const struct frames *f)
{
        return f->in.max - (f->in.len - f->at);
}

int frames_feed(struct frames *f, const void *p, size_t n)
{
        drop_taken(f);
        return buf_add(&f->in, p, n);
}

int frames_next(struct frames *f, struct frame *ret, struct err *err)
{
        size_t left = f->in.len - f->at;
        if (left < FRAME_HEAD)
                return 0;
        const char *p = f->in.data + f->at;
        uint32_t verb = get_u32(p), n = get_u32(p + 4);
        if (!frame_find(f->spec, verb))
                return err_set(err, -EPROTO, "%s: unknown frame %u", f->spec->name, verb);
        if (n > FRAME_MAX)
                return err_set(err, -EPROTO, "%s: frame %u: %u bytes", f->spec->name, verb, n);
        if (left - FRAME_HEAD < n)
                return 0;
        *ret = (struct frame){verb, {p + FRAME_HEAD, n}};
        f->at += FRAME_HEAD + n;
        return 1;
}

int frames_decode(const struct frames *f, const struct frame *frame, void *ret, struct err *err)
{
        const struct frame_verb *v = frame_find(f->spec, frame->verb);
        if (!v || !v->type)
                return err_set(err, -EPROTO, "%s: frame %u holds no fields", f->spec->name,
                               frame->verb);
        int r = wire_decode(v->type, frame->body.data, frame->body.len, ret, err);
        return r < 0 ? err_wrap(err, r, "%s", f->spec->name) : 0;
}

/* 0 = ready for POLLIN or POLLOUT, or at its end. */
static int wait_for(int fd, short events, uint64_t deadline_ms, struct err *err)
{
        for (;;) {
                int timeout = -1;
                if (deadline_ms) {
                        uint64_t now = clock_boot_ms();
                        if (now >= deadline_ms)
                                return err_set(err, -ETIMEDOUT, "no answer in time");
                        uint64_t left = deadline_ms - now;
                        timeout = left > 60000 ? 60000 : (int)left;
                }
                struct pollfd p = {.fd = fd, .events = events};
                int n = poll(&p, 1, timeout);
                if (n > 0)
                        return 0;
                if (n < 0 && errno != EINTR)
                        return err_sys(err, -errno, "poll");
        }
}

/* Bytes read, 0 at the end. */
static int fill(struct frames *f, int fd, uint64_t deadline_ms, struct err *err)
{
        drop_taken(f);
        char *room = buf_room(&f->in, FRAME_HEAD + FRAME_MAX);
        if (!room)
                return err_set(err, -ENOMEM, "no memory for a frame");
        for (;;) {
                int r = deadline_ms ? wait_for(fd, POLLIN, deadline_ms, err) : 0;
                if (r < 0)
                        return r;
                ssize_t n = read(fd, room, FRAME_HEAD + FRAME_MAX);
                if (n >= 0) {
                        f->in.len += (size_t)n;
                        return (int)n;
                }
                if (errno == EAGAIN)
                        r = wait_for(fd, POLLIN, deadline_ms, err);
                else if (errno != EINTR)
                        return err_sys(err, -errno, "read");
                if (r < 0)
                        return r;
        }
}

int frames_read(struct frames *f, int fd, uint64_t deadline_ms, struct frame *ret, struct err *err)
{
        for (;;) {
                int r = frames_next(f, ret, err);
                if (r != 0)
                        return r;
                size_t had = f->in.len - f->at;
                r = fill(f, fd, deadline_ms, err);
                if (r < 0)
                        return r;
                if (r == 0)
                        return had ? err_set(err, -EPIPE, "%s: ended inside a frame", f->spec->name)
                                   : 0;
        }
}

int frame_put(struct buf *b, const struct frame_spec *spec, uint32_t verb, const void *obj,
              struct err *err)
{
        const struct frame_verb *v = frame_find(spec, verb);
        if (!v)
                return err_set(err, -EINVAL, "%s: unknown frame %u", spec->name, verb);
        size_t start = b->len;
        char head[FRAME_HEAD] = {0};
        int r = buf_add(b, head, sizeof head);
        if (r < 0)
                return err_sys(err, r, "%s: %s", spec->name, v->name);
        if (v->type) {
                r = wire_encode(v->type, obj, b, err);
        } else {
                const struct slice *s = obj;
                r = buf_add(b, s->data ? s->data : "", s->len);
        }
        size_t n = b->len - start - FRAME_HEAD;
        if (r == 0 && n > FRAME_MAX)
                r = -E2BIG;
        if (r < 0) {
                b->len = start;
                b->data[start] = '\0';
                return err_set(err, r, "%s: %s: %s", spec->name, v->name, errno_text(r));
        }
        set_u32(b->data + start, verb);
        set_u32(b->data + start + 4, (uint32_t)n);
        return 0;
}

static int write_all(int fd, const struct buf *b, uint64_t deadline_ms, struct err *err)
{
        for (size_t done = 0; done < b->len;) {
                ssize_t n = write(fd, b->data + done, b->len - done);
                if (n >= 0) {
                        done += (size_t)n;
                        continue;
                }
                if (errno == EINTR)
                        continue;
                int r = errno == EAGAIN ? wait_for(fd, POLLOUT, deadline_ms, err)
                                        : err_sys(err, -errno, "write");
                if (r < 0)
                        return r;
        }
        return 0;
}

int frame_write(int fd, const struct frame_spec *spec, uint32_t verb, const void *obj,
                uint64_t deadline_ms, struct err *err)
{
        CLEANUP(buf_done) struct buf b;
        buf_init(&b, FRAME_HEAD + FRAME_MAX);
        int r = frame_put(&b, spec, verb, obj, err);
        if (r == 0)
                r = write_all(fd, &b, deadline_ms, err);
        return r < 0 ? err_wrap(err, r, "%s", spec->name) : 0;
}
