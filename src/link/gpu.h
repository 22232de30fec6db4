/* gpu.h - the devices of this host that a sandbox may be given, as serve hands them to launch: a
 * sealed memfd (SERVE_LISTENER "gpus") of whole structs, made anew at each start and reload. serve
 * has read the CDI files, checked each path and followed its links; launch parses nothing, checks
 * the bounds again (gpu_device_check) and, at each start, that a path is still what it was.
 */
#pragma once
#include "base/err.h"
#include "base/limits.h"

#define GPU_NAME_MAX  128 /* "nvidia.com/gpu=0" */
#define GPU_PATH_MAX  160
#define GPU_DEPTH_MAX 12 /* parts of a path inside */
#define GPU_NODES_MAX 16
#define GPU_FILES_MAX 128
#define GPU_LINKS_MAX 96
#define GPU_LIST_MAX  64 /* devices of one host */

struct gpu_node {
        char path[GPU_PATH_MAX];   /* on the host: below /dev, without links */
        char target[GPU_PATH_MAX]; /* inside: below /dev */
        uint32_t major_no, minor_no;
};
struct gpu_file {
        char path[GPU_PATH_MAX];   /* on the host, without links */
        char target[GPU_PATH_MAX]; /* inside, absolute; shown read-only */
        uint32_t directory;
};
struct gpu_link {
        char path[GPU_PATH_MAX];   /* inside, absolute */
        char target[GPU_PATH_MAX]; /* what it says */
};
struct gpu_device {
        char name[GPU_NAME_MAX];
        uint32_t n_nodes, n_files, n_links;
        struct gpu_node nodes[GPU_NODES_MAX];
        struct gpu_file files[GPU_FILES_MAX];
        struct gpu_link links[GPU_LINKS_MAX];
};

/* 0, or -EPROTO with what is wrong: a text without end, a number out of bounds, a path that is not
 * absolute or has a '..', a node outside /dev or over one of a sandbox's own. */
MUST_CHECK int gpu_device_check(const struct gpu_device *d, struct err *err);
/* An absolute path of plain characters, at most GPU_DEPTH_MAX parts, none of them "." or "..". */
bool gpu_path_valid(const char *path);
/* A node's place inside: below /dev and none that every sandbox has. */
bool gpu_node_target_valid(const char *path);
/* A file's place inside: where libraries and what belongs to them are. */
bool gpu_file_target_valid(const char *path);
/* "vendor.com/class=device". */
bool gpu_name_valid(const char *name);
