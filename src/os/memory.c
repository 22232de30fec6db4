#include "os/memory.h"
#include "base/str.h"
#include <stdio.h>
#include <string.h>

#define RESERVE_MIN (512ull << 20)

/* The first number after `key` in a small file; 0: none. */
static uint64_t number_in(const char *path, const char *key)
{
        char text[4096];
        unsigned long long n = 0;
        FILE *f = fopen(path, "re");
        if (!f)
                return 0;
        size_t len = fread(text, 1, sizeof text - 1, f);
        fclose(f);
        text[len] = '\0';
        const char *at = strstr(text, key);
        return at && sscanf(at + strlen(key), " %llu", &n) == 1 ? n : 0;
}

uint64_t memory_of_host(void)
{
        /* of the cgroup that is our root: a container's; a machine's own has no such file, or a
         * limit beyond all memory */
        static const char *const limits[] = {"/sys/fs/cgroup/memory.max",
                                             "/sys/fs/cgroup/memory/memory.limit_in_bytes"};
        uint64_t bytes = number_in("/proc/meminfo", "MemTotal:") << 10;
        for (size_t i = 0; i < ARRAY_LEN(limits); i++) {
                uint64_t limit = number_in(limits[i], "");
                if (limit && (!bytes || limit < bytes))
                        bytes = limit;
        }
        return bytes;
}

uint64_t memory_for_sandboxes(uint64_t host)
{
        uint64_t reserve = host / 8 > RESERVE_MIN ? host / 8 : RESERVE_MIN;
        return host / 2 < reserve ? host / 2 : host - reserve;
}
