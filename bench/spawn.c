/* spawn.c - the time of a command from posix_spawn to its end, stdio to /dev/null: how the
 * launchers that are beside ours are measured.
 *
 *     bench-spawn ROUNDS PATH [ARGUMENT...]     "@@" in an argument becomes the number of the round
 *
 * Prints microseconds, one a line. The program is given by its path: no search.
 */
#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/wait.h>

int main(int argc, char **argv)
{
        posix_spawn_file_actions_t fa;
        uint64_t rounds;
        if (argc < 3 || str_to_u64(argv[1], &rounds) < 0)
                return 2;
        posix_spawn_file_actions_init(&fa);
        posix_spawn_file_actions_addopen(&fa, 0, "/dev/null", O_RDWR, 0);
        posix_spawn_file_actions_adddup2(&fa, 0, 1);
        posix_spawn_file_actions_adddup2(&fa, 0, 2);
        for (uint64_t i = 0; i < rounds; i++) {
                char number[24], **args = xcalloc((size_t)argc, sizeof *args);
                int status;
                pid_t pid;
                snprintf(number, sizeof number, "%d-%llu", getpid(), (unsigned long long)i);
                for (int k = 2; k < argc; k++)
                        args[k - 2] = str_eq(argv[k], "@@") ? number : argv[k];
                uint64_t t = clock_boot_us();
                if (posix_spawn(&pid, argv[2], &fa, NULL, args, environ) != 0 ||
                    waitpid(pid, &status, 0) != pid || status != 0)
                        return 1;
                printf("%llu\n", (unsigned long long)(clock_boot_us() - t));
                free(args);
        }
        return 0;
}
