/* floor.c - the kernel's own price: clone3 with the namespaces of a sandbox, execve, and the wait for
 * the end, with no mount, no limit and no filter.
 *
 *     bench-floor ROUNDS COMMAND [ARGUMENT...]
 *
 * Prints the microseconds of every round, one a line.
 */
#include "base/clock.h"
#include "os/ns.h"
#include <sched.h>
#include <stdio.h>
#include <sys/wait.h>

int main(int argc, char **argv)
{
        const uint64_t flags = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET |
                               CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP;
        if (argc < 3) {
                fprintf(stderr, "usage: bench-floor ROUNDS COMMAND [ARGUMENT...]\n");
                return 1;
        }
        for (long rounds = strtol(argv[1], NULL, 10); rounds > 0; rounds--) {
                uint64_t began = clock_boot_us();
                int pidfd = -1, status;
                struct err err = {0};
                pid_t pid = ns_fork(flags, -1, &pidfd, &err);
                if (pid == 0) {
                        execv(argv[2], argv + 2);
                        _exit(127);
                }
                if (pid < 0 || waitpid(pid, &status, 0) < 0 || status != 0) {
                        fprintf(stderr, "bench-floor: %s\n", pid < 0 ? err_text(&err) : "failed");
                        return 1;
                }
                close(pidfd);
                printf("%llu\n", (unsigned long long)(clock_boot_us() - began));
        }
        return 0;
}
