/* gpu.h - the devices that serve told us of (link/gpu.h), and what a sandbox with some of them
 * gets: a /dev of its own with their nodes, their files read-only, their links.
 *
 * A device is given to one sandbox at a time unless gpu.shared says otherwise; what its driver
 * leaves in its memory for the next one is the driver's matter, see docs/THREATS.md.
 */
#pragma once
#include "link/gpu.h"
#include "link/launch.h"

struct gpu_table {
        struct gpu_device *devices;
        size_t n;
        bool shared;
};
/* From serve's memfd; whatever was there before is forgotten. On failure there is none. */
MUST_CHECK int gpu_load(struct gpu_table *t, int fd, struct err *err);
void gpu_done(struct gpu_table *t);

/* Replaces "all" and "any" in the specification by devices' names. in_use: whether a sandbox has
 * that device. -ENOENT, -EBUSY. */
MUST_CHECK int gpu_choose(const struct gpu_table *t, struct launch_spec *spec,
                          bool (*in_use)(void *ctx, const char *name), void *ctx, struct err *err);

/* What the devices of a specification need together, each place once. */
struct gpu_set {
        const struct gpu_node *nodes[GPU_NODES_MAX];
        const struct gpu_file *files[GPU_FILES_MAX];
        const struct gpu_link *links[GPU_LINKS_MAX];
        size_t n_nodes, n_files, n_links;
};
/* Image "host" has the host's own directories: what lies in them is not in ret, and -ENOTSUP is
 * returned where a device wants something else there. */
MUST_CHECK int gpu_set(const struct gpu_table *t, const struct launch_spec *spec,
                       struct gpu_set *ret, struct err *err);
/* The kernel object behind a path is what serve has seen: O_PATH, or -ENODEV. */
MUST_CHECK int gpu_open_node(const struct gpu_node *n, struct err *err);
MUST_CHECK int gpu_open_file(const struct gpu_file *f, struct err *err);
