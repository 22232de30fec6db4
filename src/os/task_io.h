/* task_io.h - what processes read from disks and wrote to them, by the kernel's account of each
 * (/proc/PID/io): for hosts whose control groups do not count it. A process's account has in it those
 * of the children that it has waited for. */
#pragma once
#include "base/cleanup.h"

struct task_io {
        uint64_t read_bytes, write_bytes;
};
/* Adds those of the process; nothing where the kernel does not say. */
void task_io_add(struct task_io *to, int pid);
/* The same of a process by its pidfd, also while it is a zombie. */
void task_io_add_pidfd(struct task_io *to, int pidfd);
