/* jobs.h - index jobs: at most one a space, each in a thread of its own, watched by any number of
 * askers. Of different spaces JOBS_MAX run at once, the others wait their turn. Everything here is
 * called on the loop's thread.
 */
#pragma once
#include "net/peer.h"
#include "rag/index.h"

#define JOBS_MAX 4 /* each may have two parse sandboxes of 1 GiB */

struct jobs;

/* What every job works with: host, spaces, models, embedder of `with` count. */
struct jobs *jobs_new(struct loop *loop, const struct index_job *with);
void jobs_free(struct jobs *j); /* after jobs_count is 0; NULL is fine */
/* Answers rq with progress until the job has ended. A job that runs for the space is joined: since
 * it may have passed what this asker wants to see indexed, the space is scanned once more when it
 * ends, and only then the asker has its end. */
void jobs_start(struct jobs *j, const struct rag_index *what, struct peer_request *rq);
size_t jobs_count(const struct jobs *j);
/* They end soon; their askers get no end, so that they ask again when this role is back. */
void jobs_stop(struct jobs *j);
