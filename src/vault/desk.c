#include "vault/desk.h"
#include "base/mem.h"
#include "base/str.h"
#include "vault/audit.h"
#include "vault/inject.h"
#include <sodium.h>
#include <stdio.h>
#include <sys/socket.h>

#define VISITORS_MAX 32

struct visitor {
        struct visitor *next;
        struct desk *desk;
        struct peer *peer;
        struct loop_timer *leave;
        uint32_t uid;
};
struct desk {
        struct desk_config c;
        int fd;
        struct loop_io *io;
        struct visitor *first;
};

static void leave(void *ctx)
{
        struct visitor *v = ctx, **at = &v->desk->first;
        while (*at != v)
                at = &(*at)->next;
        *at = v->next;
        peer_free(v->peer);
        free(v);
}

static void gone(void *ctx)
{
        struct visitor *v = ctx;
        if (!v->leave)
                v->leave = loop_timer_add(v->desk->c.loop, 0, leave, v);
}

/* What was received is not kept anywhere but in the store. */
static void wipe(struct slice s)
{
        if (s.len)
                sodium_memzero((char *)s.data, s.len);
}

static void answer(struct peer_request *rq, int r, const struct err *err)
{
        if (r < 0)
                peer_fail_err(rq, err);
        else
                peer_reply(rq, &(struct vault_empty){0}, NULL, 0, false);
}

static struct safe *safe_of(struct visitor *v, struct err *err)
{
        return v->desk->c.store(v->desk->c.ctx, err);
}

static void on_status(void *ctx, struct peer_request *rq, const void *req UNUSED, int *fds UNUSED,
                      uint32_t n UNUSED)
{
        struct visitor *v = ctx;
        struct err err = {0};
        struct safe *s = safe_of(v, &err);
        struct desk_status st = {.state = "locked"};
        unsigned char public_key[32];
        CLEANUP(secret_freep) unsigned char *secret_key = secret_alloc(32);
        if (s)
                snprintf(st.state, sizeof st.state, "%s", seal_state(safe_seal(s)));
        if (s && seal_is_open(safe_seal(s))) {
                seal_box_keys(safe_seal(s), public_key, secret_key);
                st.public_key = (struct slice){(char *)public_key, 32};
        }
        peer_reply(rq, &st, NULL, 0, false);
}

/* A route's secret is bound to where it goes and how: from the asker, or from the route itself. */
static int complete(struct desk *desk, const char *setter, struct desk_secret *d, struct err *err)
{
        struct inject form;
        if (d->kind == SECRET_FILE && !d->users[0])
                snprintf(d->users, sizeof d->users, "%s", setter);
        if (d->kind != SECRET_ROUTE)
                return 0;
        if ((!d->host[0] || !d->form[0]) && !desk->c.binding(desk->c.ctx, d))
                return err_set(err, -EINVAL,
                               "no route uses a secret '%s': --host and --as say what it is for",
                               d->name);
        return inject_parse(d->form, &form, err);
}

int desk_store(struct desk *desk, uint32_t verb, const char *setter, const struct desk_secret *s,
               struct err *err)
{
        struct desk_secret d = *s;
        struct safe *safe = desk->c.store(desk->c.ctx, err);
        bool set = verb == DESK_SET;
        int r = !safe ? -ENOKEY : set ? complete(desk, setter, &d, err) : 0;
        if (r == 0)
                r = set ? safe_set(safe, &d, err) : safe_rotate(safe, &d, err);
        desk->c.changed(desk->c.ctx, set ? "secret.set" : "secret.rotate", d.name, r == 0);
        return r;
}

int desk_remove(struct desk *desk, const char *name, struct err *err)
{
        struct safe *safe = desk->c.store(desk->c.ctx, err);
        int r = safe ? safe_remove(safe, name, err) : -ENOKEY;
        desk->c.changed(desk->c.ctx, "secret.remove", name, r == 0);
        return r;
}

int desk_first(struct desk *desk, const struct secret **ret, struct err *err)
{
        struct safe *safe = desk->c.store(desk->c.ctx, err);
        if (!safe || !seal_is_open(safe_seal(safe)))
                return err_set(err, -ENOKEY, "the vault is locked: paddock secret unlock");
        *ret = safe_first(safe);
        return 0;
}

const struct seal *desk_seal(struct desk *desk)
{
        struct safe *safe = desk->c.store(desk->c.ctx, NULL);
        return safe ? safe_seal(safe) : NULL;
}

static void store(struct visitor *v, struct peer_request *rq, uint32_t verb, const void *req)
{
        const struct desk_secret *d = req;
        struct err err = {0};
        char setter[NAME_TEXT_MAX + 1];
        snprintf(setter, sizeof setter, "u%u", v->uid); /* as api names a uid */
        int r = desk_store(v->desk, verb, setter, d, &err);
        wipe(d->value);
        answer(rq, r, &err);
}

static void on_set(void *ctx, struct peer_request *rq, const void *req, int *fds UNUSED,
                   uint32_t n UNUSED)
{
        store(ctx, rq, DESK_SET, req);
}

static void on_rotate(void *ctx, struct peer_request *rq, const void *req, int *fds UNUSED,
                      uint32_t n UNUSED)
{
        store(ctx, rq, DESK_ROTATE, req);
}

static void on_list(void *ctx, struct peer_request *rq, const void *req UNUSED, int *fds UNUSED,
                    uint32_t n UNUSED)
{
        struct visitor *v = ctx;
        struct err err = {0};
        const struct secret *x;
        if (desk_first(v->desk, &x, &err) < 0) {
                peer_fail_err(rq, &err);
                return;
        }
        for (; x; x = x->next) {
                struct desk_secret d = {
                        .kind = x->kind, .created_ms = x->created_ms, .changed_ms = x->changed_ms};
                memcpy(d.name, x->name, sizeof d.name);
                memcpy(d.host, x->host, sizeof d.host);
                memcpy(d.form, x->form, sizeof d.form);
                memcpy(d.users, x->users, sizeof d.users);
                peer_reply(rq, &d, NULL, 0, true);
        }
        peer_reply(rq, &(struct desk_secret){.kind = 0}, NULL, 0, false);
}

static void on_remove(void *ctx, struct peer_request *rq, const void *req, int *fds UNUSED,
                      uint32_t n UNUSED)
{
        struct visitor *v = ctx;
        struct err err = {0};
        int r = desk_remove(v->desk, ((const struct desk_name *)req)->name, &err);
        answer(rq, r, &err);
}

static void on_unlock(void *ctx, struct peer_request *rq, const void *req, int *fds UNUSED,
                      uint32_t n UNUSED)
{
        struct visitor *v = ctx;
        const struct desk_phrase *d = req;
        struct err err = {0};
        struct safe *s = safe_of(v, &err);
        int r = s ? safe_unlock(s, d->phrase.data, d->phrase.len, &err) : -ENOKEY;
        wipe(d->phrase);
        v->desk->c.changed(v->desk->c.ctx, "secret.unlock", "", r == 0);
        answer(rq, r, &err);
}

struct reading {
        struct peer_request *rq;
        size_t n;
};

static bool send_line(void *ctx, const char *line, size_t n)
{
        struct reading *r = ctx;
        peer_reply(r->rq, &(struct desk_line){{line, n}}, NULL, 0, true);
        return ++r->n < DESK_LINES_MAX;
}

static void on_audit(void *ctx, struct peer_request *rq, const void *req, int *fds UNUSED,
                     uint32_t n UNUSED)
{
        struct visitor *v = ctx;
        struct audit *a = v->desk->c.audit(v->desk->c.ctx);
        struct reading r = {rq, 0};
        int bad = a ? audit_read(a, ((const struct desk_from *)req)->n, send_line, &r) : -ENOENT;
        if (bad < 0)
                peer_fail(rq, bad, "the audit log cannot be read");
        else
                peer_reply(rq, &(struct desk_line){{"", 0}}, NULL, 0, false);
}

static const struct peer_handler handlers[] = {{DESK_STATUS, on_status}, {DESK_SET, on_set},
                                               {DESK_ROTATE, on_rotate}, {DESK_LIST, on_list},
                                               {DESK_REMOVE, on_remove}, {DESK_UNLOCK, on_unlock},
                                               {DESK_AUDIT, on_audit},   {0, NULL}};
static const struct peer_ops ops = {&desk_link, handlers, gone};

static bool may_come(const struct desk *d, int fd, uint32_t *ret_uid)
{
        struct ucred who;
        socklen_t n = sizeof who;
        size_t visitors = 0;
        for (struct visitor *v = d->first; v; v = v->next)
                visitors++;
        if (visitors >= VISITORS_MAX || getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &n) < 0)
                return false;
        *ret_uid = who.uid;
        return who.uid == 0 || who.uid == d->c.uid;
}

static void incoming(void *ctx, uint32_t events UNUSED)
{
        struct desk *d = ctx;
        auto_close int fd = accept4(d->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        uint32_t uid = 0;
        if (fd < 0 || !may_come(d, fd, &uid))
                return;
        struct visitor *v = xcalloc(1, sizeof *v);
        v->desk = d;
        v->uid = uid;
        v->next = d->first;
        d->first = v;
        v->peer = peer_new(d->c.loop, TAKE_FD(fd), &ops, v);
}

struct desk *desk_new(const struct desk_config *c)
{
        struct desk *d = xcalloc(1, sizeof *d);
        d->c = *c;
        d->fd = -1;
        return d;
}

void desk_listen(struct desk *d, int fd)
{
        loop_io_remove(d->io);
        closep(&d->fd);
        d->fd = fd;
        d->io = loop_io_add(d->c.loop, fd, EPOLLIN, incoming, d);
}

void desk_free(struct desk *d)
{
        if (!d)
                return;
        while (d->first) {
                loop_timer_remove(d->first->leave);
                leave(d->first);
        }
        loop_io_remove(d->io);
        closep(&d->fd);
        free(d);
}
