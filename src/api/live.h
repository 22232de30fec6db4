/* live.h - jobs that have not ended, and who watches them.
 *
 * A job is a sandbox (box.h) or an index run (run.h) or a build (build.h); both begin with a `struct live`. Watchers are
 * told from the loop what happened; after LIVE_ENDED the job is gone and the watcher is off its
 * list.
 */
#pragma once
#include "api/api.h"

enum live_kind { LIVE_BOX, LIVE_RUN, LIVE_BUILD };
enum live_event {
        LIVE_OUTPUT,   /* more stored output */
        LIVE_DIRECT,   /* bytes that are not stored (box.h) */
        LIVE_STDIN,    /* the sandbox takes stdin again */
        LIVE_PROGRESS, /* of an index run */
        LIVE_DRAIN,    /* this server is being stopped: who waits does not wait on */
        LIVE_ENDED,    /* the result is in the store */
};

struct live_watch {
        void (*fn)(void *ctx, enum live_event ev);
        /* Takes also output that is not stored: is there room for it? NULL: does not. */
        bool (*direct_ready)(void *ctx);
        void *ctx;
        struct live_watch *next;
        struct live *job; /* NULL: on no list */
        uint64_t told;    /* live_tell's */
};

struct live {
        enum live_kind kind;
        char id[ID_TEXT_LEN + 1];
        int64_t owner;
        struct api *api;
        struct live *next;
        struct live_watch *watches;
        uint64_t turn;
};

void live_add(struct api *a, struct live *job);
void live_remove(struct live *job); /* off the list; watchers must be gone */
struct live *live_find(const struct api *a, const char *id, enum live_kind kind);
void live_watch(struct live *job, struct live_watch *w);
void live_unwatch(struct live_watch *w); /* also for one that is on no list */
void live_tell(struct live *job, enum live_event ev);
/* LIVE_ENDED to all, each off the list before it is told. */
void live_end(struct live *job);
