/* build.h - a build of an image that has not ended: a job of kind "image".
 *
 * Step by step: is the layer there? else a sandbox of profile build makes it, and launch turns what
 * it wrote into the layer. All output goes into the log of the job. The recipe is stored; after a
 * restart of this role, or of launch, the step that was going on is made anew, the earlier ones are
 * there. A build that fails leaves the layers of the steps that went well (they are found again) and
 * nothing else; `image prune` removes what no image uses.
 */
#pragma once
#include "api/live.h"
#include "api/recipe.h"
#include "link/launch.h"
#include "store/images.h"
#include "store/jobs.h"

struct build;

/* For a job that jobs_accept has stored, with its recipe. -EINVAL: the recipe cannot be done. */
MUST_CHECK int build_new(struct api *a, const char *id, int64_t owner, const char *image,
                         const json_t *recipe, struct build **ret, struct err *err);
void build_start(struct build *b);
void build_restore(struct api *a, const struct job_row *row);
void build_free(struct build *b);
/* An import: the archive comes from the client. The layer's key is new. */
MUST_CHECK int build_new_import(struct api *a, const char *id, int64_t owner, const char *image,
                                bool oci, struct build **ret, struct err *err);
/* The files of a sandbox of ours that runs, on top of its image. */
MUST_CHECK int build_new_snapshot(struct api *a, const char *id, int64_t owner, const char *image,
                                  const char *sandbox, struct build **ret, struct err *err);
/* Bytes of the archive: how many were taken; 0: build_writable will be told. */
size_t build_input(struct build *b, const void *p, size_t n);
void build_input_end(struct build *b);
void build_on_writable(struct build *b, loop_fn fn, void *ctx);

struct build *build_find(const struct api *a, const char *id);
void builds_go_on(struct api *a); /* nothing is pruned any more */
void build_peer_up(struct api *a, const char *role);
/* True: the sandbox was a step of one of ours. */
bool build_exited(struct api *a, const struct launch_result *r);
bool build_owns(const struct api *a, const char *sandbox);
