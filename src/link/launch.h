/* launch.h - verbs of the sandbox maker. Askers: api and rag.
 *
 * The asker has parsed, checked and authorised everything; launch sees names and ids of a fixed
 * alphabet, numbers, and one sealed memfd with the command that it hands to init unread. A
 * sandbox's bytes never pass through launch: the outer ends of its stdio come back as descriptors.
 *
 * CREATE is not idempotent by itself: the id is the asker's, stored before it asks; a second CREATE
 * with an id that launch knows is -EEXIST. After a lost link the asker sends QUERY for each id it
 * does not know the end of. A result is kept until FORGET.
 *
 * An EXEC is one more command in a running sandbox, under an id of the asker's own. Its outer ends
 * are in keep under that id, name "stdio", until EXEC_FORGET or the sandbox's FORGET. It is
 * ended with the sandbox; its result then has the sandbox's reason, or `killed`.
 */
#pragma once
#include "link/link.h"

enum launch_verb {
        LAUNCH_CREATE = 1, /* launch_spec + [command memfd] -> launch_created + [in, out, err]; a
                              terminal: [master] */
        LAUNCH_EXITED,     /* event: launch_result, to the asker that created it */
        LAUNCH_READY,      /* event: launch_id: the template may be forked from */
        LAUNCH_QUERY,      /* launch_id -> launch_result; -ENOENT */
        LAUNCH_SIGNAL,     /* launch_signal -> launch_empty: to the main process */
        LAUNCH_STOP,       /* launch_stop -> launch_empty: TERM, then all killed after the grace */
        LAUNCH_FORGET,     /* launch_id -> launch_empty: drops a stored result */
        LAUNCH_LIST,       /* launch_empty -> launch_result parts, the last with an empty id */
        LAUNCH_VOLUME_CREATE, /* launch_id -> launch_empty; 0 also when it is there */
        LAUNCH_VOLUME_REMOVE, /* launch_id -> launch_empty; -EBUSY while mounted */
        LAUNCH_EXEC,          /* launch_exec + [command memfd] -> launch_exec_made + as CREATE */
        LAUNCH_EXEC_EXITED,   /* event: launch_exec_result, to the asker of the sandbox */
        LAUNCH_EXEC_SIGNAL,   /* launch_exec_signal -> launch_empty: to its command */
        LAUNCH_EXEC_FORGET,   /* launch_exec_id -> launch_empty: drops result and descriptors */
        LAUNCH_EXEC_LIST,     /* launch_empty -> launch_exec_result parts, the last without id */
        LAUNCH_TOUCH,         /* event: launch_id: bytes flow, it is not idle */
        LAUNCH_STATS,         /* launch_id -> launch_stats */
        LAUNCH_FREEZE,        /* launch_id -> launch_empty: nothing of it runs; -ENOTSUP */
        LAUNCH_THAW,          /* launch_id -> launch_empty; EXEC, SIGNAL and STOP do it first */
        LAUNCH_POLICY,        /* launch_policy -> launch_empty: in force at vault, and kept; what is
                                  no longer allowed is cut. -ENOTSUP: not in network mode proxy */
        LAUNCH_LAYER_COMMIT,  /* launch_layer_commit -> launch_layer: of an ended BOX_BUILD */
        LAUNCH_LAYER_SNAPSHOT, /* launch_layer_commit -> launch_layer: of what a running sandbox has
                                 written, `from` ""; it stands still meanwhile */
        LAUNCH_LAYER_HAVE,     /* launch_layer -> launch_layer; -ENOENT */
        LAUNCH_LAYER_REMOVE,   /* launch_layer -> launch_empty; -EBUSY while mounted */
        LAUNCH_LAYER_LIST,     /* launch_empty -> launch_layer parts, the last with an empty key */
        LAUNCH_VOLUME_QUOTA,   /* launch_volume_quota -> launch_volume_made: makes one that may take
                                  so much */
        LAUNCH_VOLUME_COPY,    /* launch_volume_copy -> launch_empty; -EBUSY while one is mounted */
};

enum launch_profile { BOX_RUN = 1, BOX_PARSE, BOX_FILES, BOX_BUILD, BOX_TEMPLATE };
/* BOX_TEMPLATE: a warm process (box/warm/messages.h) that other sandboxes are forked from. CREATE from
 * it is -EAGAIN before READY; its STOP is -EBUSY while they run, and they end with it. */
enum launch_network { BOX_NET_NONE, BOX_NET_PROXY, BOX_NET_OPEN };
enum launch_program { EXEC_COMMAND, EXEC_FILES /* our program `files`, its root "/" */ };
enum launch_state { BOX_RUNNING = 1, BOX_ENDED };
enum launch_reason {
        BOX_EXITED = 1, /* by itself: exit_code */
        BOX_SIGNAL,     /* by a signal that was not ours */
        BOX_WALL,       /* its time limit */
        BOX_OOM,        /* its memory limit */
        BOX_KILLED,     /* STOP or SIGNAL by the asker */
        BOX_LOST,       /* infrastructure: `cause` says what; never the user's exit code */
        BOX_IDLE,       /* its idle time limit */
        BOX_CPU,        /* its limit of processor time */
        BOX_DISK,       /* its disk limit, where it is only watched */
        BOX_OUTPUT,     /* its output limit: STOP with that reason */
        BOX_POLICY,     /* a rule of vault's: STOP with that reason */
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
struct launch_layer {
        char key[65];        /* hash of what it was made from, 64 hex digits */
        uint64_t size_bytes; /* answers only */
};
struct launch_secret {
        char secret[NAME_TEXT_MAX + 1];
        char target[128]; /* absolute, inside the sandbox */
};
struct launch_gpu {
        char device[128]; /* a CDI name, "nvidia.com/gpu=0"; "any": one that is free; "all" */
};
struct launch_spec {
        char id[ID_TEXT_LEN + 1];
        char image[NAME_TEXT_MAX + 1];  /* "host", or a name for the layers */
        char driver[16];                /* "" = "ns"; "runsc" */
        char template[ID_TEXT_LEN + 1]; /* forked from that sandbox, of the same image; "" none */
        char owner[NAME_TEXT_MAX + 1];  /* for vault and for limits */
        char hostname[NAME_TEXT_MAX + 1];
        char workdir[PATH_TEXT_MAX + 1]; /* "" = /work */
        uint32_t profile;                /* enum launch_profile */
        uint32_t network;                /* enum launch_network */
        uint32_t disk_backed;            /* 0: the upper layer is a tmpfs */
        uint32_t tty, rows, cols;        /* 1: the main command has a terminal; 0 rows = 24 x 80 */
        uint32_t cpu_milli;              /* thousandths of a core; 0 = no limit */
        uint32_t pids;
        uint32_t n_mounts;
        uint64_t memory_bytes;
        uint64_t disk_bytes;       /* writable tmpfs */
        uint64_t wall_ms;          /* 0 = none, here and below */
        uint64_t idle_ms;          /* without an exec, a TOUCH or one percent of a core */
        uint64_t freeze_ms;        /* as long idle: frozen, until an EXEC, a SIGNAL or a TOUCH */
        uint64_t cpu_ms;           /* processor time of all of it */
        uint64_t output_bytes_max; /* held by the asker, which STOPs with BOX_OUTPUT */
        struct slice policy;       /* for vault, unread */
        uint32_t n_layers, n_secrets, n_gpus;
        struct launch_mount mounts[BOX_VOLUMES_MAX];
        struct launch_layer layers[BOX_LAYERS_MAX]; /* the lowest first; none: image "host" */
        struct launch_secret secrets[BOX_SECRETS_MAX];
        struct launch_gpu gpus[BOX_GPUS_MAX];
};
/* The command memfd: u32 argc, u32 envc (little-endian), then argc + envc NUL-terminated strings.
 * CREATE with argc 0: no main command, only what EXEC brings; it ends by STOP or by a limit. */

/* What was in force, by launch's own checks; see docs/THREATS.md for each. */
struct launch_enforcement {
        char driver[16];     /* "ns" */
        char namespaces[64]; /* "user,mount,pid,net,ipc,uts,cgroup" */
        char ids[48];        /* "1879113728+65536", "single 1000", "100000+65536, 1000 is
                                  501": further ids, inside 1000 the user */
        char seccomp[65];    /* SHA-256 of the compiled filter */
        char cgroup[16];     /* "v2" "v1" "hybrid" "none" */
        char network[16];    /* "none" */
        char start[16];      /* "cold"; "ahead": from the pool; "forked": from a template */
        char disk[16];       /* what holds the disk limit: "tmpfs" */
        char missing[256];   /* layers that could not be had, comma-separated; "" none */
        char gpus[BOX_GPUS_MAX * 128]; /* names of the devices that it has, comma-separated */
        uint64_t capabilities;         /* effective | permitted | bounding of the command; 0 */
        uint32_t no_new_privs;
        uint32_t landlock_abi; /* 0: not available */
        uint32_t memory_limit, cpu_limit,
                pids_limit; /* 1: enforced by the kernel; 0: best effort */
        uint32_t disk_limit;
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
        uint32_t ready;    /* BOX_TEMPLATE: READY was told */
        char cause[256];   /* BOX_LOST */
        uint64_t start_us; /* from the request read to the command released */
        uint64_t run_ms;   /* released to ended */
        uint64_t cpu_us;   /* 0 where the kernel did not say, here and below */
        uint64_t peak_memory_bytes;
        uint64_t io_read_bytes, io_write_bytes;
        uint64_t oom_kills;
};
struct launch_signal {
        char id[ID_TEXT_LEN + 1];
        uint32_t signal;
};
struct launch_stop {
        char id[ID_TEXT_LEN + 1];
        uint32_t grace_ms;
        uint32_t reason; /* 0 or BOX_KILLED; BOX_OUTPUT, BOX_POLICY, BOX_DISK: the result's */
};
struct launch_exec {
        char id[ID_TEXT_LEN + 1], exec[ID_TEXT_LEN + 1]; /* of the sandbox; the asker's for this */
        uint32_t program;                                /* enum launch_program */
        uint32_t tty, rows, cols;
        uint64_t wall_ms; /* ends it with all that it started; 0 = none */
        char workdir[PATH_TEXT_MAX + 1];
};
struct launch_exec_made {
        uint64_t start_us;
};
struct launch_exec_id {
        char id[ID_TEXT_LEN + 1], exec[ID_TEXT_LEN + 1];
};
struct launch_exec_signal {
        char id[ID_TEXT_LEN + 1], exec[ID_TEXT_LEN + 1]; /* exec "" = the main command */
        uint32_t signal;
};
struct launch_exec_result {
        char id[ID_TEXT_LEN + 1], exec[ID_TEXT_LEN + 1];
        uint32_t state;  /* enum launch_state */
        uint32_t reason; /* enum launch_reason, once ended */
        uint32_t exit_code, signal;
        uint32_t tty; /* keep has one descriptor of it, the master */
        uint64_t run_ms;
};
struct launch_stats {
        uint64_t cpu_us, memory_bytes, peak_memory_bytes;
        uint64_t pids, io_read_bytes, io_write_bytes, oom_kills;
        uint32_t frozen;
};
struct launch_policy {
        char id[ID_TEXT_LEN + 1];
        struct slice policy; /* in the place of the specification's */
};
struct launch_layer_commit {
        char id[ID_TEXT_LEN + 1];
        char key[65];
        char from[128]; /* a directory of what it wrote that becomes the layer; "" all of it */
};
struct launch_volume_quota {
        char id[ID_TEXT_LEN + 1];
        uint64_t bytes;
};
struct launch_volume_made {
        char quota[16]; /* what holds it: "project", "loop", or "watched" (best effort) */
};
/* What is in `to` becomes a copy of what is in `from`, at once when all of it is on disk: after a
 * failure and after a crash `to` has what it had. Both are there. */
struct launch_volume_copy {
        char from[ID_TEXT_LEN + 1], to[ID_TEXT_LEN + 1];
};

extern const struct link_spec launch_link;
