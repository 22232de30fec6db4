/* spawn.h - the parent's side of making a sandbox: cgroups, trees, namespaces, id maps, until the
 * child may go on by itself. `setup` is the other side. */
#pragma once
#include "box/host.h"
#include "box/nest.h"

struct spawned {
        pid_t pid;
        int pidfd;
        int control;  /* launch's end of the init link, non-blocking */
        int outer[3]; /* stdin (written), stdout, stderr (read): for the asker and keep; of a
                         terminal the master, once init has made it */
        int inner[3]; /* the other ends, for init */
        int upper;    /* O_PATH of what it writes, -1: it has no upper layer */
};

/* nest: the namespaces of a template that it is made in; NULL: the host's. On failure everything
 * is undone, cgroups included. The child is on its way afterwards: it sends
 * INIT_FAILED, or INIT_HELLO from init. */
MUST_CHECK int spawn(struct box_host *h, const struct launch_spec *spec, uint32_t slot,
                     const struct nest *nest, struct spawned *ret, struct err *err);
/* Three pipes for a command's stdio, owned by its user so that /dev/stdout can be opened inside. */
MUST_CHECK int spawn_pipes(const struct box_host *h, uint32_t slot, int inner[3], int outer[3],
                           struct err *err);
void spawned_close_stdio(struct spawned *s, bool outer, bool inner);
