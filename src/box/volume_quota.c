/* volume_quota.c - a volume that may take so much: its file system, where it gets one, is made by a
 * helper. */
#include "base/id.h"
#include "base/log.h"
#include "base/mem.h"
#include "box/helper.h"
#include "box/quota.h"
#include "box/verbs.h"
#include "box/volume.h"
#include <stdio.h>

struct making {
        struct boxes *all;
        struct peer_request *rq;
        struct launch_volume_quota q;
        enum quota_kind kind;
};

static int work(void *ctx, struct err *err)
{
        const struct making *m = ctx;
        return quota_make_disk(m->all->c.host, m->q.id, m->q.bytes, err);
}

static int finish(struct making *m, struct err *err)
{
        struct box_host *h = m->all->c.host;
        struct quota q = {m->kind, 0, m->q.bytes};
        int r = volume_create(h, m->q.id, err);
        if (r == 0)
                r = quota_set(h, m->q.id, &q, err);
        if (r < 0 && volume_remove(h, m->q.id, NULL) < 0)
                log_warn("volume.create", kv("id", m->q.id), kv("error", "left behind"));
        return r;
}

static void made(void *ctx, int status, const struct err *why)
{
        struct making *m = ctx;
        struct err err = *why;
        struct launch_volume_made answer = {""};
        if (status == -ECANCELED) { /* launch ends: the next start drops it */
                free(m);
                return;
        }
        if (status == 0)
                status = finish(m, &err);
        snprintf(answer.quota, sizeof answer.quota, "%s", quota_text(m->kind));
        if (status < 0)
                peer_fail_err(m->rq, &err);
        else
                peer_reply(m->rq, &answer, NULL, 0, false);
        free(m);
}

BOX_VERB(volume_quota)
{
        (void)asker, (void)fds, (void)n_fds;
        const struct launch_volume_quota *q = req;
        struct quota old;
        struct err err = {0};
        if (!id_valid(q->id) || q->bytes < VOLUME_QUOTA_MIN || q->bytes > BOX_BYTES_MAX) {
                peer_fail(rq, -EINVAL, "volume: expected an id, and 16 MiB to 4 TiB");
                return;
        }
        if (quota_get(all->c.host, q->id, &old, &err) < 0 || old.kind ||
            faccessat(all->c.host->volumes, q->id, F_OK, 0) == 0) {
                peer_fail(rq, -EEXIST, "volume: there is one of that id");
                return;
        }
        struct making *m = xcalloc(1, sizeof *m);
        *m = (struct making){all, rq, *q, quota_kind_of(all->c.host)};
        int quotas = all->c.host->quotas;
        if (m->kind != QUOTA_LOOP) {
                made(m, 0, &err);
        } else if (helper_start(all->c.loop, &quotas, 1, work, made, m, &err) < 0) {
                peer_fail_err(rq, &err);
                free(m);
        }
}
