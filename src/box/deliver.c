#include "box/deliver.h"
#include "base/mem.h"
#include "base/str.h"
#include "box/box.h"
#include "box/spec.h"
#include "link/vault.h"
#include "os/mount.h"
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#define PLACES ".paddock/secrets"

void deliver_init(struct deliver *d)
{
        *d = (struct deliver){.n = 0};
        for (size_t i = 0; i < BOX_SECRETS_MAX; i++)
                d->fds[i] = -1;
}

void deliver_done(struct deliver *d)
{
        for (size_t i = 0; i < BOX_SECRETS_MAX; i++)
                closep(&d->fds[i]);
        free(d->list);
        deliver_init(d);
}

void deliver_prepare(struct deliver *d, const struct launch_spec *spec)
{
        if (!spec->n_secrets)
                return;
        d->n = spec->n_secrets;
        d->list = xcalloc(d->n, sizeof *d->list);
        memcpy(d->list, spec->secrets, d->n * sizeof *d->list);
        snprintf(d->owner, sizeof d->owner, "%s", spec->owner);
}

int deliver_take(struct deliver *d, uint32_t i, int *fd)
{
        if (i >= d->n || d->fds[i] >= 0)
                return -EPROTO;
        d->fds[i] = TAKE_FD(*fd);
        return 0;
}

int deliver_all(struct box *b, peer_answer_fn fn, struct err *err)
{
        struct deliver *d = &b->deliver;
        struct peer *vault = b->all->c.peer(b->all->c.peer_ctx, "vault");
        if (!d->n)
                return 0;
        if (!vault)
                return err_set(err, -EAGAIN, "the vault is not there");
        for (uint32_t i = 0; i < d->n; i++)
                if (d->fds[i] < 0)
                        return err_set(err, -EPROTO, "the place of a secret did not come");
        int n = (int)d->n;
        for (uint32_t i = 0; i < d->n; i++) {
                struct vault_deliver q = {.sandbox = ""};
                snprintf(q.sandbox, sizeof q.sandbox, "%s", b->j.result.id);
                snprintf(q.owner, sizeof q.owner, "%s", d->owner);
                snprintf(q.secret, sizeof q.secret, "%s", d->list[i].secret);
                peer_call(vault, VAULT_DELIVER, &q, &d->fds[i], 1, fn, b);
        }
        deliver_done(d);
        return n;
}

/* ---- in the child ---- */

static int ensure_dir(int dir, const char *name, struct err *err)
{
        if (mkdirat(dir, name, 0755) < 0 && errno != EEXIST)
                return err_sys(err, -errno, "%s", name);
        int fd = openat(dir, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        return fd < 0 ? err_sys(err, -errno, "%s", name) : fd;
}

int deliver_mount(int root, struct err *err)
{
        static const struct mount_option o[] = {{"mode", "0755"}, {NULL, NULL}};
        auto_close int top = ensure_dir(root, ".paddock", err);
        auto_close int places = top < 0 ? -1 : ensure_dir(top, "secrets", err);
        if (places < 0)
                return top < 0 ? top : places;
        auto_close int fd = mount_new("ramfs", o, MOUNT_NOSUID | MOUNT_NODEV | MOUNT_NOEXEC, err);
        return fd < 0 ? fd : mount_attach(fd, root, PLACES, err);
}

/* A link at the target, made without following any that an image may have. */
static int put_link(int root, const char *target, const char *to, struct err *err)
{
        char part[128];
        auto_close int dir = openat(root, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
        for (const char *p = target + 1; dir >= 0;) {
                size_t n = strcspn(p, "/");
                snprintf(part, sizeof part, "%.*s", (int)n, p);
                if (!p[n])
                        return symlinkat(to, dir, part) < 0 ? err_sys(err, -errno, "%s", target)
                                                            : 0;
                int below = ensure_dir(dir, part, err);
                close(dir);
                dir = below;
                p += n + 1;
        }
        return dir;
}

int deliver_place(int root, const char *target, uint32_t i, bool own, struct err *err)
{
        char path[48], link[64];
        snprintf(path, sizeof path, PLACES "/%u", i);
        snprintf(link, sizeof link, "/" PLACES "/%u", i);
        auto_close int fd = openat(root, path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0400);
        if (fd < 0)
                return err_sys(err, -errno, "%s", path);
        if (own && fchown(fd, BOX_UID, BOX_UID) < 0)
                return err_sys(err, -errno, "%s", path);
        int r = put_link(root, target, link, err);
        return r < 0 ? r : TAKE_FD(fd);
}
