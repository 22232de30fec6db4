/* volume_copy.c - what is in one volume becomes a copy of what is in another: copied by a helper
 * beside, then the two change places by one rename. */
#include "base/fd.h"
#include "base/id.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "box/helper.h"
#include "box/quota.h"
#include "box/spec.h"
#include "box/tree.h"
#include "box/verbs.h"
#include "box/volume.h"
#include "os/mount.h"
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#define COPIES_MAX 4 /* helpers that write at once, those of layers included */

/* ---- on disk ---- */

static int open_below(const struct box_host *h, const char *name)
{
        int r = dir_ensure_at(h->state, name, 0700);
        return r < 0 ? r : dir_open_at(h->state, name);
}

int volume_open(const struct box_host *h, const char *id, struct err *err)
{
        const char *name;
        auto_close int parent = quota_parent(h, id, &name, err);
        auto_close int dir = parent < 0 ? parent : dir_open_beneath(parent, name);
        int fd = dir < 0 ? dir : dir_open_at(dir, ".");
        return fd < 0 ? err_set(err, -ENOENT, "the volume cannot be read") : fd;
}

/* The quota does not hold root, who copies. */
static int copy_into(const struct box_host *h, int from, int to, const struct quota *q,
                     struct err *err)
{
        struct stat st;
        struct tree_tally tally = {0};
        if (fstat(from, &st) < 0 || (h->facts.rootful && fchown(to, st.st_uid, st.st_gid) < 0) ||
            fchmod(to, st.st_mode & 07777) < 0)
                return err_sys(err, -EIO, "copy of the volume");
        struct tree_ids as_is = {SLOT_BASE, SLOT_BASE, h->facts.rootful ? SLOT_SIZE : 0};
        int r = tree_copy(from, to, &as_is, 0, &tally, err);
        if (r == 0 && q->kind && tally.bytes > q->bytes)
                r = err_set(err, -EDQUOT, "it is more than the quota of the volume");
        if (r == 0 && syncfs(to) < 0)
                r = err_sys(err, -errno, "writing the copy");
        return r;
}

static int copy_to_disk(const struct box_host *h, int from, const struct quota *q, const char *name,
                        struct err *err)
{
        int r = quota_make_disk(h, name, q->bytes, err);
        auto_close int fs = r < 0 ? r : quota_open_disk(h, name, err);
        auto_close int to = fs < 0 ? fs : dir_open_at(fs, QUOTA_CONTENT);
        if (fs < 0)
                return fs;
        return to < 0 ? err_sys(err, to, "copy of the volume") : copy_into(h, from, to, q, err);
}

int volume_copy_make(const struct box_host *h, int from, const char *to, const char *name,
                     struct err *err)
{
        struct quota q;
        int r = quota_get(h, to, &q, err);
        if (r < 0)
                return r;
        if (q.kind == QUOTA_LOOP)
                return copy_to_disk(h, from, &q, name, err);
        auto_close int copies = open_below(h, VOLUME_COPIES);
        if (copies < 0 || mkdirat(copies, name, 0700) < 0)
                return err_sys(err, copies < 0 ? copies : -errno, "copy of the volume");
        auto_close int dir = dir_open_at(copies, name);
        r = dir < 0 ? err_sys(err, dir, "copy of the volume") : quota_take_in(&q, dir, err);
        return r < 0 ? r : copy_into(h, from, dir, &q, err);
}

int volume_copy_take(struct box_host *h, const char *name, const char *to, struct err *err)
{
        struct quota q;
        int r = quota_get(h, to, &q, err);
        if (r < 0)
                return r;
        if (q.kind == QUOTA_LOOP)
                return quota_replace_disk(h, name, to, err);
        auto_close int copies = open_below(h, VOLUME_COPIES);
        if (copies < 0)
                return err_sys(err, copies, "state directory");
        if (renameat2(copies, name, h->volumes, to, RENAME_EXCHANGE) < 0)
                return err_sys(err, -errno, "volume");
        volume_copy_drop(h, name);
        return fsync(h->volumes) < 0 ? err_sys(err, -errno, "directory of volumes") : 0;
}

static void drop_one(int copies, int removed, const char *name)
{
        char under[80];
        snprintf(under, sizeof under, "copy-%.60s", name);
        if (renameat(copies, name, removed, under) < 0 && errno != ENOENT)
                log_warn("volume.copy", kv("error", errno_text(-errno)));
}

void volume_copy_drop(const struct box_host *h, const char *name)
{
        auto_close int copies = open_below(h, VOLUME_COPIES);
        auto_close int removed = open_below(h, VOLUME_REMOVED);
        quota_drop_disk(h, name);
        if (copies < 0 || removed < 0)
                return;
        if (name) {
                drop_one(copies, removed, name);
                return;
        }
        int fd = dir_open_at(copies, ".");
        DIR *d = fd < 0 ? NULL : fdopendir(fd);
        if (!d)
                closep(&fd);
        for (struct dirent *e; d && (e = readdir(d));)
                if (id_valid(e->d_name))
                        drop_one(copies, removed, e->d_name);
        if (d)
                closedir(d);
}

/* ---- asked for ---- */

struct copying {
        struct boxes *all;
        struct peer_request *rq;
        struct launch_volume_copy q;
        char name[ID_TEXT_LEN + 1];
        int from;
};

static int work(void *ctx, struct err *err)
{
        const struct copying *c = ctx;
        return volume_copy_make(c->all->c.host, c->from, c->q.to, c->name, err);
}

static bool is_busy(const struct boxes *all, const struct launch_volume_copy *q)
{
        return boxes_use_volume(all, q->from) || boxes_use_volume(all, q->to);
}

static void copied(void *ctx, int status, const struct err *why)
{
        struct copying *c = ctx;
        struct err err = *why;
        closep(&c->from);
        if (status == -ECANCELED) { /* launch ends: the next start drops it */
                free(c);
                return;
        }
        if (status == 0 && is_busy(c->all, &c->q)) /* what was read may be neither old nor new */
                status = err_set(&err, -EBUSY, "a sandbox began to use the volume meanwhile");
        if (status == 0)
                status = volume_copy_take(c->all->c.host, c->name, c->q.to, &err);
        if (status < 0)
                volume_copy_drop(c->all->c.host, c->name);
        log_info("volume.copy", kv("from", c->q.from), kv("to", c->q.to),
                 kv("error", status < 0 ? err_text(&err) : ""));
        if (status < 0)
                peer_fail_err(c->rq, &err);
        else
                peer_reply(c->rq, &(struct launch_empty){0}, NULL, 0, false);
        boxes_sweep(c->all);
        free(c);
}

BOX_VERB(volume_copy)
{
        (void)asker, (void)fds, (void)n_fds;
        const struct launch_volume_copy *q = req;
        const struct box_host *h = all->c.host;
        struct err err = {0};
        if (!id_valid(q->from) || !id_valid(q->to) || str_eq(q->from, q->to)) {
                peer_fail(rq, -EINVAL, "volume: expected two ids");
                return;
        }
        if (is_busy(all, q)) {
                peer_fail(rq, -EBUSY, "the volume is in use by a sandbox");
                return;
        }
        struct copying *c = xcalloc(1, sizeof *c);
        *c = (struct copying){all, rq, *q, "", volume_open(h, q->from, &err)};
        memcpy(c->name, id_new().s, sizeof c->name);
        int open[] = {h->state, h->volumes, h->quotas, c->from};
        int r = c->from < 0 ? c->from
                : helpers_running() >= COPIES_MAX
                        ? err_set(&err, -EAGAIN, "other copies are being written")
                        : helper_start(all->c.loop, open, ARRAY_LEN(open), work, copied, c, &err);
        if (r == 0)
                return;
        peer_fail_err(rq, &err);
        closep(&c->from);
        free(c);
}
