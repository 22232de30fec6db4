#include "os/task_io.h"
#include "os/cgroup_impl.h"
#include <fcntl.h>
#include <stdio.h>

static uint64_t field(const char *text, const char *key)
{
        const char *at = strstr(text, key);
        return at ? strtoull(at + strlen(key), NULL, 10) : 0;
}

void task_io_add(struct task_io *to, int pid)
{
        char path[40], text[512];
        snprintf(path, sizeof path, "/proc/%d/io", pid);
        if (pid <= 0 || cgroup_read(AT_FDCWD, path, text, sizeof text) < 0)
                return;
        uint64_t wrote = field(text, "\nwrite_bytes: ");
        uint64_t undone =
                field(text, "\ncancelled_write_bytes: "); /* removed before it was on disk */
        to->read_bytes += field(text, "\nread_bytes: ");
        to->write_bytes += wrote > undone ? wrote - undone : 0;
}

void task_io_add_pidfd(struct task_io *to, int pidfd)
{
        char path[40], text[512];
        snprintf(path, sizeof path, "/proc/self/fdinfo/%d", pidfd);
        if (pidfd >= 0 && cgroup_read(AT_FDCWD, path, text, sizeof text) > 0)
                task_io_add(to, (int)field(text, "\nPid:\t"));
}
