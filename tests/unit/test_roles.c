/* The running roles against the table of privileges (role/table.h), and one role attacking another.
 * Drives the real paddock: PADDOCK_BIN, or the plain build beside us. As root both installations
 * are tested, the rootful one and that of an ordinary user; as an ordinary user only the latter. */
#include "base/buf.h"
#include "base/fd.h"
#include "base/str.h"
#include "role/table.h"
#include "test.h"
#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>

#define USER_ID   12345 /* an ordinary user without a passwd entry */
#define UID_BASE  60900 /* the default of roles.uid_base */
#define ROLES_MAX 8

struct running {
        pid_t serve, role[ROLES_MAX]; /* in the order of role_rows */
        char dir[64], state[96];
        bool rootful;
};

static void proc_path(char *dst, size_t size, pid_t pid, const char *name)
{
        snprintf(dst, size, "/proc/%d/%s", (int)pid, name);
}

static char *proc_text(pid_t pid, const char *name)
{
        char path[64];
        struct buf b;
        buf_init(&b, 1u << 20);
        proc_path(path, sizeof path, pid, name);
        if (file_read_at(AT_FDCWD, path, &b) < 0)
                buf_clear(&b);
        return buf_take(&b);
}

/* The number behind "Key:" in /proc/PID/status. */
static uint64_t status_field(pid_t pid, const char *key, int base)
{
        auto_free char *s = proc_text(pid, "status");
        char *at = strstr(s, key);
        CHECK(at != NULL);
        return strtoull(at + strlen(key), NULL, base);
}

static pid_t find_role(pid_t serve, const char *name)
{
        DIR *d = opendir("/proc");
        pid_t found = 0;
        for (struct dirent *e; !found && (e = readdir(d));) {
                uint64_t pid;
                if (str_to_u64(e->d_name, &pid) < 0)
                        continue;
                auto_free char *cmd = proc_text((pid_t)pid, "cmdline");
                if (str_starts(cmd, "/paddock/") && str_eq(cmd + 9, name) &&
                    (pid_t)status_field((pid_t)pid, "PPid:", 10) == serve)
                        found = (pid_t)pid;
        }
        closedir(d);
        return found;
}

static bool all_confined(struct running *r)
{
        for (size_t i = 0; i < role_rows_n; i++) {
                r->role[i] = find_role(r->serve, role_rows[i].name);
                if (!r->role[i] || status_field(r->role[i], "Seccomp:", 10) != 2)
                        return false;
        }
        return true;
}

static void start(struct running *r, bool rootful)
{
        const char *bin = getenv("PADDOCK_BIN");
        char socket[128], path[4096];
        snprintf(r->dir, sizeof r->dir, "/tmp/paddock-roles-XXXXXX");
        CHECK(mkdtemp(r->dir) != NULL && chmod(r->dir, 0755) == 0);
        CHECK(rootful || chown(r->dir, USER_ID, USER_ID) == 0 || geteuid() != 0);
        snprintf(r->state, sizeof r->state, "%s/state", r->dir);
        snprintf(socket, sizeof socket, "%s/p.sock", r->dir);
        CHECK(realpath(bin ? bin : "build/gcc/bin/paddock", path) != NULL);
        r->rootful = rootful;
        r->serve = fork();
        if (r->serve == 0) {
                if (!rootful && geteuid() == 0 &&
                    (setgroups(0, NULL) < 0 || setresgid(USER_ID, USER_ID, USER_ID) < 0 ||
                     setresuid(USER_ID, USER_ID, USER_ID) < 0))
                        _exit(126);
                int log = open("/dev/null", O_WRONLY);
                dup2(log, 2);
                execl(path, path, "serve", "--state-dir", r->state, "--socket", socket,
                      (char *)NULL);
                _exit(127);
        }
        for (int i = 0; i < 300 && !all_confined(r); i++)
                usleep(50000);
        CHECK(all_confined(r));
}

static void stop(struct running *r)
{
        kill(r->serve, SIGTERM);
        CHECK(waitpid(r->serve, NULL, 0) == r->serve);
        CHECK_INT(tree_remove_at(AT_FDCWD, r->dir), ==, 0);
}

static ino_t ns_inode(pid_t pid, const char *ns)
{
        char path[64], name[32];
        struct stat st;
        snprintf(name, sizeof name, "ns/%s", ns);
        proc_path(path, sizeof path, pid, name);
        CHECK(stat(path, &st) == 0);
        return st.st_ino;
}

/* Every mapped file is libc, the loader, the program, or a library of the row. */
static void check_libraries(pid_t pid, const struct role_row *row)
{
        auto_free char *maps = proc_text(pid, "maps");
        char allowed[1024];
        snprintf(allowed, sizeof allowed, " libc ld-linux-x86-64 libgcc_s %s ",
                 row->libs ? row->libs : "");
        char *rest = maps;
        for (char *line; (line = strsep(&rest, "\n"));) {
                char *so = strstr(line, ".so"), *base = strrchr(line, '/');
                if (!so || !base || base > so)
                        continue;
                char word[128];
                snprintf(word, sizeof word, " %.*s ", (int)(so - base - 1), base + 1);
                if (!strstr(allowed, word))
                        test_failed(__FILE__, __LINE__, "%s maps%s", row->name, word);
        }
}

/* No descriptor leads out of the role's own root, but to the log. */
static void check_descriptors(pid_t pid, const struct role_row *row)
{
        char path[64];
        proc_path(path, sizeof path, pid, "fd");
        DIR *d = opendir(path);
        CHECK(d != NULL);
        for (struct dirent *e; (e = readdir(d));) {
                char to[4096] = "";
                if (e->d_name[0] == '.' || readlinkat(dirfd(d), e->d_name, to, sizeof to - 1) < 0)
                        continue;
                bool standard = e->d_name[1] == '\0' && e->d_name[0] <= '2';
                bool own = str_starts(to, "/state") || str_starts(to, "socket:") ||
                           str_starts(to, "anon_inode:") || str_starts(to, "pipe:");
                if (!standard && !own)
                        test_failed(__FILE__, __LINE__, "%s holds %s", row->name, to);
        }
        closedir(d);
}

static void check_root(pid_t pid, const struct role_row *row)
{
        char path[64];
        proc_path(path, sizeof path, pid, "root");
        DIR *d = opendir(path);
        CHECK(d != NULL);
        for (struct dirent *e; (e = readdir(d));) {
                char word[280];
                snprintf(word, sizeof word, " %s ", e->d_name);
                if (!strstr(" . .. usr lib lib64 etc dev state paddock ", word))
                        test_failed(__FILE__, __LINE__, "%s sees /%s", row->name, e->d_name);
        }
        closedir(d);
}

static void check_role(const struct running *r, size_t i)
{
        const struct role_row *row = &role_rows[i];
        pid_t pid = r->role[i], self = getpid();
        CHECK_INT(status_field(pid, "NoNewPrivs:", 10), ==, 1);
        CHECK_INT(ns_inode(pid, "net") == ns_inode(self, "net"), ==, row->net == ROLE_NET_HOST);
        CHECK(ns_inode(pid, "mnt") != ns_inode(self, "mnt"));
        CHECK_INT(ns_inode(pid, "user") == ns_inode(self, "user"), ==, r->rootful);
        CHECK_INT(ns_inode(pid, "pid") == ns_inode(self, "pid"), ==, row->host_view);
        if (r->rootful && !row->host_view)
                CHECK_INT(status_field(pid, "Uid:", 10), ==, UID_BASE + row->uid_offset);
        if (row->host_view) /* launch has root's, or those over a user namespace of its own (above):
                             * its need, see THREATS.md */
                return;
        CHECK_INT(status_field(pid, "CapEff:", 16), ==, 0);
        CHECK_INT(status_field(pid, "CapPrm:", 16), ==, 0);
        CHECK_INT(status_field(pid, "CapBnd:", 16), ==, 0);
        check_libraries(pid, row);
        check_descriptors(pid, row);
        check_root(pid, row);
}

static void check_all(bool rootful)
{
        struct running r;
        start(&r, rootful);
        for (size_t i = 0; i < role_rows_n; i++)
                check_role(&r, i);
        stop(&r);
}

/* ---- a role that does not do its part ---- */

static bool gone(pid_t pid)
{
        auto_free char *s = proc_text(pid, "status");
        return !*s || strstr(s, "State:\tZ") || strstr(s, "State:\tX");
}

/* Stopped roles neither see that serve is gone nor can they be told. */
static void check_orphans(bool rootful)
{
        struct running r;
        start(&r, rootful);
        for (size_t i = 0; i < role_rows_n; i++)
                if (!role_rows[i].host_view && !role_rows[i].outlives_serve)
                        kill(r.role[i], SIGSTOP);
        kill(r.serve, SIGKILL);
        CHECK(waitpid(r.serve, NULL, 0) == r.serve);
        for (size_t i = 0; i < role_rows_n; i++) {
                bool keep = role_rows[i].outlives_serve;
                for (int k = 0; k < 100 && !keep && !gone(r.role[i]); k++)
                        usleep(50000);
                if (!keep && !gone(r.role[i]))
                        test_failed(__FILE__, __LINE__, "%s outlives serve", role_rows[i].name);
                CHECK(!keep || !gone(r.role[i]));
        }
        CHECK_INT(tree_remove_at(AT_FDCWD, r.dir), ==, 0);
}

/* ---- one role against another ---- */

static void no_privileges(uid_t uid)
{
        for (int cap = 0; cap < 64; cap++)
                prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
        bool done = (setgroups(0, NULL) == 0 || errno == EPERM) && setresgid(uid, uid, uid) == 0 &&
                    setresuid(uid, uid, uid) == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
        if (!done)
                _exit(100);
}

static bool can_open(const char *path, int flags)
{
        auto_close int fd = open(path, flags | O_CLOEXEC);
        return fd >= 0;
}

/* What an attacker would try on the process `to`; 0, or the number of what worked. */
static int attack(pid_t to, const char *state)
{
        char path[160], byte;
        struct iovec here = {&byte, 1}, there = {(void *)0x1000, 1};
        if (ptrace(PTRACE_ATTACH, to, NULL, NULL) == 0)
                return 1;
        proc_path(path, sizeof path, to, "mem");
        if (can_open(path, O_RDONLY))
                return 2;
        if (process_vm_readv(to, &here, 1, &there, 1, 0) >= 0 || errno == EFAULT)
                return 3; /* EFAULT: the address was bad, the access was allowed */
        int pidfd = pidfd_open(to, 0);
        if (pidfd >= 0 && pidfd_getfd(pidfd, 3, 0) >= 0)
                return 4;
        if (can_open(state, O_RDONLY | O_DIRECTORY))
                return 5;
        proc_path(path, sizeof path, to, "root/state");
        if (can_open(path, O_RDONLY | O_DIRECTORY))
                return 6;
        return 0;
}

/* Runs attack() as role `from`: with its uid, and inside its namespaces if `inside`. Landlock and
 * seccomp are left out, so that the attack must fail without them. */
static int attack_as(const struct running *r, pid_t from, pid_t to, const char *state, bool inside)
{
        uid_t uid = (uid_t)status_field(from, "Uid:", 10);
        pid_t pid = fork();
        if (pid == 0) {
                int fd = pidfd_open(from, 0);
                int all = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC |
                          (r->rootful ? 0 : CLONE_NEWUSER);
                if (inside && (fd < 0 || setns(fd, all) < 0 || chdir("/") < 0))
                        _exit(101);
                pid_t inner = fork(); /* a pid namespace is entered by children only */
                if (inner == 0) {
                        no_privileges(uid);
                        _exit(attack(to, state));
                }
                int status;
                waitpid(inner, &status, 0);
                _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 102);
        }
        int status;
        CHECK(waitpid(pid, &status, 0) == pid);
        return WIFEXITED(status) ? WEXITSTATUS(status) : 103;
}

static void attack_all(bool rootful)
{
        struct running r;
        start(&r, rootful);
        for (size_t a = 0; a < role_rows_n; a++)
                for (size_t b = 0; b < role_rows_n; b++) {
                        if (a == b || role_rows[a].host_view)
                                continue;
                        char state[160];
                        snprintf(state, sizeof state, "%s/%s", r.state, role_rows[b].name);
                        int won = attack_as(&r, r.role[a], r.role[b], state, true);
                        /* With the uid alone, outside the role's namespaces, only rootful holds. */
                        if (won == 0 && rootful)
                                won = attack_as(&r, r.role[a], r.role[b], state, false);
                        if (won)
                                test_failed(__FILE__, __LINE__, "%s on %s: attack %d",
                                            role_rows[a].name, role_rows[b].name, won);
                }
        stop(&r);
}

static void need_root(void)
{
        if (geteuid() != 0)
                SKIP("host lacks root for this test");
}

TEST(the_roles_of_a_rootful_installation_are_those_of_the_table)
{
        need_root();
        check_all(true);
}
TEST(the_roles_of_an_ordinary_user_are_those_of_the_table)
{
        need_root(); /* to look into another user's non-dumpable processes */
        check_all(false);
}
TEST(a_role_that_hangs_ends_with_serve)
{
        if (geteuid() == 0)
                check_orphans(true);
        check_orphans(false);
}
TEST(no_role_reaches_another_in_a_rootful_installation)
{
        need_root();
        attack_all(true);
}
TEST(no_role_reaches_another_in_an_ordinary_users)
{
        need_root();
        attack_all(false);
}
