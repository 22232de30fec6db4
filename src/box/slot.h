/* slot.h - which id ranges of the host are in use: one byte a slot in a file that all installations
 * of root share, locked for as long as anybody holds the descriptor (fcntl(2), open file
 * description locks). launch holds it and keep a copy: the range stays taken while either lives. */
#pragma once
#include "base/err.h"

#define SLOT_FILE "/run/paddock-ids"

/* Takes n slots in a row: a descriptor; closing every copy of it gives them back. -EAGAIN: another
 * installation has one. */
MUST_CHECK int slot_take(uint32_t slot, uint32_t n, struct err *err);
