#include "vault/post.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "link/envelope.h"
#include "vault/ticket.h"
#include <stdio.h>

struct post {
        struct desk *desk;
        struct tickets *tickets;
};

struct post *post_new(struct desk *d)
{
        struct post *p = xcalloc(1, sizeof *p);
        *p = (struct post){d, tickets_new()};
        return p;
}

void post_free(struct post *p)
{
        if (!p)
                return;
        tickets_free(p->tickets);
        free(p);
}

void post_key(struct post *p, struct peer_request *rq)
{
        const struct seal *seal = desk_seal(p->desk);
        struct vault_key k = {.state = "locked"};
        unsigned char public_key[ENVELOPE_KEY], ticket[TICKET_BYTES];
        CLEANUP(secret_freep) unsigned char *secret_key = secret_alloc(ENVELOPE_KEY);
        if (seal)
                snprintf(k.state, sizeof k.state, "%s", seal_state(seal));
        if (seal && seal_is_open(seal)) {
                seal_box_keys(seal, public_key, secret_key);
                ticket_issue(p->tickets, clock_boot_ms(), ticket);
                k.public_key = (struct slice){(char *)public_key, sizeof public_key};
                k.ticket = (struct slice){(char *)ticket, sizeof ticket};
        }
        peer_reply(rq, &k, NULL, 0, false);
}

/* What the envelope says must be what was asked for: api neither chooses the name nor the verb. */
static int check(struct post *p, const struct vault_sealed *s, const struct envelope *e,
                 struct err *err)
{
        if (!str_is_name(e->secret.name) || !str_eq(e->secret.name, s->name) ||
            (e->verb == DESK_ROTATE) != (s->rotate != 0))
                return err_set(err, -EINVAL, "the envelope is for something else than was asked");
        if (!e->secret.value.len)
                return err_set(err, -EINVAL, "the envelope holds no value");
        return ticket_use(p->tickets, clock_boot_ms(), e->ticket.data, err);
}

static int put(struct post *p, const struct vault_sealed *s, struct err *err)
{
        const struct seal *seal = desk_seal(p->desk);
        unsigned char public_key[ENVELOPE_KEY];
        CLEANUP(secret_freep) unsigned char *secret_key = secret_alloc(ENVELOPE_KEY);
        CLEANUP(secret_freep) unsigned char *plain = secret_alloc(SEALED_MAX);
        struct envelope e;
        size_t n = 0;
        if (!seal || !seal_is_open(seal))
                return err_set(err, -ENOKEY, "the vault is locked: paddock secret unlock");
        seal_box_keys(seal, public_key, secret_key);
        int r = envelope_open(public_key, secret_key, s->envelope.data, s->envelope.len, plain, &n,
                              err);
        if (r == 0 && envelope_unpack(plain, n, &e, err) < 0)
                r = -EBADMSG;
        r = r < 0 ? r : check(p, s, &e, err);
        return r < 0 ? r : desk_store(p->desk, e.verb, s->setter, &e.secret, err);
}

void post_put(struct post *p, struct peer_request *rq, const struct vault_sealed *s)
{
        struct err err = {0};
        int r = put(p, s, &err);
        if (r == -EBADMSG || r == -ETIME) /* the client's mistake, not ours */
                r = -EINVAL;
        if (r < 0)
                peer_fail(rq, r, "%s", err_text(&err));
        else
                peer_reply(rq, &(struct vault_empty){0}, NULL, 0, false);
}

void post_list(struct post *p, struct peer_request *rq)
{
        struct err err = {0};
        const struct secret *x;
        if (desk_first(p->desk, &x, &err) < 0) {
                peer_fail_err(rq, &err);
                return;
        }
        for (; x; x = x->next) {
                struct vault_secret s = {
                        .kind = x->kind, .created_ms = x->created_ms, .changed_ms = x->changed_ms};
                memcpy(s.name, x->name, sizeof s.name);
                memcpy(s.host, x->host, sizeof s.host);
                memcpy(s.form, x->form, sizeof s.form);
                memcpy(s.users, x->users, sizeof s.users);
                peer_reply(rq, &s, NULL, 0, true);
        }
        peer_reply(rq, &(struct vault_secret){.kind = 0}, NULL, 0, false);
}

void post_remove(struct post *p, struct peer_request *rq, const char *name)
{
        struct err err = {0};
        int r = str_is_name(name) ? desk_remove(p->desk, name, &err)
                                  : err_set(&err, -EINVAL, "'%.63s' is not a name", name);
        if (r < 0)
                peer_fail_err(rq, &err);
        else
                peer_reply(rq, &(struct vault_empty){0}, NULL, 0, false);
}
