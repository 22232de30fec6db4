/* journal.h - what launch must know of a sandbox after it was killed itself: one small file each,
 * in the directory `boxes` of its state, written in one go (a process that is killed cannot tear
 * it; after a power failure there are no sandboxes either). */
#pragma once
#include "link/launch.h"

enum journal_stage {
        JOURNAL_MAKING = 1, /* not released: nothing of the user's has run */
        JOURNAL_RUNNING,
        JOURNAL_ENDED,
};

struct journal {
        uint32_t stage;
        char asker[16]; /* the role to tell about the end */
        uint32_t slot;
        char parent[ID_TEXT_LEN + 1]; /* the template that it is forked from; "" none */
        uint32_t parent_pid;          /* its main process, as the template counts */
        char group[ID_TEXT_LEN +
                   1];        /* of its control group: its id, or that it was made ahead under */
        uint64_t released_ms; /* clock_boot_ms */
        uint64_t wall_ms, idle_ms, freeze_ms, cpu_ms; /* of the specification: watch.c */
        uint32_t stop_reason;                         /* why it was stopped; 0 = it was not */
        uint32_t init_version;                        /* of the link to its init */
        struct launch_result result;
        uint32_t n_volumes;
        struct launch_id volumes[BOX_VOLUMES_MAX]; /* in use while it runs */
        uint32_t n_execs; /* those that run, and results that are not forgotten */
        struct launch_exec_result execs[BOX_EXECS_MAX];
        uint32_t n_layers;
        struct launch_layer layers[BOX_LAYERS_MAX]; /* in use while it runs */
        uint32_t watched_volumes; /* a bit for each of volumes whose quota is only watched */
        uint32_t watched;         /* 1: its disk limit is only watched */
        uint32_t plain; /* 1: it has no upper layer, what it writes lies in its root's tmpfs */
        uint32_t runsc; /* 1: its driver */
        uint32_t n_gpus;
        struct launch_gpu gpus[BOX_GPUS_MAX]; /* in use while it runs */
        uint64_t disk_bytes;                  /* the limit, where it is watched */
};

MUST_CHECK int journal_write(int dir, const struct journal *j);
/* Calls fn for every file; one that cannot be read is given with stage 0 and its id only. */
MUST_CHECK int journal_each(int dir, void (*fn)(void *ctx, const struct journal *j), void *ctx);
void journal_remove(int dir, const char *id);
