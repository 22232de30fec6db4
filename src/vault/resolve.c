#include "vault/resolve.h"
#include "base/mem.h"
#include <ares.h>
#include <netdb.h>
#include <sys/socket.h>

#define SOCKETS_MAX 16
#define TRY_MS      2000 /* for one server's answer; c-ares doubles it at each further try */
#define TRIES       3
#define TICK_MS     200 /* how often its time-outs are looked at while a question is open */

struct watched {
        struct resolver *r;
        ares_socket_t fd;
        struct loop_io *io;
};

struct resolver {
        struct loop *loop;
        ares_channel channel;
        struct watched sockets[SOCKETS_MAX];
        struct loop_timer *tick;
        struct resolve *first;
        bool ending;
};

struct resolve {
        struct resolver *r;
        struct resolve *next;
        uint16_t port;
        resolve_fn fn; /* NULL: cancelled */
        void *ctx;
        bool done;
        struct resolve_answer answer;
        struct loop_timer *timer; /* the answer is given from the loop */
};

static void socket_ready(void *ctx, uint32_t events)
{
        struct watched *w = ctx;
        ares_socket_t in = events & (EPOLLIN | EPOLLHUP | EPOLLERR) ? w->fd : ARES_SOCKET_BAD;
        ares_socket_t out = events & EPOLLOUT ? w->fd : ARES_SOCKET_BAD;
        ares_process_fd(w->r->channel, in, out);
}

/* c-ares opens and closes its own sockets and tells us here. */
static void socket_state(void *ctx, ares_socket_t fd, int readable, int writable)
{
        struct resolver *r = ctx;
        struct watched *w = NULL, *free_one = NULL;
        for (size_t i = 0; i < SOCKETS_MAX; i++) {
                if (r->sockets[i].io && r->sockets[i].fd == fd)
                        w = &r->sockets[i];
                else if (!r->sockets[i].io)
                        free_one = &r->sockets[i];
        }
        uint32_t events = (readable ? EPOLLIN : 0u) | (writable ? EPOLLOUT : 0u);
        if (w && !events) {
                loop_io_remove(w->io);
                w->io = NULL;
        } else if (w) {
                loop_io_events(w->io, events);
        } else if (events && free_one) { /* without a place its time-out answers */
                *free_one = (struct watched){r, fd, NULL};
                free_one->io = loop_io_add(r->loop, fd, events, socket_ready, free_one);
        }
}

static void tick(void *ctx)
{
        struct resolver *r = ctx;
        r->tick = NULL;
        ares_process_fd(r->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
        if (r->first && !r->tick)
                r->tick = loop_timer_add(r->loop, TICK_MS, tick, r);
}

static void unlink_question(struct resolve *q)
{
        struct resolve **at = &q->r->first;
        while (*at && *at != q)
                at = &(*at)->next;
        if (*at)
                *at = q->next;
}

static void give(void *ctx)
{
        struct resolve *q = ctx;
        q->timer = NULL;
        unlink_question(q);
        if (q->fn)
                q->fn(q->ctx, &q->answer);
        free(q);
}

static int status_of(int ares)
{
        switch (ares) {
        case ARES_SUCCESS:
                return 0;
        case ARES_ENOTFOUND:
        case ARES_ENODATA:
        case ARES_EBADNAME:
                return -ENOENT;
        case ARES_ETIMEOUT:
                return -ETIMEDOUT;
        default:
                return -EIO;
        }
}

static void take_address(struct resolve *q, const struct ares_addrinfo_node *n)
{
        struct resolve_answer *a = &q->answer;
        struct address *to = &a->list[a->n];
        if (a->n == RESOLVE_MAX || (n->ai_family != AF_INET && n->ai_family != AF_INET6) ||
            n->ai_addrlen > sizeof *to)
                return;
        memset(to, 0, sizeof *to);
        memcpy(to, n->ai_addr, n->ai_addrlen);
        if (n->ai_family == AF_INET)
                to->v4.sin_port = htons(q->port);
        else
                to->v6.sin6_port = htons(q->port);
        a->n++;
}

static void on_answer(void *ctx, int status, int timeouts UNUSED, struct ares_addrinfo *info)
{
        struct resolve *q = ctx;
        q->answer.status = status_of(status);
        for (const struct ares_addrinfo_node *n = info ? info->nodes : NULL; n; n = n->ai_next)
                take_address(q, n);
        if (info)
                ares_freeaddrinfo(info);
        if (q->answer.status == 0 && q->answer.n == 0)
                q->answer.status = -ENOENT;
        if (q->r->ending) {
                free(q);
                return;
        }
        q->done = true;
        q->timer = loop_timer_add(q->r->loop, 0, give, q);
}

int resolver_new(struct loop *l, struct resolver **ret, struct err *err)
{
        CLEANUP(resolver_freep) struct resolver *r = xcalloc(1, sizeof *r);
        r->loop = l;
        char files_then_dns[] = "fb";
        struct ares_options o = {.timeout = TRY_MS,
                                 .tries = TRIES,
                                 .ndomains = 0,
                                 .lookups = files_then_dns,
                                 .sock_state_cb = socket_state,
                                 .sock_state_cb_data = r};
        int bad = ares_library_init(ARES_LIB_INIT_ALL);
        if (bad == ARES_SUCCESS)
                bad = ares_init_options(&r->channel, &o,
                                        ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_DOMAINS |
                                                ARES_OPT_LOOKUPS | ARES_OPT_SOCK_STATE_CB);
        if (bad != ARES_SUCCESS)
                return err_set(err, -EIO, "name resolution: %s", ares_strerror(bad));
        *ret = TAKE_PTR(r);
        return 0;
}

void resolver_free(struct resolver *r)
{
        if (!r)
                return;
        r->ending = true;
        loop_timer_remove(r->tick);
        for (struct resolve *q = r->first, *next; q; q = next) {
                next = q->next;
                if (!q->done)
                        continue; /* freed by its answer, below */
                loop_timer_remove(q->timer);
                free(q);
        }
        if (r->channel)
                ares_destroy(r->channel);
        for (size_t i = 0; i < SOCKETS_MAX; i++)
                loop_io_remove(r->sockets[i].io);
        free(r);
}

struct resolve *resolve_start(struct resolver *r, const char *host, uint16_t port, resolve_fn fn,
                              void *ctx)
{
        struct resolve *q = xcalloc(1, sizeof *q);
        *q = (struct resolve){.r = r, .next = r->first, .port = port, .fn = fn, .ctx = ctx};
        r->first = q;
        struct ares_addrinfo_hints hints = {
                .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = ARES_AI_NOSORT};
        ares_getaddrinfo(r->channel, host, NULL, &hints, on_answer, q);
        if (!r->tick)
                r->tick = loop_timer_add(r->loop, TICK_MS, tick, r);
        return q;
}

void resolve_cancel(struct resolve *q)
{
        if (q)
                q->fn = NULL; /* freed with its answer */
}
