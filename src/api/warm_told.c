/* What a warm process writes while it starts: read, and the end of stderr kept for the error. */
#include "api/warm_impl.h"
#include "base/fd.h"
#include <stdio.h>
#include <unistd.h>

#define TOLD_MAX 4096
#define READS    16 /* at once: who never stops writing does not stop the role */

static void close_pipe(int *fd, struct loop_io **io)
{
        loop_io_remove(*io);
        *io = NULL;
        if (*fd >= 0)
                close(*fd);
        *fd = -1;
}

static void keep_end(struct warm_process *p, const char *bytes, size_t n)
{
        if (p->told.len + n > TOLD_MAX) /* n is no more than that */
                buf_consume(&p->told, p->told.len + n - TOLD_MAX);
        (void)!buf_add(&p->told, bytes, n);
}

static void read_pipe(struct warm_process *p, int *fd, struct loop_io **io, bool is_err)
{
        char bytes[TOLD_MAX];
        ssize_t n = 1;
        if (*fd < 0)
                return;
        for (int i = 0; i < READS && n > 0; i++) {
                n = read(*fd, bytes, sizeof bytes);
                if (n > 0 && is_err)
                        keep_end(p, bytes, (size_t)n);
        }
        if (n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR)))
                return;
        close_pipe(fd, io);
}

static void on_out(void *ctx, uint32_t events UNUSED)
{
        struct warm_process *p = ctx;
        read_pipe(p, &p->out, &p->out_io, false);
}

static void on_err(void *ctx, uint32_t events UNUSED)
{
        struct warm_process *p = ctx;
        read_pipe(p, &p->err, &p->err_io, true);
}

/* The end of what it wrote as one line: the last words of a traceback say what failed. */
void warm_last_words(struct warm_process *p, char ret[WARM_WORDS_MAX + 1])
{
        size_t n = 0;
        read_pipe(p, &p->err, &p->err_io, true);
        while (p->told.len && p->told.data[p->told.len - 1] == '\n')
                p->told.len--;
        size_t at = p->told.len > WARM_WORDS_MAX ? p->told.len - WARM_WORDS_MAX : 0;
        for (; at < p->told.len; at++) {
                char c = p->told.data[at];
                ret[n++] = c == '\n' ? '|' : c >= ' ' && c <= '~' ? c : '?';
        }
        ret[n] = '\0';
}

void warm_listen_end(struct warm_process *p)
{
        close_pipe(&p->out, &p->out_io);
        close_pipe(&p->err, &p->err_io);
        buf_done(&p->told);
}

void warm_listen(struct warm_process *p, int out, int err)
{
        buf_init(&p->told, TOLD_MAX);
        p->out = out;
        p->err = err;
        if (fd_nonblock(out, true) < 0 || fd_nonblock(err, true) < 0) {
                warm_listen_end(p);
                return;
        }
        p->out_io = loop_io_add(p->all->api->env.loop, out, EPOLLIN, on_out, p);
        p->err_io = loop_io_add(p->all->api->env.loop, err, EPOLLIN, on_err, p);
}
