#include "base/clock.h"
#include <stdio.h>
#include <time.h>

static uint64_t read_us(clockid_t which)
{
        struct timespec t;
        clock_gettime(which, &t);
        return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000u;
}

uint64_t clock_boot_us(void)
{
        return read_us(CLOCK_BOOTTIME);
}

uint64_t clock_boot_ms(void)
{
        return clock_boot_us() / 1000;
}

uint64_t clock_wall_ms(void)
{
        return read_us(CLOCK_REALTIME) / 1000;
}

void clock_sleep_ms(uint64_t ms)
{
        struct timespec t = {(time_t)(ms / 1000), (long)(ms % 1000) * 1000000};
        nanosleep(&t, NULL);
}

const char *clock_text(char dst[25], uint64_t wall_ms)
{
        time_t s = (time_t)(wall_ms / 1000);
        struct tm tm;
        gmtime_r(&s, &tm);
        char day[32];
        strftime(day, sizeof day, "%Y-%m-%dT%H:%M:%S", &tm);
        snprintf(dst, 25, "%.19s.%03uZ", day, (unsigned)(wall_ms % 1000));
        return dst;
}
