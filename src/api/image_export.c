/* Export: a sandbox of the image, in which our program writes "/" as a tar on its stdout. */
#include "api/handlers.h"
#include "api/images.h"
#include "api/job_json.h"
#include "base/fd.h"
#include "base/id.h"
#include "base/mem.h"
#include "base/str.h"

struct export
{
        struct call *c; /* NULL: the client has gone */
        struct api *api;
        char box[ID_TEXT_LEN + 1];
        int out;
        struct loop_io *io;
        bool made;
};

static void ignore(void *ctx UNUSED, const struct peer_answer *a UNUSED)
{
}

/* Its sandbox is a stray from now on, and is ended. */
static void export_over(void *ctx)
{
        struct export *x = ctx;
        struct peer *launch = api_peer(x->api, "launch");
        struct launch_stop stop = {0};
        loop_io_remove(x->io);
        closep(&x->out);
        memcpy(stop.id, x->box, sizeof stop.id);
        if (launch && x->made)
                peer_call(launch, LAUNCH_STOP, &stop, NULL, 0, ignore, NULL);
        x->c = NULL;
        x->io = NULL;
        x->out = -1;
        if (x->made)
                free(x); /* else the answer to CREATE still comes */
}

static void readable(void *ctx, uint32_t events UNUSED)
{
        struct export *x = ctx;
        loop_io_remove(x->io);
        x->io = NULL;
        if (x->c && x->c->rq)
                http_reply_more(x->c->rq);
}

static ssize_t source(void *ctx, char *dst, size_t max)
{
        struct export *x = ctx;
        ssize_t n = read(x->out, dst, max);
        if (n > 0)
                return n;
        if (n == 0)
                return HTTP_SOURCE_END;
        if (errno != EAGAIN && errno != EINTR)
                return HTTP_SOURCE_ABORT;
        if (!x->io)
                x->io = loop_io_add(x->api->env.loop, x->out, EPOLLIN, readable, x);
        return 0;
}

static void on_created(void *ctx, const struct peer_answer *a)
{
        struct export *x = ctx;
        x->made = true;
        if (!x->c) {
                export_over(x);
                return;
        }
        if (a->status < 0 || a->n_fds != 3) {
                if (a->status < 0)
                        call_fail_err(x->c, a->err);
                else
                        call_fail(x->c, -EIO, "the sandbox has no output");
                return;
        }
        x->out = TAKE_FD(a->fds[1]);
        if (fd_nonblock(x->out, true) < 0)
                call_fail(x->c, -EIO, "the sandbox has no output");
        else
                http_reply_stream(x->c->rq, 200, "application/x-tar", HTTP_UNKNOWN, source, x);
}

void image_export(struct call *c)
{
        static const char command[] = "\2\0\0\0\0\0\0\0/.paddock/unpack\0pack";
        auto_free struct launch_spec *s = xcalloc(1, sizeof *s);
        struct err err = {0};
        struct id id = id_new();
        memcpy(s->id, id.s, sizeof s->id);
        snprintf(s->image, sizeof s->image, "%s", call_param(c, "name"));
        int r = str_eq(s->image, "host") ? err_set(&err, -EINVAL, "name: 'host' is the host itself")
                                         : image_apply(c->api, c->who.user.id, c->body, s, &err);
        struct peer *launch = r < 0 ? NULL : call_peer(c, "launch");
        if (r < 0)
                call_fail_err(c, &err);
        if (!launch)
                return;
        s->profile = BOX_BUILD;
        s->workdir[0] = '/';
        s->workdir[1] = 0;
        s->pids = 8;
        s->memory_bytes = 256u << 20;
        s->disk_bytes = 64u << 20;
        s->wall_ms = 3600000;
        auto_close int fd = memfd_sealed("command", command, sizeof command);
        struct export *x = xcalloc(1, sizeof *x);
        *x = (struct export){.c = c, .api = c->api, .out = -1};
        memcpy(x->box, id.s, sizeof x->box);
        c->over_fn = export_over;
        c->over_ctx = x;
        peer_call(launch, LAUNCH_CREATE, s, &fd, 1, on_created, x);
}
