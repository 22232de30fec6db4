/* run.h - an index run that has not ended.
 *
 * Indexing has no side effect that a second time would spoil: when rag or this role was started
 * again, the run is asked for again under its id. One run works on a volume at a time. A request
 * that is not begun yet is shared by whoever asks for the same; one that has begun is not, for it
 * may have passed by what was put there since.
 */
#pragma once
#include "api/live.h"
#include "link/rag.h"
#include "store/jobs.h"

struct run_note { /* a file that is not (wholly) indexed */
        uint64_t event;
        char *text;
};

struct run {
        struct live live; /* first */
        char volume[ID_TEXT_LEN + 1];
        char prefix[PATH_TEXT_MAX + 1];
        bool force;
        bool asked;     /* RAG_INDEX is on its way */
        uint64_t event; /* number of the last one */
        char *latest;   /* its progress object as JSON text; NULL: none yet */
        struct run_note *notes;
        size_t n_notes;
};

#define RUN_NOTES_MAX 1000 /* kept for late subscribers; all are in the index as documents */

/* For a job that jobs_accept has stored. */
struct run *run_new(struct api *a, const char *id, int64_t owner, const char *volume,
                    const char *prefix, bool force);
/* One that waits for its turn and would do the same, or NULL. */
struct run *run_find_waiting(struct api *a, const char *volume, const char *prefix, bool force);
void run_restore(struct api *a, const struct job_row *row);
/* Starts what can be started: also when rag is there again. */
void run_start_waiting(struct api *a);
void run_free(struct run *x);
