/* launch.h - verbs of the sandbox maker. Askers: api and rag.
 *
 * The asker has parsed, checked and authorised everything; launch sees names and ids of a fixed
 * alphabet, numbers, and one sealed memfd with the command that it hands to init unread. A
 * sandbox's bytes never pass through launch: the outer ends of its stdio come back as descriptors.
 *
 * CREATE is not idempotent by itself: the id is the asker's, stored before it asks; a second CREATE
 * with an id that launch knows is -EEXIST. After a lost link the asker sends QUERY for each id it
 * does not know the end of. A result is kept until FORGET.
 */
#pragma once
#include "link/link.h"

enum launch_verb {
        LAUNCH_CREATE = 1, /* launch_spec + [command memfd] -> launch_created + [in, out, err] */
        LAUNCH_EXITED,     /* event: launch_result, to the asker that created it */
        LAUNCH_QUERY,      /* launch_id -> launch_result; -ENOENT */
        LAUNCH_SIGNAL,     /* launch_signal -> launch_empty: to the main process */
        LAUNCH_STOP,       /* launch_stop -> launch_empty: TERM, then all killed after the grace */
        LAUNCH_FORGET,     /* launch_id -> launch_empty: drops a stored result */
        LAUNCH_LIST,       /* launch_empty -> launch_result parts, the last with an empty id */
        LAUNCH_VOLUME_CREATE, /* launch_id -> launch_empty; 0 also when it is there */
        LAUNCH_VOLUME_REMOVE, /* launch_id -> launch_empty; -EBUSY while mounted */
};

enum launch_profile { BOX_RUN = 1, BOX_PARSE, BOX_FILES };
enum launch_state { BOX_RUNNING = 1, BOX_ENDED };
enum launch_reason {
        BOX_EXITED = 1, /* by itself: exit_code */
        BOX_SIGNAL,     /* by a signal that was not ours */
        BOX_WALL,       /* its time limit */
        BOX_OOM,        /* its memory limit */
        BOX_KILLED,     /* STOP or SIGNAL by the asker */
        BOX_LOST,       /* infrastructure: `cause` says what; never the user's exit code */
};
const char *launch_reason_text(uint32_t reason); /* "exited", ... ; "unknown" */

struct launch_id {
        char id[ID_TEXT_LEN + 1];
};
struct launch_empty {
        uint32_t unused;
};

struct launch_mount {
        char volume[ID_TEXT_LEN + 1];
        char subpath[PATH_TEXT_MAX + 1]; /* below the volume; "" the whole */
        char target[128];                /* absolute, inside the sandbox */
        uint32_t read_only;
};
struct launch_spec {
        char id[ID_TEXT_LEN + 1];
        char image[NAME_TEXT_MAX + 1]; /* "host" */
        char hostname[NAME_TEXT_MAX + 1];
        char workdir[PATH_TEXT_MAX + 1]; /* "" = /work */
        uint32_t profile;                /* enum launch_profile */
        uint32_t cpu_milli;              /* thousandths of a core; 0 = no limit */
        uint32_t pids;
        uint32_t n_mounts;
        uint64_t memory_bytes;
        uint64_t disk_bytes; /* writable tmpfs */
        uint64_t wall_ms;    /* 0 = none */
        struct launch_mount mounts[BOX_VOLUMES_MAX];
};
/* The command memfd: u32 argc, u32 envc (little-endian), then argc + envc NUL-terminated strings.
 */

/* What was in force, by launch's own checks; see docs/THREATS.md for each. */
struct launch_enforcement {
        char driver[16];       /* "ns" */
        char namespaces[64];   /* "user,mount,pid,net,ipc,uts,cgroup" */
        char ids[48];          /* "1879113728+65536" or "single 1000" */
        char seccomp[65];      /* SHA-256 of the compiled filter */
        char cgroup[16];       /* "v2" "v1" "hybrid" "none" */
        char network[16];      /* "none" */
        char missing[256];     /* layers that could not be had, comma-separated; "" none */
        uint64_t capabilities; /* effective | permitted | bounding of the command; 0 */
        uint32_t no_new_privs;
        uint32_t landlock_abi; /* 0: not available */
        uint32_t memory_limit, cpu_limit,
                pids_limit;  /* 1: enforced by the kernel; 0: best effort */
        uint32_t disk_limit; /* 1: size-limited tmpfs */
};
struct launch_created {
        struct launch_enforcement enforcement; /* encoded field by field */
        uint64_t start_us;                     /* from the request read to the command released */
};
struct launch_result {
        char id[ID_TEXT_LEN + 1];
        uint32_t state;     /* enum launch_state */
        uint32_t reason;    /* enum launch_reason, once ended */
        uint32_t exit_code; /* BOX_EXITED */
        uint32_t signal;    /* BOX_SIGNAL, BOX_KILLED */
        uint32_t profile;
        char cause[256]; /* BOX_LOST */
        uint64_t run_ms; /* released to ended */
        uint64_t cpu_us; /* 0 where the kernel did not say */
        uint64_t peak_memory_bytes;
};
struct launch_signal {
        char id[ID_TEXT_LEN + 1];
        uint32_t signal;
};
struct launch_stop {
        char id[ID_TEXT_LEN + 1];
        uint32_t grace_ms;
};

extern const struct link_spec launch_link;
