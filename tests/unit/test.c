#include "test.h"
#include <signal.h>
#include <stdarg.h>
#include <sys/wait.h>

#define EXIT_SKIP 77

static struct test *first, **last = &first;

void test_register(struct test *t)
{
        *last = t;
        last = &t->next;
}

void test_failed(const char *file, int line, const char *fmt, ...)
{
        va_list ap;
        printf("# %s:%d: ", file, line);
        va_start(ap, fmt);
        vprintf(fmt, ap);
        va_end(ap);
        printf("\n");
        exit(1); /* exit, not _exit: leak and coverage reports are written on the way out */
}

void test_skipped(const char *why)
{
        printf("# skip: %s\n", why); /* tools/run-tests reads it */
        exit(EXIT_SKIP);
}

static bool wanted(const struct test *t, int argc, char **argv)
{
        for (int i = 1; i < argc; i++)
                if (strstr(t->name, argv[i]))
                        return true;
        return argc < 2;
}

/* 0 passed, EXIT_SKIP, or anything else failed. */
static int run_one(const struct test *t)
{
        fflush(stdout);
        pid_t pid = fork();
        if (pid < 0)
                return 1;
        if (pid == 0) {
                setpgid(0, 0);
                alarm(TEST_SECONDS);
                t->fn();
                exit(0);
        }
        int status;
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
                ;
        kill(-pid, SIGKILL); /* what the test left behind */
        if (WIFSIGNALED(status))
                printf("# killed by signal %d (%s)\n", WTERMSIG(status),
                       strsignal(WTERMSIG(status)));
        return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

int main(int argc, char **argv)
{
        int n = 0, failed = 0;
        setvbuf(stdout, NULL, _IOLBF, 0);
        for (struct test *t = first; t; t = t->next) {
                if (!wanted(t, argc, argv))
                        continue;
                int r = run_one(t);
                failed += r != 0 && r != EXIT_SKIP;
                printf("%s %d - %s%s\n", r == 0 || r == EXIT_SKIP ? "ok" : "not ok", ++n, t->name,
                       r == EXIT_SKIP ? " # SKIP" : "");
        }
        printf("1..%d\n", n);
        return n == 0 || failed;
}
