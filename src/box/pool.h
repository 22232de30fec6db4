/* pool.h - sandboxes made ahead: complete but for what a specification says, locked down, nobody's,
 * used once. A CREATE that one fits gets it and spares the kernel's work of making namespaces and
 * mounts (and, with a template, the fork); any other is made from the start.
 *
 * There is a pool for each of the kinds that were lately asked for: the image "host", an image with
 * its layers, a template. It fills itself after the first CREATE of its kind, one at a time, when
 * launch has nothing else to do or few are left. A sandbox of the pool has a journal of stage MAKING
 * under an id of its own, so that a later launch sweeps it.
 */
#pragma once
#include "box/box.h"

/* One that fits, in the state of a sandbox that has said HELLO, with the id of the specification.
 * NULL: none; or, where err is set, the specification names a volume that is not to be had. */
struct box *pool_take(struct boxes *all, const struct launch_spec *spec, struct err *err);
/* The next step with it. Gives it the limits, the name and the volumes that the specification says. */
MUST_CHECK int pool_change(struct box *b, const struct launch_spec *spec, struct err *err);
/* After a CREATE, or for a template that is ready: more of this kind may be wanted. */
void pool_wanted(struct boxes *all, const struct launch_spec *spec);
/* A sandbox of the pool is ready, or is gone. */
void pool_ready(struct box *b);
void pool_gone(struct box *b);
/* How many are ready for such a specification. */
size_t pool_size(const struct boxes *all, const struct launch_spec *spec);
/* Nothing is made any more for that template or image layer; what there is ends. "": for all. */
void pool_forget(struct boxes *all, const char *template_or_layer);
/* Ends all of it; nothing is made any more. */
void pool_close(struct boxes *all);
