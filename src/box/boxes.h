/* boxes.h - all sandboxes of this launch: the verbs of link/launch.h, the life of each, and what
 * is found again after a restart.
 *
 *     boxes_new(&config, &boxes, err);   reads the journals, sweeps what was half made
 *     boxes_keep_up(boxes);              whenever a link to keep is there: adopts the running ones
 *
 * The peers of the askers get boxes_ops("api") or boxes_ops("rag") with the boxes as context.
 */
#pragma once
#include "box/host.h"
#include "net/peer.h"

struct boxes; /* opaque */

struct boxes_config {
        struct loop *loop;
        struct box_host *host;                             /* borrowed */
        struct peer *(*peer)(void *ctx, const char *name); /* "keep", "api", "rag"; NULL: away */
        void *peer_ctx;
        size_t ready; /* sandboxes to have made ahead; 0 = none */
};

MUST_CHECK int boxes_new(const struct boxes_config *c, struct boxes **ret, struct err *err);
/* Lets go of everything; the sandboxes run on. NULL is fine. */
void boxes_free(struct boxes *b);
DEFINE_CLEANUP(struct boxes *, boxes_free);
const struct peer_ops *boxes_ops(const char *asker); /* NULL: no such asker */
void boxes_keep_up(struct boxes *b);
/* Asks sandboxes to end: all, or only those of our own programs (parse, files), whose askers end with us.
 * TERM, and all killed after a short grace. How many of them still run. */
size_t boxes_stop(struct boxes *b, bool helpers_only);
/* Sandboxes that are being made: a launch that is to end waits for them. */
size_t boxes_making(const struct boxes *b);
