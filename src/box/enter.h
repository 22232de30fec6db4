/* enter.h - what launch changes in a sandbox that was made ahead and in which nothing of a user has
 * run yet: its name, the size of its disk, its volumes. launch itself enters the namespaces for it
 * and comes back; that needs one thread. */
#pragma once
#include "box/host.h"

/* `trees`: the volumes of the specification, as host_volumes gives them; attached, not closed.
 * After a failure the sandbox must be thrown away. */
MUST_CHECK int enter_and_change(const struct box_host *h, int pidfd, uint32_t slot,
                                const struct launch_spec *spec, const int trees[TREE_MAX],
                                struct err *err);
