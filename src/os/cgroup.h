/* cgroup.h - control groups of every layout: v2, v1, both at once ("hybrid"), none.
 *
 * Groups are made in the directory `paddock` below the caller's own group. In the hybrid layout
 * each controller is used where the host has it, and the v2 tree, with or without controllers,
 * serves to kill and to account.
 *
 *     CLEANUP(cgroup_host_freep) struct cgroup_host *h = cgroup_host_new(&why);
 *     r = cgroup_make(h, id, &limits, err);     then be born in it (v2) and cgroup_enter (v1)
 *     cgroup_kill(h, id); cgroup_stats(h, id, &stats); r = cgroup_remove(h, id);
 */
#pragma once
#include "base/err.h"
#include <sys/types.h>

enum cgroup_controller {
        CGROUP_MEMORY,
        CGROUP_PIDS,
        CGROUP_CPU,
        CGROUP_IO,      /* figures only */
        CGROUP_FREEZER, /* in v2 part of every group */
        CGROUP_CONTROLLERS
};

struct cgroup_host; /* opaque */
struct cgroup_limits {
        uint64_t memory_bytes; /* 0: no limit, here and below */
        uint32_t pids, cpu_milli;
};
struct cgroup_stats {
        uint64_t memory_bytes, peak_memory_bytes, cpu_us; /* 0 where the kernel does not say */
        uint64_t pids, io_read_bytes, io_write_bytes;
        uint64_t oom_kills;
        bool populated; /* some process is left */
};

/* Finds the caller's groups and makes `paddock` below them. Never NULL: without any writable group
 * the mode is "none". `why` (may be NULL) gets the reason of what is missing. */
struct cgroup_host *cgroup_host_new(struct err *why);
struct cgroup_host *cgroup_host_none(void);   /* mode "none" */
void cgroup_host_free(struct cgroup_host *h); /* NULL is fine; leaves the directories */
DEFINE_CLEANUP(struct cgroup_host *, cgroup_host_free);
const char *cgroup_mode(const struct cgroup_host *h); /* "v2" "v1" "hybrid" "none" */
bool cgroup_has(const struct cgroup_host *h, enum cgroup_controller c);
const char *cgroup_controller_text(enum cgroup_controller c);

/* Makes the group and writes the limits that the host has controllers for. All or nothing. */
MUST_CHECK int cgroup_make(const struct cgroup_host *h, const char *name,
                           const struct cgroup_limits *limits, struct err *err);
/* Writes those of the limits that are not 0 anew. */
MUST_CHECK int cgroup_limit(const struct cgroup_host *h, const char *name,
                            const struct cgroup_limits *limits, struct err *err);
/* The v2 directory, for clone3's CLONE_INTO_CGROUP; -ENOENT where there is none. */
MUST_CHECK int cgroup_open(const struct cgroup_host *h, const char *name);
/* The files through which a process of one thread enters the other hierarchies by itself; -1 where
 * there is none. On failure none is open. */
MUST_CHECK int cgroup_doors(const struct cgroup_host *h, const char *name,
                            int ret[CGROUP_CONTROLLERS], struct err *err);
/* The same for v2, for a process that was not born in the group; -1 where no limit hangs on it: the
 * kernel takes some ten milliseconds for a move in v2. */
int cgroup_door_v2(const struct cgroup_host *h, const char *name);
/* Puts the calling process, which has one thread, into the groups. A thread that moves itself
 * spares the kernel a lock under which a start would now and then wait ten milliseconds. */
MUST_CHECK int cgroup_enter(const int doors[CGROUP_CONTROLLERS], struct err *err);
/* Kills every process in it. */
void cgroup_kill(const struct cgroup_host *h, const char *name);
bool cgroup_accounts_cpu(const struct cgroup_host *h);
uint64_t cgroup_cpu_us(const struct cgroup_host *h, const char *name);
/* Nothing of it runs, or all of it again. Returns at once: processes stop within moments. In v2 a
 * frozen group can be killed, in v1 cgroup_kill thaws it. -ENOTSUP without a freezer. */
MUST_CHECK int cgroup_freeze(const struct cgroup_host *h, const char *name, bool on);
bool cgroup_is_frozen(const struct cgroup_host *h, const char *name);
void cgroup_stats_read(const struct cgroup_host *h, const char *name, struct cgroup_stats *ret);
/* Fills in the figures of io by the accounts of its processes and of those they have waited for: for
 * a host whose groups do not count it. */
void cgroup_task_io(const struct cgroup_host *h, const char *name, struct cgroup_stats *s);
/* 0 also when it is not there; -EBUSY while processes are in it. */
MUST_CHECK int cgroup_remove(const struct cgroup_host *h, const char *name);
/* Whether anything of it exists. */
bool cgroup_exists(const struct cgroup_host *h, const char *name);
