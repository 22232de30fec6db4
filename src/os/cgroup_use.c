/* cgroup_use.c - figures of a group, and making it stand still. */
#include "base/fd.h"
#include "os/cgroup_impl.h"
#include "os/task_io.h"
#include <fcntl.h>
#include <stdio.h>

#define PROCS_MAX (1u << 20) /* pids of a group as text */

int cgroup_read(int dir, const char *path, char *ret, size_t size)
{
        auto_close int fd = openat(dir, path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        ssize_t n = read(fd, ret, size - 1);
        if (n < 0)
                return -errno;
        ret[n] = 0;
        return (int)n;
}

int cgroup_poke(int dir, const char *name, const char *file, const char *value)
{
        char path[CGROUP_NAME_BYTES + 40];
        snprintf(path, sizeof path, "%s/%s", name, file);
        return file_poke_at(dir, path, value);
}

static bool read_file(int dir, const char *name, const char *file, char text[CGROUP_FILE_BYTES])
{
        char path[CGROUP_NAME_BYTES + 40];
        snprintf(path, sizeof path, "%s/%s", name, file);
        return dir >= 0 && cgroup_read(dir, path, text, CGROUP_FILE_BYTES) > 0;
}

/* The number after `key` (NULL: the first one) in a file of the group; 0 when it is not there. */
static uint64_t number(int dir, const char *name, const char *file, const char *key)
{
        char text[CGROUP_FILE_BYTES];
        if (!read_file(dir, name, file, text))
                return 0;
        const char *at = key ? strstr(text, key) : text;
        return at ? strtoull(at + (key ? strlen(key) : 0), NULL, 10) : 0;
}

/* The sum over all devices: "8:0 rbytes=1 wbytes=2 ...". */
static uint64_t sum(const char *text, const char *key)
{
        uint64_t total = 0;
        for (const char *p = text; (p = strstr(p, key)); p += strlen(key))
                total += strtoull(p + strlen(key), NULL, 10);
        return total;
}

uint64_t cgroup_cpu_us(const struct cgroup_host *h, const char *name)
{
        /* Not all of it need be in both: cgroup_door_v2. */
        uint64_t v2 = number(h->v2, name, "cpu.stat", "usage_usec ");
        uint64_t v1 = number(h->v1[CGROUP_CPU], name, "cpuacct.usage", NULL) / 1000;
        return v2 > v1 ? v2 : v1;
}

bool cgroup_accounts_cpu(const struct cgroup_host *h)
{
        return h->v2 >= 0 || (h->v1[CGROUP_CPU] >= 0 &&
                              faccessat(h->v1[CGROUP_CPU], "cpuacct.usage", F_OK, 0) == 0);
}

void cgroup_task_io(const struct cgroup_host *h, const char *name, struct cgroup_stats *s)
{
        CLEANUP(buf_done) struct buf b;
        char path[CGROUP_NAME_BYTES + 40];
        struct task_io io = {0, 0};
        int dir = h->v2 >= 0 ? h->v2 : h->v1[CGROUP_PIDS];
        snprintf(path, sizeof path, "%s/cgroup.procs", name);
        buf_init(&b, PROCS_MAX);
        if (dir < 0 || file_read_at(dir, path, &b) < 0)
                return;
        for (const char *p = buf_text(&b); *p; p += strspn(p, "\n")) {
                task_io_add(&io, (int)strtol(p, NULL, 10));
                p += strcspn(p, "\n");
        }
        s->io_read_bytes = io.read_bytes;
        s->io_write_bytes = io.write_bytes;
}

void cgroup_stats_read(const struct cgroup_host *h, const char *name, struct cgroup_stats *ret)
{
        struct cgroup_stats s = {.cpu_us = cgroup_cpu_us(h, name)};
        char text[CGROUP_FILE_BYTES];
        int memory = h->v1[CGROUP_MEMORY];
        if (h->v2_has[CGROUP_MEMORY]) {
                s.memory_bytes = number(h->v2, name, "memory.current", NULL);
                s.peak_memory_bytes = number(h->v2, name, "memory.peak", NULL);
                s.oom_kills = number(h->v2, name, "memory.events", "oom_kill ");
        } else if (memory >= 0) {
                s.memory_bytes = number(memory, name, "memory.usage_in_bytes", NULL);
                s.peak_memory_bytes = number(memory, name, "memory.max_usage_in_bytes", NULL);
                s.oom_kills = number(memory, name, "memory.oom_control", "oom_kill ");
        }
        s.pids = number(h->v2_has[CGROUP_PIDS] ? h->v2 : h->v1[CGROUP_PIDS], name, "pids.current",
                        NULL);
        if (h->v2_has[CGROUP_IO] && read_file(h->v2, name, "io.stat", text)) {
                s.io_read_bytes = sum(text, "rbytes=");
                s.io_write_bytes = sum(text, "wbytes=");
        }
        s.populated = number(h->v2, name, "cgroup.events", "populated ") != 0;
        *ret = s;
}

int cgroup_freeze(const struct cgroup_host *h, const char *name, bool on)
{
        if (h->v2 >= 0)
                return cgroup_poke(h->v2, name, "cgroup.freeze", on ? "1" : "0");
        if (h->v1[CGROUP_FREEZER] < 0)
                return -ENOTSUP;
        return cgroup_poke(h->v1[CGROUP_FREEZER], name, "freezer.state", on ? "FROZEN" : "THAWED");
}

bool cgroup_is_frozen(const struct cgroup_host *h, const char *name)
{
        char text[CGROUP_FILE_BYTES];
        if (h->v2 >= 0)
                return number(h->v2, name, "cgroup.freeze", NULL) != 0;
        return read_file(h->v1[CGROUP_FREEZER], name, "freezer.state", text) &&
               strncmp(text, "THAWED", 6) != 0;
}
