/* clock.h - time. Deadlines use clock_boot_ms (runs on in suspend, never set back); stamps shown to
 * people use clock_wall_ms (since 1970, UTC). */
#pragma once
#include "base/cleanup.h"

uint64_t clock_boot_ms(void);
uint64_t clock_boot_us(void);
uint64_t clock_wall_ms(void);
void clock_sleep_ms(uint64_t ms); /* a signal ends it early */
/* "2026-11-21T09:30:00.123Z" into dst[25]; returns dst. */
const char *clock_text(char dst[25], uint64_t wall_ms);
