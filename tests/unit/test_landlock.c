#include "os/landlock.h"
#include "test.h"
#include <arpa/inet.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

static char root[] = "/tmp/paddock-landlock-XXXXXX";

static int child(void (*fn)(void))
{
        pid_t pid = fork();
        if (pid == 0) {
                fn();
                _exit(0); /* no leak check: it would want files that are denied by now */
        }
        int status;
        CHECK_INT(waitpid(pid, &status, 0), ==, pid);
        return status;
}

static void make_tree(void)
{
        if (landlock_abi() == 0)
                SKIP("host lacks Landlock");
        CHECK(mkdtemp(root));
        CHECK_INT(chdir(root), ==, 0);
        CHECK_INT(mkdir("ro", 0700), ==, 0);
        CHECK_INT(mkdir("rw", 0700), ==, 0);
        CHECK_INT(mkdir("none", 0700), ==, 0);
        close(open("ro/file", O_CREAT | O_WRONLY, 0600));
        close(open("none/file", O_CREAT | O_WRONLY, 0600));
}

static void restrict_and_try(void)
{
        struct landlock_rule rules[] = {{"ro", LANDLOCK_READ},
                                        {"rw", LANDLOCK_READ | LANDLOCK_WRITE},
                                        {"ro/file", LANDLOCK_READ | LANDLOCK_WRITE},
                                        {"not-there", LANDLOCK_READ},
                                        {"/usr", LANDLOCK_READ},
                                        {NULL, 0}};
        struct err err = {0};
        CHECK_INT(landlock_apply(rules, LANDLOCK_DENY_TCP, &err), ==, landlock_abi());
        CHECK_INT(open("ro/file", O_RDONLY), >=, 0);
        CHECK_INT(open("ro/file", O_WRONLY), >=, 0); /* the rule for the file itself */
        CHECK_INT(open("ro/new", O_CREAT | O_WRONLY, 0600), ==, -1);
        CHECK_INT(errno, ==, EACCES);
        CHECK_INT(open("rw/new", O_CREAT | O_WRONLY, 0600), >=, 0);
        CHECK_INT(open("none/file", O_RDONLY), ==, -1);
        CHECK_INT(errno, ==, EACCES);
        CHECK_INT(open("/etc/passwd", O_RDONLY), ==, -1);
        CHECK_INT(unlink("ro/file"), ==, -1);
        execl("/usr/bin/false", "false", NULL); /* no right to execute; it would exit with 1 */
        CHECK_INT(errno, ==, EACCES);
}

TEST(rules_grant_what_they_say_and_nothing_else)
{
        make_tree();
        CHECK_INT(child(restrict_and_try), ==, 0);
}

static void try_tcp(void)
{
        struct landlock_rule rules[] = {{"/", LANDLOCK_READ}, {NULL, 0}};
        CHECK_INT(landlock_apply(rules, LANDLOCK_DENY_TCP, NULL), >=, 4);
        int s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
        CHECK_INT(bind(s, (struct sockaddr *)&a, sizeof a), ==, -1);
        CHECK_INT(errno, ==, EACCES);
        a.sin_port = htons(9);
        CHECK_INT(connect(s, (struct sockaddr *)&a, sizeof a), ==, -1);
        CHECK_INT(errno, ==, EACCES);
}

TEST(tcp_is_denied_where_the_abi_has_it)
{
        if (landlock_abi() < 4)
                SKIP("Landlock ABI under 4");
        CHECK_INT(child(try_tcp), ==, 0);
}

static void stack_many(void)
{
        struct landlock_rule rules[] = {{"/", LANDLOCK_READ}, {NULL, 0}};
        struct err err = {0};
        int r = 0;
        for (int i = 0; i < 20 && r >= 0; i++)
                r = landlock_apply(rules, 0, &err);
        CHECK_INT(r, ==, -E2BIG); /* sixteen layers are the kernel's limit */
        CHECK_CONTAINS(err_text(&err), "landlock");
}

TEST(too_many_layers_are_an_error)
{
        if (landlock_abi() == 0)
                SKIP("host lacks Landlock");
        CHECK_INT(child(stack_many), ==, 0);
}
