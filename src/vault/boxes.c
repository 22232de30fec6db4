#include "vault/boxes.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include <fcntl.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>

enum { ESTABLISHED = 1, FIN_WAIT1 = 4, FIN_WAIT2 = 5 }; /* of tcpi_state; linux/tcp.h has none */

#define SYNC_MS   2000 /* how long a question waits for launch to name its sandbox */
#define LOOK_MS   2000 /* how exact the end of an idle connection is */
#define FLOWS_MAX 4096 /* connections of one sandbox */

void vboxes_init(struct vboxes *v, struct loop *l)
{
        *v = (struct vboxes){.loop = l};
}

static struct vbox **bucket(struct vboxes *v, const char *id)
{
        uint64_t h = 0xcbf29ce484222325ull;
        for (; *id; id++)
                h = (h ^ (unsigned char)*id) * 0x100000001b3ull;
        return &v->buckets[(h ^ h >> 32) % VBOX_BUCKETS];
}

struct vbox *vbox_find(struct vboxes *v, const char *id)
{
        for (struct vbox *b = *bucket(v, id); b; b = b->same_hash)
                if (str_eq(b->id, id))
                        return b;
        return NULL;
}

/* What the kernel has counted; a FIN counts as a byte that came. */
static struct flow_use use_of(const struct flow *f)
{
        struct tcp_info i = {0};
        socklen_t n = sizeof i;
        struct flow_use u = {.us = clock_boot_us() - f->began_us};
        if (getsockopt(f->fd, IPPROTO_TCP, TCP_INFO, &i, &n) < 0)
                return u;
        u.up = i.tcpi_bytes_sent - i.tcpi_bytes_retrans;
        u.down = i.tcpi_bytes_received;
        bool fin = i.tcpi_state != ESTABLISHED && i.tcpi_state != FIN_WAIT1 &&
                   i.tcpi_state != FIN_WAIT2;
        if (fin && u.down)
                u.down--;
        return u;
}

static void drop_flow(struct flow *f, const char *why)
{
        struct vboxes *v = f->box->all;
        struct flow_use u = use_of(f);
        if (v->flow_ended)
                v->flow_ended(v->ctx, f, &u, why);
        *f->at = f->next;
        if (f->next)
                f->next->at = f->at;
        f->box->n_flows--;
        v->n_flows--;
        loop_io_remove(f->io);
        close(f->fd);
        free(f);
}

static void cut(struct flow *f, const char *why)
{
        shutdown(f->fd, SHUT_RDWR); /* the copy of the gate ends with ours */
        drop_flow(f, why);
}

static void flow_ready(void *ctx, uint32_t events UNUSED)
{
        drop_flow(ctx, ""); /* asked for nothing but the end */
}

static bool is_idle(const struct flow *f, uint64_t idle_ms)
{
        struct tcp_info i = {0};
        socklen_t n = sizeof i;
        if (getsockopt(f->fd, IPPROTO_TCP, TCP_INFO, &i, &n) < 0)
                return false;
        uint32_t since = i.tcpi_last_data_recv < i.tcpi_last_data_sent ? i.tcpi_last_data_recv
                                                                       : i.tcpi_last_data_sent;
        uint64_t age = (clock_boot_us() - f->began_us) / 1000;
        return age > idle_ms && since > idle_ms;
}

static void look_at_flows(void *ctx)
{
        struct vboxes *v = ctx;
        for (struct vbox *b = v->first; b && v->idle_ms; b = b->next)
                for (struct flow *f = b->flows, *next; f; f = next) {
                        next = f->next;
                        if (is_idle(f, v->idle_ms))
                                cut(f, "idle");
                }
        v->look = v->n_flows ? loop_timer_add(v->loop, LOOK_MS, look_at_flows, v) : NULL;
}

static void drop_box(struct vbox *b)
{
        while (b->flows)
                cut(b->flows, "the sandbox has ended");
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
        loop_timer_remove(v->look);
        v->look = NULL;
        while (v->first)
                vboxes_remove(v, v->first->id);
}

static void cut_denied(struct vbox *b)
{
        for (struct flow *f = b->flows, *next; f; f = next) {
                next = f->next;
                if (!policy_allows(b->policy, f->host, f->literal, f->port))
                        cut(f, "not allowed any more");
        }
}

static struct vbox *new_box(struct vboxes *v, const char *id)
{
        struct vbox *b = xcalloc(1, sizeof *b), **list = bucket(v, id);
        *b = (struct vbox){.all = v, .next = v->first, .at = &v->first, .same_hash = *list};
        snprintf(b->id, sizeof b->id, "%s", id);
        *list = v->first = b;
        if (b->next)
                b->next->at = &b->next;
        v->n++;
        return b;
}

int vboxes_add(struct vboxes *v, const struct vault_sandbox *s, struct err *err)
{
        struct policy *p;
        int r = policy_parse(s->policy.data, s->policy.len, &p, err);
        if (r < 0)
                return r;
        struct vbox *b = vbox_find(v, s->id);
        if (!b)
                b = new_box(v, s->id);
        bool replaced = b->text && (b->text_n != s->policy.len ||
                                    memcmp(b->text, s->policy.data, b->text_n) != 0);
        policy_free(b->policy);
        free(b->text);
        b->policy = p;
        b->text_n = s->policy.len;
        b->text = xmalloc(b->text_n + 1);
        if (b->text_n)
                memcpy(b->text, s->policy.data, b->text_n);
        snprintf(b->owner, sizeof b->owner, "%s", s->owner);
        cut_denied(b);
        call_known(v);
        return replaced;
}

void vboxes_remove(struct vboxes *v, const char *id)
{
        struct vbox *b = vbox_find(v, id), **at = bucket(v, id);
        if (!b)
                return;
        while (*at != b)
                at = &(*at)->same_hash;
        *at = b->same_hash;
        *b->at = b->next;
        if (b->next)
                b->next->at = b->at;
        v->n--;
        drop_box(b);
}

void vboxes_cut_all(struct vboxes *v)
{
        for (struct vbox *b = v->first; b; b = b->next)
                while (b->flows)
                        cut(b->flows, "the gate has ended");
}

int vbox_flow(struct vboxes *v, struct vbox *b, int fd, const char *host, bool literal,
              uint32_t port)
{
        if (b->n_flows >= FLOWS_MAX)
                return -EBUSY;
        int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);
        if (copy < 0)
                return -errno;
        struct flow *f = xcalloc(1, sizeof *f);
        *f = (struct flow){.next = b->flows,
                           .at = &b->flows,
                           .box = b,
                           .fd = copy,
                           .literal = literal,
                           .port = port,
                           .began_us = clock_boot_us()};
        snprintf(f->host, sizeof f->host, "%s", host);
        f->io = loop_io_add(v->loop, copy, 0, flow_ready, f);
        if (f->next)
                f->next->at = &f->next;
        b->flows = f;
        b->n_flows++;
        v->n_flows++;
        if (!v->look)
                v->look = loop_timer_add(v->loop, LOOK_MS, look_at_flows, v);
        return 0;
}
