/* jobs.h - what was accepted, and what became of it. A job is a sandbox, a command in one (exec) or
 * an index run.
 *
 *     accepted -> running -> ended          also accepted -> ended; never back
 *
 * jobs_accept is on the disk when it returns: only then may a client be told the id. The step to
 * `ended` is one UPDATE that no second caller can repeat, so every job ends exactly once.
 */
#pragma once
#include "base/limits.h"
#include "store/db.h"

struct job_row {
        const char *id, *kind, *name, *state; /* name "" = none */
        const char *parent;                   /* of an exec: its sandbox; else "" or NULL */
        int64_t owner;
        const char *owner_name; /* not read by jobs_accept */
        uint64_t created_ms, ended_ms;
        const char *spec, *enforcement, *result; /* JSON texts, "" while unknown */
};
/* The row's texts live during the call; no other function of this file is called inside. */
typedef void (*job_fn)(void *ctx, const struct job_row *row);

/* -EEXIST: the owner has a job of that name that has not ended. */
MUST_CHECK int jobs_accept(struct db *db, const struct job_row *row, struct err *err);
/* The same, but on the disk only when the log has been synced (api/flush.h): the client hears the id
 * after that. Until then it survives the death of this role. */
MUST_CHECK int jobs_accept_soon(struct db *db, const struct job_row *row, struct err *err);
/* The job runs; enforcement may be NULL. On the disk with the next change, not before. 1 done, 0 it was not `accepted`. */
MUST_CHECK int jobs_running(struct db *db, const char *id, const char *enforcement,
                            struct err *err);
/* 1 it ended now, 0 it had ended before (or is gone): the caller then does nothing. */
MUST_CHECK int jobs_end(struct db *db, const char *id, const char *result, struct err *err);
/* The same, as jobs_accept_soon. */
MUST_CHECK int jobs_end_soon(struct db *db, const char *id, const char *result, struct err *err);
/* What is kept of its specification. */
MUST_CHECK int jobs_set_spec(struct db *db, const char *id, const char *spec, struct err *err);
/* Removes a job, ended or not (one that was never told to a client). */
MUST_CHECK int jobs_delete(struct db *db, const char *id, struct err *err);

/* 1 found (fn was called), 0 none. */
MUST_CHECK int jobs_get(struct db *db, const char *id, job_fn fn, void *ctx, struct err *err);
/* The owner's job of that name: the one that has not ended, else the latest. */
MUST_CHECK int jobs_get_named(struct db *db, int64_t owner, const char *name, job_fn fn, void *ctx,
                              struct err *err);
/* Newest first, ids below `before` ("" = from the newest). owner < 0: everybody's; kind "" = any.
 */
MUST_CHECK int jobs_list(struct db *db, int64_t owner, const char *kind, const char *before,
                         uint32_t limit, job_fn fn, void *ctx, struct err *err);
/* The execs of a sandbox, newest first. */
MUST_CHECK int jobs_of_parent(struct db *db, const char *parent, uint32_t limit, job_fn fn,
                              void *ctx, struct err *err);
/* Sandboxes that have the label, as jobs_list. */
MUST_CHECK int jobs_labelled(struct db *db, int64_t owner, const char *key, const char *value,
                             const char *before, uint32_t limit, job_fn fn, void *ctx,
                             struct err *err);
/* All that have not ended, oldest first. */
MUST_CHECK int jobs_open(struct db *db, job_fn fn, void *ctx, struct err *err);
/* The ended ones beyond the newest `keep`, newest first. */
MUST_CHECK int jobs_surplus(struct db *db, uint32_t keep, job_fn fn, void *ctx, struct err *err);

struct job_counts {
        uint64_t accepted, running, ended;
};
MUST_CHECK int jobs_count(struct db *db, const char *kind, struct job_counts *ret, struct err *err);
