/* disk_watch.c - the disk limit of upper layers that are plain directories, and the quota of volumes
 * that only watching holds: measured each second by a
 * helper, and whoever holds more is ended with the reason `disk`. Best effort, and the enforcement
 * record says so: within that second more can be written. */
#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "box/box.h"
#include "box/helper.h"
#include "box/image.h"
#include "box/quota.h"
#include "box/tree.h"
#include <stdio.h>

#define LOOK_MS 1000

struct looking {
        struct boxes *all;
        int uppers, volumes;
        size_t n;
        struct {
                char id[ID_TEXT_LEN + 1];     /* of the sandbox */
                char volume[ID_TEXT_LEN + 1]; /* "" its upper layer */
                uint64_t most;
        } places[];
};

static bool is_watched(const struct box *b)
{
        return (b->j.watched || b->j.watched_volumes) && b->j.stage == JOURNAL_RUNNING &&
               !b->failed && b->j.stop_reason != BOX_DISK;
}

/* In the helper. What cannot be measured (too deep, too many files) is too much. */
static int measure(void *ctx, struct err *err)
{
        struct looking *l = ctx;
        for (size_t i = 0; i < l->n; i++) {
                struct tree_tally t = {0};
                const char *volume = l->places[i].volume;
                auto_close int dir = *volume ? dir_open_at(l->volumes, volume)
                                             : dir_open_at(l->uppers, l->places[i].id);
                int r = dir < 0 ? 0 : tree_measure(dir, &t, NULL);
                if (r == -ELOOP || r == -E2BIG || t.bytes > l->places[i].most)
                        return err_set(err, -EDQUOT, "%s", l->places[i].id);
        }
        return 0;
}

static void look(void *ctx);

static void measured(void *ctx, int status, const struct err *err)
{
        struct looking *l = ctx;
        struct boxes *all = l->all;
        struct box *b = status == -EDQUOT ? box_find(all, err->text) : NULL;
        free(l);
        if (status == -ECANCELED)
                return;
        all->measuring = false;
        if (b && is_watched(b)) {
                log_info("box.limit", kv("id", b->j.result.id), kv("reason", "disk"));
                if (box_stop(b, 0, BOX_DISK) < 0)
                        log_warn("box.stop", kv("id", b->j.result.id), kv("error", "no answer"));
        }
        box_watch_disk(all);
}

static void add_place(struct looking *l, const struct box *b, const char *volume, uint64_t most)
{
        memcpy(l->places[l->n].id, b->j.result.id, sizeof l->places[0].id);
        snprintf(l->places[l->n].volume, sizeof l->places[0].volume, "%s", volume);
        l->places[l->n++].most = most;
}

static void add_places(struct looking *l, const struct box *b)
{
        struct quota q;
        if (b->j.watched)
                add_place(l, b, "", b->j.disk_bytes);
        for (uint32_t i = 0; i < b->j.n_volumes; i++)
                if (b->j.watched_volumes >> i & 1 &&
                    quota_get(b->all->c.host, b->j.volumes[i].id, &q, NULL) == 0 && q.kind)
                        add_place(l, b, b->j.volumes[i].id, q.bytes);
}

static void look(void *ctx)
{
        struct boxes *all = ctx;
        struct err err = {0};
        size_t n = 0;
        all->disk_timer = NULL;
        for (struct box *b = all->first; b; b = b->next)
                n += is_watched(b) ? 1 + b->j.n_volumes : 0;
        struct looking *l = xcalloc(1, sizeof *l + n * sizeof l->places[0]);
        l->all = all;
        l->uppers = all->c.host->uppers;
        l->volumes = all->c.host->volumes;
        for (struct box *b = all->first; b; b = b->next)
                if (is_watched(b))
                        add_places(l, b);
        int open[] = {l->uppers, l->volumes};
        all->measuring = true;
        if (helper_start(all->c.loop, open, ARRAY_LEN(open), measure, measured, l, &err) == 0)
                return;
        all->measuring = false;
        free(l);
        box_watch_disk(all); /* no process to be had: the next second, perhaps */
}

void box_watch_disk(struct boxes *all)
{
        bool any = false;
        for (struct box *b = all->first; b; b = b->next)
                any |= is_watched(b);
        if (any && !all->disk_timer && !all->measuring)
                all->disk_timer = loop_timer_add(all->c.loop, LOOK_MS, look, all);
}
