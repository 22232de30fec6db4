/* box.h - a sandbox, or a command in one (an exec), that has not ended: from the request to the
 * stored result.
 *
 *   asked    LAUNCH_CREATE is on its way
 *   unsure   the link broke meanwhile, or this role was started again: LAUNCH_QUERY will tell
 *   up       it runs; its output is pumped into the log
 *   ended    launch told the result; what is left in the pipes is read, then the result is stored
 *
 * A command is started by one CREATE and never by a second one. The result is stored once; only
 * then does launch forget the sandbox and keep its descriptors.
 *
 * Output goes to the log (outlog.h) and from there to whoever reads. Once the log is full it goes
 * to the attached clients directly, at the pace of the slowest, and is counted as dropped; with no
 * client attached it is only counted. So a sandbox waits for a client as for any pipe, but only for
 * one that is there, and only after BOX_LOG_MAX.
 */
#pragma once
#include "api/live.h"
#include "api/outlog.h"
#include "link/launch.h"
#include "store/jobs.h"

enum box_step { BOX_STEP_ASKED, BOX_STEP_UNSURE, BOX_STEP_UP, BOX_STEP_ENDED };

struct box_pipe {
        struct box *box;
        int fd;
        struct loop_io *io; /* NULL: at its end, or paused */
        bool at_end, paused;
        enum stream_type stream;
};

struct box {
        struct live live;                 /* first */
        char parent[ID_TEXT_LEN + 1];     /* of an exec: its sandbox; "" else */
        char template[NAME_TEXT_MAX + 1]; /* it was made from; "" none */
        bool tty;                         /* one descriptor, the terminal's master */
        bool listed, asked_before;        /* exec: launch knows it; it was there when we asked */
        bool proxied;                     /* its network is the proxy */
        bool too_much;                    /* its output passed the limit, it is being ended */
        uint64_t output_max;              /* 0 none */
        uint64_t memory_bytes, disk_bytes, cpu_milli; /* of the limits: what admission counts */
        uint64_t touched_ms;                          /* launch was told that bytes flow */
        enum box_step step;
        bool has_stdin;     /* the request wanted one */
        bool fetching;      /* KEEP_GET is on its way */
        bool querying;      /* LAUNCH_QUERY is on its way */
        bool got_pipes;     /* fetched or created with; also when there were none left */
        struct outlog *log; /* NULL: it could not be opened; output is then dropped */
        struct box_pipe out, err;
        int in;
        struct loop_io *in_io;
        struct loop_timer *bound;
        struct launch_result result;
        uint64_t created_ms, queue_ms, start_us;
        json_t *enforcement; /* NULL while unknown */
        /* LIVE_DIRECT: what is being told */
        const char *direct;
        size_t direct_n;
        uint64_t direct_offset;
        enum stream_type direct_stream;
};

typedef void (*box_created_fn)(void *ctx, int status, const struct err *err);

/* For a job that jobs_accept has stored. err says why there is no log, when there is none. */
struct box *box_new(struct api *a, const char *id, int64_t owner, bool has_stdin, struct err *err);
/* Asks launch; fn is called once. -EPIPE: nobody knows yet whether it runs; the box stays and finds
 * out. Another error: it does not run, and the box is gone. */
void box_create(struct box *b, struct peer *launch, const struct launch_spec *spec, int command,
                box_created_fn fn, void *ctx);
/* The same for an exec: b->parent is set. */
void box_exec(struct box *b, struct peer *launch, const struct launch_exec *e, int command,
              box_created_fn fn, void *ctx);
/* The exec that a result is of; NULL: none of ours. */
void box_exec_exited(struct api *a, const struct launch_exec_result *r);
/* LAUNCH_SIGNAL, or that of an exec; fn as for peer_call. */
void box_signal(struct box *b, struct peer *launch, uint32_t number, peer_answer_fn fn, void *ctx);
/* Its terminal has another size; nothing without one. */
void box_resize(struct box *b, uint32_t rows, uint32_t cols);
/* One that an earlier life of this role accepted. */
void box_restore(struct api *a, const struct job_row *row);
void box_kill(struct api *a, const char *id); /* nobody was told of it: it is ended at once */
struct box *box_find(const struct api *a, const char *id);

void box_peer_up(struct api *a, const char *role);
void box_exited(struct api *a, const struct launch_result *r);
/* Bytes taken by the sandbox; -EAGAIN: LIVE_STDIN will tell; -EPIPE: it has closed its stdin. */
MUST_CHECK int64_t box_stdin(struct box *b, const void *p, size_t n);
void box_stdin_end(struct box *b);
/* A client has room again, or has gone. */
void box_resume(struct box *b);
/* Lets go of everything here; the sandbox runs on. */
void box_free(struct box *b);

/* box_pump.c */
void box_pump_start(struct box *b, int in, int out, int err); /* owns them; -1 = none */
void box_pump_start_tty(struct box *b, int master);           /* owns it */
void box_pump_stop(struct box *b);
/* Gives keep copies of what is open here: after the end of stdin, and to a keep that was started
 * again and has nothing. */
void box_put_kept(struct box *b);
bool box_pump_done(const struct box *b); /* both streams are at their end */
/* box.c: more output than it may have. */
void box_over_output(struct box *b);
/* box.c: both streams are at their end. */
void box_drained(struct box *b);
