/* warm.h - the warm processes of templates: sandboxes of launch's profile BOX_TEMPLATE, one for each
 * template that was lately used, of its owner alone.
 *
 *   starting   CREATE is asked, or its imports run; who wants it waits
 *   ready      sandboxes are forked from it
 *   ending     STOP is asked: no sandbox of it runs
 *
 * The first use starts it. All of them together have at most templates.memory; when that is full,
 * the one that was used longest ago and has no sandbox is ended. One that died while it was ready is
 * started again. One whose image has other layers by now is used no more, and ended when its
 * sandboxes have. They outlive this role as sandboxes do.
 */
#pragma once
#include "api/template.h"
#include "link/launch.h"

struct warm;
struct warm *warm_new(struct api *a); /* never NULL; knows what the store says was started */
void warm_free(struct warm *all);     /* NULL is fine; the processes run on */

struct warm_wait;
/* process: the id to fork from, which is this turn's: fn asks launch at once. */
typedef void (*warm_fn)(void *ctx, int status, const char *process, const struct err *err);
/* fn is called once, perhaps before this returns: then NULL. */
struct warm_wait *warm_use(struct api *a, const struct template *t, warm_fn fn, void *ctx);
void warm_cancel(struct warm_wait *w);

/* Ends the process of a template that goes; fn is called once, with -EALREADY when it is in use. */
void warm_end(struct api *a, int64_t owner, const char *name,
              void (*fn)(void *ctx, int status, const struct err *err), void *ctx);
/* "starting", "ready", or "stopped". */
const char *warm_state(const struct api *a, int64_t owner, const char *name);
/* The sandboxes that were forked from it and run. */
uint64_t warm_sandboxes(const struct api *a, int64_t owner, const char *name);
/* The sum of their memory limits; owner -1: of all. */
uint64_t warm_memory(const struct api *a, int64_t owner);
/* A sandbox that was forked from it has ended. */
void warm_released(struct api *a, int64_t owner, const char *name);
/* Somebody waits for memory: an idle one is ended, when there is one. */
void warm_yield(struct api *a);

/* ---- from the link to launch ---- */
bool warm_owns(const struct api *a, const char *id);
void warm_ready(struct api *a, const char *id);
bool warm_exited(struct api *a, const struct launch_result *r); /* false: none of these */
void warm_list_begins(struct api *a);
bool warm_listed(struct api *a, const struct launch_result *r); /* false: none of these */
void warm_list_ends(struct api *a);
