#include "vault/safe.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include <dirent.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>

#define DIR_NAME "secrets"
#define FILE_MAX (SECRET_VALUE_MAX + 1024)

struct safe {
        int dir;
        struct seal *seal;
        struct secret *first;
};

static const struct wire_type *secret_type(void)
{
        return link_find(&desk_link, DESK_SET)->req;
}

static void drop(struct secret *x)
{
        secret_free(x->value);
        free(x);
}

static struct secret **slot(struct safe *s, const char *name)
{
        struct secret **at = &s->first;
        while (*at && strcmp((*at)->name, name) < 0)
                at = &(*at)->next;
        return at;
}

/* Takes the place of one of that name. */
static void keep(struct safe *s, const struct desk_secret *d)
{
        struct secret **at = slot(s, d->name), *x = xcalloc(1, sizeof *x);
        snprintf(x->name, sizeof x->name, "%s", d->name);
        snprintf(x->host, sizeof x->host, "%s", d->host);
        snprintf(x->form, sizeof x->form, "%s", d->form);
        snprintf(x->users, sizeof x->users, "%s", d->users);
        x->kind = d->kind;
        x->created_ms = d->created_ms;
        x->changed_ms = d->changed_ms;
        x->n = d->value.len;
        x->value = secret_alloc(x->n);
        if (x->n)
                memcpy(x->value, d->value.data, x->n);
        x->next = *at;
        if (*at && str_eq((*at)->name, d->name)) {
                x->next = (*at)->next;
                drop(*at);
        }
        *at = x;
}

static int load_one(struct safe *s, const char *name)
{
        CLEANUP(buf_done) struct buf b;
        CLEANUP(secret_freep) unsigned char *plain = NULL;
        struct desk_secret d;
        size_t n;
        buf_init(&b, FILE_MAX);
        int r = file_read_at(s->dir, name, &b);
        if (r == 0)
                r = seal_get(s->seal, name, buf_text(&b), b.len, &plain, &n);
        if (r == 0)
                r = wire_decode(secret_type(), (const char *)plain, n, &d, NULL);
        if (r == 0 && !str_eq(d.name, name))
                r = -EBADMSG;
        if (r == 0)
                keep(s, &d);
        return r;
}

static int load_all(struct safe *s, struct err *err)
{
        DIR *d = fdopendir(dir_open_at(s->dir, "."));
        if (!d)
                return err_sys(err, -errno, "secrets");
        for (struct dirent *e; (e = readdir(d));) {
                if (!str_is_name(e->d_name))
                        continue;
                int r = load_one(s, e->d_name);
                if (r < 0)
                        log_error("secret.unreadable", kv("name", e->d_name),
                                  kv("error", errno_text(r)));
        }
        closedir(d);
        return 0;
}

int safe_open(int state_fd, enum seal_mode mode, int credential, struct safe **ret, struct err *err)
{
        CLEANUP(safe_freep) struct safe *s = xcalloc(1, sizeof *s);
        s->dir = -1;
        int r = dir_ensure_at(state_fd, DIR_NAME, 0700);
        if (r == 0)
                s->dir = r = dir_open_at(state_fd, DIR_NAME);
        if (r < 0)
                return err_sys(err, r, "secrets");
        r = seal_open(state_fd, mode, credential, &s->seal, err);
        if (r == 0 && seal_is_open(s->seal))
                r = load_all(s, err);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(s);
        return 0;
}

void safe_free(struct safe *s)
{
        if (!s)
                return;
        while (s->first) {
                struct secret *x = s->first;
                s->first = x->next;
                drop(x);
        }
        seal_free(s->seal);
        closep(&s->dir);
        free(s);
}

const struct seal *safe_seal(const struct safe *s)
{
        return s->seal;
}

int safe_unlock(struct safe *s, const void *phrase, size_t n, struct err *err)
{
        if (seal_is_open(s->seal))
                return 0;
        int r = seal_unlock(s->seal, phrase, n, err);
        return r < 0 ? r : load_all(s, err);
}

static int check_open(const struct safe *s, struct err *err)
{
        if (seal_is_open(s->seal))
                return 0;
        return err_set(err, -ENOKEY, "the vault is locked: paddock secret unlock");
}

static int write_out(struct safe *s, const struct desk_secret *d, struct err *err)
{
        CLEANUP(buf_done) struct buf plain;
        CLEANUP(buf_done) struct buf sealed;
        buf_init(&plain, FILE_MAX);
        buf_init(&sealed, 2 * FILE_MAX);
        /* All at once, so that no copy of it is left behind where the buffer was smaller. */
        if (!buf_room(&plain, FILE_MAX - 1))
                return err_sys(err, -ENOMEM, "secret");
        int r = wire_encode(secret_type(), d, &plain, err);
        if (r == 0)
                r = seal_put(s->seal, d->name, plain.data, plain.len, &sealed);
        if (r == 0)
                r = file_replace_at(s->dir, d->name, sealed.data, sealed.len, 0600);
        sodium_memzero(plain.data, plain.cap);
        return r < 0 ? err_sys(err, r, "secret '%s'", d->name) : 0;
}

int safe_set(struct safe *s, const struct desk_secret *d, struct err *err)
{
        const struct secret *old = safe_find(s, d->name);
        struct desk_secret full = *d;
        int r = check_open(s, err);
        if (r < 0)
                return r;
        if (!str_is_name(d->name))
                return err_set(err, -EINVAL, "name: 1 to 63 of a-z, 0-9 and -, not at its ends");
        if (d->kind != SECRET_ROUTE && d->kind != SECRET_FILE)
                return err_set(err, -EINVAL, "kind: expected route or file");
        if (d->value.len == 0)
                return err_set(err, -EINVAL, "the value is empty");
        full.changed_ms = clock_wall_ms();
        full.created_ms = old ? old->created_ms : full.changed_ms;
        r = write_out(s, &full, err);
        if (r == 0)
                keep(s, &full);
        return r;
}

int safe_rotate(struct safe *s, const struct desk_secret *d, struct err *err)
{
        int r = check_open(s, err);
        const struct secret *old = safe_find(s, d->name);
        if (r == 0 && !old)
                r = err_set(err, -ENOENT, "no secret '%s'", d->name);
        if (r < 0)
                return r;
        struct desk_secret full = {.kind = old->kind, .value = d->value};
        memcpy(full.name, old->name, sizeof full.name);
        memcpy(full.host, old->host, sizeof full.host);
        memcpy(full.form, old->form, sizeof full.form);
        memcpy(full.users, old->users, sizeof full.users);
        return safe_set(s, &full, err);
}

int safe_remove(struct safe *s, const char *name, struct err *err)
{
        struct secret **at = slot(s, name), *x = *at;
        bool here = x && str_eq(x->name, name);
        int r = str_is_name(name) && unlinkat(s->dir, name, 0) < 0 ? -errno : 0;
        if (!str_is_name(name) || (r == -ENOENT && !here))
                return err_set(err, -ENOENT, "no secret '%.64s'", name);
        if (r < 0 && r != -ENOENT)
                return err_sys(err, r, "secret '%s'", name);
        if (here) {
                *at = x->next;
                drop(x);
        }
        return 0;
}

const struct secret *safe_find(const struct safe *s, const char *name)
{
        for (const struct secret *x = s->first; x; x = x->next)
                if (str_eq(x->name, name))
                        return x;
        return NULL;
}

const struct secret *safe_first(const struct safe *s)
{
        return s->first;
}

size_t safe_count(const struct safe *s)
{
        size_t n = 0;
        for (const struct secret *x = s->first; x; x = x->next)
                n++;
        return n;
}
