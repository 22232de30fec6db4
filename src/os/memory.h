/* memory.h - the memory that this machine, or the container that we are in, has. */
#pragma once
#include "base/err.h"

/* The smaller of the machine's memory and the limit of our container; 0 where neither is told. */
uint64_t memory_of_host(void);
/* What of it sandboxes may have: an eighth, and no less than 512 MiB, is left to the host; of a small
 * one half. */
uint64_t memory_for_sandboxes(uint64_t host);
