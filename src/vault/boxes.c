#include "vault/boxes.h"
#include "base/mem.h"
#include "base/str.h"
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>

#define SYNC_MS   2000 /* how long a question waits for launch to name its sandbox */
#define FLOWS_MAX 4096 /* connections of one sandbox */

void vboxes_init(struct vboxes *v, struct loop *l)
{
        *v = (struct vboxes){.loop = l};
}

struct vbox *vbox_find(struct vboxes *v, const char *id)
{
        for (struct vbox *b = v->first; b; b = b->next)
                if (str_eq(b->id, id))
                        return b;
        return NULL;
}

static void drop_flow(struct flow *f)
{
        struct flow **at = &f->box->flows;
        while (*at != f)
                at = &(*at)->next;
        *at = f->next;
        loop_io_remove(f->io);
        close(f->fd);
        free(f);
}

static void cut(struct flow *f)
{
        shutdown(f->fd, SHUT_RDWR); /* the copy of the gate ends with ours */
        drop_flow(f);
}

static void flow_ready(void *ctx, uint32_t events UNUSED)
{
        drop_flow(ctx); /* asked for nothing but the end */
}

static void drop_box(struct vbox *b)
{
        while (b->flows)
                cut(b->flows);
        policy_free(b->policy);
        free(b->text);
        free(b);
}

struct vwait {
        struct vwait *next;
        char id[ID_TEXT_LEN + 1];
        void (*fn)(void *ctx);
        void *ctx;
};

static void call_known(struct vboxes *v)
{
        struct vwait *list = v->waiting;
        v->waiting = NULL;
        while (list) {
                struct vwait *w = list;
                list = w->next;
                if (v->synced || vbox_find(v, w->id)) {
                        w->fn(w->ctx);
                        free(w);
                        continue;
                }
                w->next = v->waiting;
                v->waiting = w;
        }
}

void vboxes_synced(struct vboxes *v)
{
        v->synced = true;
        call_known(v);
}

/* launch does not come: what it has not named does not exist. */
static void waited_enough(void *ctx)
{
        struct vboxes *v = ctx;
        v->sync_timer = NULL;
        vboxes_synced(v);
}

void vboxes_when_known(struct vboxes *v, const char *id, void (*fn)(void *ctx), void *ctx)
{
        if (v->synced || vbox_find(v, id)) {
                fn(ctx);
                return;
        }
        struct vwait *w = xcalloc(1, sizeof *w);
        *w = (struct vwait){.next = v->waiting, .fn = fn, .ctx = ctx};
        snprintf(w->id, sizeof w->id, "%s", id);
        v->waiting = w;
        if (!v->sync_timer)
                v->sync_timer = loop_timer_add(v->loop, SYNC_MS, waited_enough, v);
}

void vboxes_done(struct vboxes *v)
{
        loop_timer_remove(v->sync_timer);
        v->sync_timer = NULL;
        vboxes_synced(v);
        while (v->first)
                vboxes_remove(v, v->first->id);
}

static void cut_denied(struct vbox *b)
{
        for (struct flow *f = b->flows, *next; f; f = next) {
                next = f->next;
                if (!policy_allows(b->policy, f->host, f->literal, f->port))
                        cut(f);
        }
}

int vboxes_add(struct vboxes *v, const struct vault_sandbox *s, struct err *err)
{
        struct policy *p;
        int r = policy_parse(s->policy.data, s->policy.len, &p, err);
        if (r < 0)
                return r;
        struct vbox *b = vbox_find(v, s->id);
        if (!b) {
                b = xcalloc(1, sizeof *b);
                b->next = v->first;
                v->first = b;
                v->n++;
        }
        bool replaced = b->text && (b->text_n != s->policy.len ||
                                    memcmp(b->text, s->policy.data, b->text_n) != 0);
        policy_free(b->policy);
        free(b->text);
        b->policy = p;
        b->text_n = s->policy.len;
        b->text = xmalloc(b->text_n + 1);
        if (b->text_n)
                memcpy(b->text, s->policy.data, b->text_n);
        snprintf(b->id, sizeof b->id, "%s", s->id);
        snprintf(b->owner, sizeof b->owner, "%s", s->owner);
        cut_denied(b);
        call_known(v);
        return replaced;
}

void vboxes_remove(struct vboxes *v, const char *id)
{
        struct vbox **at = &v->first;
        while (*at && !str_eq((*at)->id, id))
                at = &(*at)->next;
        if (!*at)
                return;
        struct vbox *b = *at;
        *at = b->next;
        v->n--;
        drop_box(b);
}

void vboxes_cut_all(struct vboxes *v)
{
        for (struct vbox *b = v->first; b; b = b->next)
                while (b->flows)
                        cut(b->flows);
}

int vbox_flow(struct vboxes *v, struct vbox *b, int fd, const char *host, bool literal,
              uint32_t port)
{
        size_t n = 0;
        for (struct flow *f = b->flows; f; f = f->next)
                n++;
        if (n >= FLOWS_MAX)
                return -EBUSY;
        int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);
        if (copy < 0)
                return -errno;
        struct flow *f = xcalloc(1, sizeof *f);
        *f = (struct flow){
                .next = b->flows, .box = b, .fd = copy, .literal = literal, .port = port};
        snprintf(f->host, sizeof f->host, "%s", host);
        f->io = loop_io_add(v->loop, copy, 0, flow_ready, f);
        b->flows = f;
        return 0;
}
