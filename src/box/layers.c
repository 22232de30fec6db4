#include "box/layers.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "box/helper.h"
#include "box/image.h"
#include "box/layer.h"
#include "box/pool.h"
#include "os/mount.h"
#include <fcntl.h>
#include <stdio.h>
#include <sys/pidfd.h>

#define COMMITS_MAX 4 /* at once: each writes as fast as the disk takes it */

static void reply_layer(struct peer_request *rq, const char *key, uint64_t bytes, bool more)
{
        struct launch_layer l = {.size_bytes = bytes};
        snprintf(l.key, sizeof l.key, "%s", key);
        peer_reply(rq, &l, NULL, 0, more);
}

BOX_VERB(layer_have)
{
        (void)asker, (void)fds, (void)n_fds;
        const struct launch_layer *l = req;
        struct err err = {0};
        uint64_t bytes;
        if (layer_have(all->c.host, l->key, &bytes, &err) < 0)
                peer_fail_err(rq, &err);
        else
                reply_layer(rq, l->key, bytes, false);
}

static void one_layer(void *ctx, const char *key, uint64_t bytes)
{
        reply_layer(ctx, key, bytes, true);
}

BOX_VERB(layer_list)
{
        (void)asker, (void)req, (void)fds, (void)n_fds;
        if (layers_each(all->c.host, one_layer, rq) < 0)
                peer_fail(rq, -EIO, "the layers cannot be listed");
        else
                reply_layer(rq, "", 0, false);
}

static bool in_use(const struct boxes *all, const char *key)
{
        for (const struct box *b = all->first; b; b = b->next)
                for (uint32_t i = 0; b->j.stage != JOURNAL_ENDED && !b->spare && i < b->j.n_layers;
                     i++)
                        if (str_eq(b->j.layers[i].key, key))
                                return true;
        return false;
}

BOX_VERB(layer_remove)
{
        (void)asker, (void)fds, (void)n_fds;
        const struct launch_layer *l = req;
        struct err err = {0};
        if (!in_use(all, l->key))
                pool_forget(all, l->key); /* nobody's sandboxes, made ahead */
        if (in_use(all, l->key))
                peer_fail(rq, -EBUSY, "the layer is in use by a sandbox");
        else if (layer_remove(all->c.host, l->key, &err) < 0)
                peer_fail_err(rq, &err);
        else
                peer_reply(rq, &(struct launch_empty){0}, NULL, 0, false);
        boxes_sweep(all);
}

/* ---- making one ---- */

struct commit {
        struct boxes *all;
        struct peer_request *rq;
        struct launch_layer_commit c;
        int dir; /* what is taken lies there, and is called so; or: what is copied, to below `name` */
        const char *name;
        struct tree_ids ids;
        bool froze;
};

static void thaw(const struct commit *c)
{
        struct box *b = c->froze ? box_find(c->all, c->c.id) : NULL;
        if (b && box_freeze(b, false) < 0)
                log_warn("layer.thaw", kv("id", c->c.id), kv("error", "refused, ignoring"));
}

static void commit_done(void *ctx, int status, const struct err *err)
{
        struct commit *c = ctx;
        if (status == -ECANCELED) { /* launch ends; whoever froze is thawed by its own restart */
                closep(&c->dir);
                free(c);
                return;
        }
        thaw(c);
        uint64_t bytes = 0;
        struct err why = *err;
        if (status == 0)
                status = layer_have(c->all->c.host, c->c.key, &bytes, &why);
        log_info("layer.commit", kv("id", c->c.id), kv("key", c->c.key), kv("bytes", bytes),
                 kv("error", status < 0 ? err_text(&why) : ""));
        if (status < 0)
                peer_fail_err(c->rq, &why);
        else
                reply_layer(c->rq, c->c.key, bytes, false);
        boxes_sweep(c->all);
        closep(&c->dir);
        free(c);
}

static int take(void *ctx, struct err *err)
{
        const struct commit *c = ctx;
        return layer_take(c->all->c.host, c->c.key, c->dir, c->name, err);
}

static int copy(void *ctx, struct err *err)
{
        const struct commit *c = ctx;
        return layer_copy(c->all->c.host, c->c.key, c->dir, c->name, &c->ids, err);
}

/* Owns c. */
static void begin(struct commit *c, helper_work_fn work)
{
        const struct box_host *h = c->all->c.host;
        struct err err = {0};
        int fds[] = {h->state, h->layers, c->dir};
        int r = helpers_running() >= COMMITS_MAX
                        ? err_set(&err, -EAGAIN, "other layers are being written")
                        : helper_start(c->all->c.loop, fds, ARRAY_LEN(fds), work, commit_done, c,
                                       &err);
        if (r == 0)
                return;
        thaw(c);
        peer_fail_err(c->rq, &err);
        closep(&c->dir);
        free(c);
}

static struct commit *new_commit(struct boxes *all, struct peer_request *rq,
                                 const struct launch_layer_commit *from)
{
        struct commit *c = xcalloc(1, sizeof *c);
        c->all = all;
        c->rq = rq;
        c->c = *from;
        c->dir = -1;
        return c;
}

/* The directory that holds what is to be taken, and its name there. */
static int find_taken(const struct box_host *h, struct commit *c, struct err *err)
{
        char path[160];
        const char *from = c->c.from;
        auto_close int scratch = image_scratch_open(h, c->c.id);
        if (scratch < 0)
                return err_set(err, -ENOENT, "it wrote nothing that could be a layer");
        if (!*from) {
                c->dir = TAKE_FD(scratch);
                c->name = "up";
                return 0;
        }
        const char *slash = strrchr(from, '/');
        snprintf(path, sizeof path, "up/%.*s", slash ? (int)(slash - from) : 0, from);
        auto_close int parent = dir_open_beneath(scratch, path);
        int dir = parent < 0 ? parent : dir_open_at(parent, ".");
        c->name = slash ? slash + 1 : from;
        auto_close int there = dir < 0 ? dir : dir_open_at(dir, c->name);
        c->dir = dir;
        return there < 0 ? err_set(err, -ENOENT, "from: it made no directory '%s'", from) : 0;
}

static bool may_commit(const struct launch_result *res, const struct box *b)
{
        return res->profile == BOX_BUILD && b->j.stage == JOURNAL_ENDED &&
               res->reason == BOX_EXITED && res->exit_code == 0;
}

BOX_VERB(layer_commit)
{
        (void)fds, (void)n_fds;
        const struct launch_layer_commit *q = req;
        struct err err = {0};
        struct box *b = box_own(all, asker, q->id, rq);
        if (!b)
                return;
        if (!may_commit(&b->j.result, b)) {
                peer_fail(rq, -EINVAL, "only a build that has ended well becomes a layer");
                return;
        }
        if (!layer_key_valid(q->key) || (q->from[0] && !str_is_subpath(q->from))) {
                peer_fail(rq, -EINVAL, "key or from: expected 64 hex digits and a path");
                return;
        }
        struct commit *c = new_commit(all, rq, q);
        if (find_taken(all->c.host, c, &err) == 0) {
                begin(c, take);
                return;
        }
        peer_fail_err(rq, &err);
        closep(&c->dir);
        free(c);
}

/* ---- of one that runs ---- */

static void begin_copy(struct commit *c, struct box *b, int dir)
{
        const struct box_host *h = c->all->c.host;
        c->dir = dir;
        if (h->facts.rootful && !b->j.watched) /* a watched one has the ids of slot 0 on disk */
                c->ids = (struct tree_ids){SLOT_BASE + b->j.slot * SLOT_SIZE, SLOT_BASE, SLOT_SIZE};
        c->name = b->j.plain ? "work" : "";
        c->froze = !b->frozen && box_freeze(b, true) == 0;
        begin(c, copy);
}

static void on_upper(void *ctx, const struct peer_answer *a)
{
        struct commit *c = ctx;
        struct box *b = a->status < 0 ? NULL : box_find(c->all, c->c.id);
        int dir = b && a->n_fds == 1 && b->j.stage == JOURNAL_RUNNING ? dir_open_at(a->fds[0], ".")
                                                                      : -ENOENT;
        if (dir >= 0) {
                begin_copy(c, b, dir);
                return;
        }
        if (a->status != -ECANCELED)
                peer_fail(c->rq, -EAGAIN, "its files cannot be reached");
        free(c);
}

/* The image "host" without layers: /work of the running sandbox, whose init is ours. */
static int open_work(const struct box *b)
{
        char path[40];
        snprintf(path, sizeof path, "/proc/%d/root", b->s.pid);
        auto_close int root = b->s.pid > 0 ? open(path, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
        /* Its number may be another's by now, where it is no child of ours: if it is alive after the
         * look, the look was at it. */
        if (root < 0 || pidfd_send_signal(b->s.pidfd, 0, NULL, 0) < 0)
                return -ENOENT;
        auto_close int work = dir_open_within(root, "work");
        return work < 0 ? -ENOENT : dir_open_at(work, ".");
}

BOX_VERB(layer_snapshot)
{
        (void)fds, (void)n_fds;
        const struct launch_layer_commit *q = req;
        struct peer *keep = all->c.peer(all->c.peer_ctx, "keep");
        struct keep_key key = {.name = "upper"};
        struct box *b = box_own(all, asker, q->id, rq);
        if (!b || !box_ready(b, rq))
                return;
        if (!layer_key_valid(q->key) || q->from[0] || !keep) {
                peer_fail(rq, -EINVAL, "key: expected 64 hex digits");
                return;
        }
        if (b->j.plain) {
                int dir = open_work(b);
                if (dir < 0)
                        peer_fail(rq, -ENOTSUP, "its files cannot be reached");
                else
                        begin_copy(new_commit(all, rq, q), b, dir);
                return;
        }
        snprintf(key.id, sizeof key.id, "%s", q->id);
        peer_call(keep, KEEP_GET, &key, NULL, 0, on_upper, new_commit(all, rq, q));
}
