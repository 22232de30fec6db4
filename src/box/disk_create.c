/* disk_create.c - CREATE of a sandbox whose files lie in a file system of their own: mkfs takes tens of
 * milliseconds, in which launch's loop has other work. A helper makes it, then CREATE goes on. */
#include "base/fd.h"
#include "base/mem.h"
#include "box/disk.h"
#include "box/helper.h"
#include "box/image.h"

struct creating {
        struct boxes *all;
        const char *asker; /* a constant of boxes.c */
        struct peer_request *rq;
        int command;
        char *policy;
        struct launch_spec spec;
};

static void creating_free(struct creating *c)
{
        closep(&c->command);
        free(c->policy);
        free(c);
}

static int work(void *ctx, struct err *err)
{
        const struct creating *c = ctx;
        return disk_make(c->all->c.host->uppers, c->spec.id, c->spec.disk_bytes, DISK_SCRATCH, err);
}

static void made(void *ctx, int status, const struct err *err)
{
        struct creating *c = ctx;
        struct boxes *all = c->all;
        all->preparing--;
        if (status == 0)
                box_create(all, c->asker, &c->spec, TAKE_FD(c->command), c->rq);
        else if (status != -ECANCELED)
                peer_fail_err(c->rq, err);
        if (status != -EEXIST && !box_find(all, c->spec.id)) /* mounted, it has no name */
                unlinkat(all->c.host->uppers, c->spec.id, 0);
        creating_free(c);
}

void box_create_with_disk(struct boxes *all, const char *asker, const struct launch_spec *spec,
                          int command, struct peer_request *rq)
{
        struct err err = {0};
        if (image_disk(all->c.host, spec) != IMAGE_DISK_LOOP) {
                box_create(all, asker, spec, command, rq);
                return;
        }
        struct creating *c = xcalloc(1, sizeof *c);
        *c = (struct creating){all, asker, rq, command, NULL, *spec};
        c->policy = xmalloc(spec->policy.len + 1);
        memcpy(c->policy, spec->policy.data ? spec->policy.data : "", spec->policy.len);
        c->spec.policy = (struct slice){c->policy, spec->policy.len};
        int uppers = all->c.host->uppers;
        if (helper_start(all->c.loop, &uppers, 1, work, made, c, &err) < 0) {
                peer_fail_err(rq, &err);
                creating_free(c);
                return;
        }
        all->preparing++;
}
