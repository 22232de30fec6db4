#include "box/layer.h"
#include "base/fd.h"
#include "base/id.h"
#include "base/str.h"
#include "box/volume.h"
#include "os/mount.h"
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#define NEW ".new-"

bool layer_key_valid(const char *key)
{
        return strspn(key, "0123456789abcdef") == 64 && key[64] == 0;
}

static int check_key(const char *key, struct err *err)
{
        return layer_key_valid(key) ? 0 : err_set(err, -EINVAL, "key: expected 64 hex digits");
}

/* To where volume_sweep empties it little by little. */
static int discard(const struct box_host *h, int dir, const char *name, struct err *err)
{
        int r = dir_ensure_at(h->state, VOLUME_REMOVED, 0700);
        auto_close int to = r < 0 ? r : dir_open_at(h->state, VOLUME_REMOVED);
        char under[96];
        snprintf(under, sizeof under, "%s-%s", name, id_new().s);
        if (to < 0)
                return err_sys(err, to, "state directory");
        if (renameat(dir, name, to, under) < 0 && errno != ENOENT)
                return err_sys(err, -errno, "removing '%s'", name);
        return 0;
}

int layers_open(struct box_host *h, struct err *err)
{
        int r = dir_ensure_at(h->state, "layers", 0711);
        h->layers = r < 0 ? r : dir_open_at(h->state, "layers");
        int fd = h->layers < 0 ? h->layers : dir_open_at(h->layers, ".");
        DIR *d = fd < 0 ? NULL : fdopendir(fd);
        if (!d) {
                closep(&fd);
                return err_sys(err, -EIO, "directory of layers");
        }
        r = 0;
        for (struct dirent *e; r == 0 && (e = readdir(d));)
                if (str_starts(e->d_name, NEW))
                        r = discard(h, h->layers, e->d_name, err);
        closedir(d);
        return r;
}

int layer_have(const struct box_host *h, const char *key, uint64_t *ret_bytes, struct err *err)
{
        char path[80];
        CLEANUP(buf_done) struct buf b = {0};
        int r = check_key(key, err);
        if (r < 0)
                return r;
        buf_init(&b, 64);
        snprintf(path, sizeof path, "%s/size", key);
        r = file_read_at(h->layers, path, &b);
        if (r == 0)
                r = str_to_u64(buf_text(&b), ret_bytes);
        return r < 0 ? err_set(err, r == -ENOENT ? r : -EIO, "there is no layer %.12s", key) : 0;
}

int layer_mount(struct box_host *h, const char *key, uint32_t slot, struct err *err)
{
        char path[80];
        int r = check_key(key, err);
        if (r < 0)
                return r;
        snprintf(path, sizeof path, "%s/fs", key);
        auto_close int dir = dir_open_beneath(h->layers, path);
        if (dir < 0)
                return err_set(err, dir, "there is no layer %.12s", key);
        return slot_mount(h, dir, slot, MOUNT_RO | MOUNT_NOSUID | MOUNT_NODEV, err);
}

int layer_remove(struct box_host *h, const char *key, struct err *err)
{
        int r = check_key(key, err);
        return r < 0 ? r : discard(h, h->layers, key, err);
}

int layers_each(const struct box_host *h, void (*fn)(void *ctx, const char *key, uint64_t bytes),
                void *ctx)
{
        int fd = dir_open_at(h->layers, ".");
        DIR *d = fd < 0 ? NULL : fdopendir(fd);
        if (!d) {
                closep(&fd);
                return -EIO;
        }
        for (struct dirent *e; (e = readdir(d));) {
                uint64_t bytes;
                if (layer_key_valid(e->d_name) && layer_have(h, e->d_name, &bytes, NULL) == 0)
                        fn(ctx, e->d_name, bytes);
        }
        closedir(d);
        return 0;
}

/* ---- making one ---- */

static int write_size(int dir, uint64_t bytes, struct err *err)
{
        char text[24];
        int n = snprintf(text, sizeof text, "%llu", (unsigned long long)bytes);
        int r = file_replace_at(dir, "size", text, (size_t)n, 0600);
        return r < 0 ? err_sys(err, r, "size of the layer") : 0;
}

/* Everything on disk, then the name. */
static int publish(const struct box_host *h, const char *key, const char *tmp, int dir,
                   struct err *err)
{
        struct tree_tally tally;
        auto_close int fs = dir_open_at(dir, "fs");
        int r = fs < 0 ? err_sys(err, fs, "layer") : tree_seal(fs, &tally, err);
        if (r == 0)
                r = write_size(dir, tally.bytes, err);
        if (r == 0 && syncfs(dir) < 0)
                r = err_sys(err, -errno, "writing the layer");
        if (r < 0)
                return r;
        if (renameat(h->layers, tmp, h->layers, key) < 0 && errno != EEXIST && errno != ENOTEMPTY)
                return err_sys(err, -errno, "layer");
        return fsync(h->layers) < 0 ? err_sys(err, -errno, "directory of layers") : 0;
}

/* fills: puts `fs` into the new directory. */
static int make(const struct box_host *h, const char *key,
                int (*fill)(int dir, void *ctx, struct err *err), void *ctx, struct err *err)
{
        char tmp[48];
        uint64_t bytes;
        int r = check_key(key, err);
        if (r < 0)
                return r;
        if (layer_have(h, key, &bytes, NULL) == 0)
                return 0;
        snprintf(tmp, sizeof tmp, NEW "%s", id_new().s);
        if (mkdirat(h->layers, tmp, 0711) < 0)
                return err_sys(err, -errno, "layer");
        auto_close int dir = dir_open_at(h->layers, tmp);
        r = dir < 0 ? err_sys(err, dir, "layer") : fill(dir, ctx, err);
        if (r == 0)
                r = publish(h, key, tmp, dir, err);
        int gone = discard(h, h->layers, tmp, r < 0 ? NULL : err); /* of a failure, or a twin */
        return r < 0 ? r : gone;
}

struct source {
        const struct box_host *h;
        int dir;
        const char *name;
        const struct tree_ids *ids;
};

static int fill_by_rename(int dir, void *ctx, struct err *err)
{
        const struct source *s = ctx;
        return renameat(s->dir, s->name, dir, "fs") < 0 ? err_sys(err, -errno, "taking the files")
                                                        : 0;
}

int layer_take(const struct box_host *h, const char *key, int dir, const char *name,
               struct err *err)
{
        struct source s = {h, dir, name, NULL};
        return make(h, key, fill_by_rename, &s, err);
}

static int fill_by_copy(int dir, void *ctx, struct err *err)
{
        const struct source *s = ctx;
        struct tree_tally tally;
        uint32_t owner = s->h->facts.rootful ? SLOT_BASE : s->h->uid;
        bool deeper = *s->name;
        if (mkdirat(dir, "fs", 0755) < 0)
                return err_sys(err, -errno, "layer");
        auto_close int fs = dir_open_at(dir, "fs");
        if (fs < 0 || (s->h->facts.rootful && fchown(fs, owner, owner) < 0) ||
            fchmod(fs, 0755) < 0 || (deeper && mkdirat(fs, s->name, 0755) < 0))
                return err_sys(err, -errno, "layer");
        auto_close int to = dir_open_at(fs, deeper ? s->name : ".");
        return to < 0 ? err_sys(err, to, "layer") : tree_copy(s->dir, to, s->ids, 0, &tally, err);
}

int layer_copy(const struct box_host *h, const char *key, int dir, const char *below,
               const struct tree_ids *ids, struct err *err)
{
        struct source s = {h, dir, below, ids};
        return make(h, key, fill_by_copy, &s, err);
}
