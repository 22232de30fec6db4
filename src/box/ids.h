/* ids.h - which id ranges the sandboxes of this launch have. Rootful each has a slot of its own, a
 * template TEMPLATE_SLOTS in a row: the first is its own, the others are those of the sandboxes that
 * are forked from it. Rootless there is one id, or ranges of the user's own, and a slot is a number. */
#pragma once
#include "box/box.h"

/* Sets b->j.slot and b->lock. -EAGAIN: none is free. */
MUST_CHECK int ids_take(struct box *b, struct err *err);
/* After a restart: those of a sandbox from its record. */
void ids_mark(const struct box *b);
void ids_give(const struct box *b);
