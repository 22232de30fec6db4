/* Limits, programs and places of this machine. */
#include "cli/doctor.h"
#include "cli/server.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/str.h"
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/timex.h>
#include <time.h>

/* The whole of a small file of /proc or /etc, "" when it cannot be read. */
static void slurp(const char *path, struct buf *b)
{
        buf_init(b, 1 << 20);
        if (file_read_at(AT_FDCWD, path, b) < 0)
                buf_clear(b);
}

static bool list_has(const char *list, const char *word)
{
        size_t n = strlen(word);
        for (const char *s = list; (s = strstr(s, word)); s += n) {
                bool starts = s == list || strchr(", ", s[-1]);
                if (starts && (!s[n] || strchr(", \n", s[n])))
                        return true;
        }
        return false;
}

/* The field of a line of /proc/self/mountinfo: 5th the mount point; behind " - " the type, the
 * source and the super options (proc(5)). */
static bool mount_of(const char *line, const char *controller, char *ret, size_t size)
{
        char point[256], type[32], options[256];
        const char *dash = strstr(line, " - ");
        if (!dash || sscanf(line, "%*s %*s %*s %*s %255s", point) != 1 ||
            sscanf(dash, " - %31s %*s %255s", type, options) != 2)
                return false;
        bool v1 = str_eq(type, "cgroup") && list_has(options, controller);
        if (!v1 && !(str_eq(type, "cgroup2") && str_eq(controller, "")))
                return false;
        return str_copy(ret, size, point) == 0;
}

/* The mount point of a v1 controller, or with "" of v2. */
static bool find_mount(const char *controller, char *ret, size_t size)
{
        CLEANUP(buf_done) struct buf b = {0};
        slurp("/proc/self/mountinfo", &b);
        for (char *line = b.data, *end; line && (end = strchr(line, '\n')); line = end + 1) {
                *end = '\0';
                if (mount_of(line, controller, ret, size))
                        return true;
        }
        return false;
}

/* Our own group below the mount point: the line "N:controllers:/path" of /proc/self/cgroup. */
static void own_group(const char *controller, char *ret, size_t size)
{
        CLEANUP(buf_done) struct buf b = {0};
        slurp("/proc/self/cgroup", &b);
        snprintf(ret, size, "/");
        for (char *line = b.data, *end; line && (end = strchr(line, '\n')); line = end + 1) {
                *end = '\0';
                char *names = strchr(line, ':'), *path = names ? strchr(names + 1, ':') : NULL;
                if (!path)
                        continue;
                *path++ = '\0';
                bool ours = *controller ? list_has(names + 1, controller) : str_eq(names, ":");
                if (ours && str_copy(ret, size, path) < 0)
                        snprintf(ret, size, "/");
        }
}

/* Tries to make a group below `dir`. */
static int try_group(const char *dir)
{
        auto_free char *path = xasprintf("%s/paddock-doctor-%d", dir, (int)getpid());
        if (mkdir(path, 0755) < 0)
                return errno;
        return rmdir(path) < 0 ? errno : 0;
}

static enum finding cgroup_v1(const char *controller, const char *point, char detail[DETAIL_MAX])
{
        char group[256];
        own_group(controller, group, sizeof group);
        auto_free char *own = xasprintf("%s%s", point, str_eq(group, "/") ? "" : group);
        int e = try_group(own);
        if (e)
                e = try_group(point);
        snprintf(detail, DETAIL_MAX, "v1 at %.64s: %s", point,
                 e ? errno_text(e) : "a group could be made");
        return e ? MISSING : FOUND;
}

static enum finding cgroup_v2(const char *controller, const char *point, char detail[DETAIL_MAX])
{
        char group[256];
        CLEANUP(buf_done) struct buf b = {0};
        own_group("", group, sizeof group);
        auto_free char *own = xasprintf("%s%s", point, str_eq(group, "/") ? "" : group);
        auto_free char *list = xasprintf("%s/cgroup.controllers", own);
        slurp(list, &b);
        bool there = list_has(buf_text(&b), controller);
        int e = try_group(own);
        snprintf(detail, DETAIL_MAX, "v2 at %.64s: %s", own,
                 !there ? "this controller is not delegated to us"
                 : e    ? errno_text(e)
                        : "a group could be made");
        return there && !e ? FOUND : MISSING;
}

static enum finding cgroup(const char *controller, char detail[DETAIL_MAX])
{
        char point[256];
        if (find_mount(controller, point, sizeof point))
                return cgroup_v1(controller, point, detail);
        if (find_mount("", point, sizeof point))
                return cgroup_v2(controller, point, detail);
        snprintf(detail, DETAIL_MAX, "no cgroup file system is mounted");
        return MISSING;
}

enum finding probe_cgroup_memory(char detail[DETAIL_MAX])
{
        return cgroup("memory", detail);
}

enum finding probe_cgroup_cpu(char detail[DETAIL_MAX])
{
        return cgroup("cpu", detail);
}

enum finding probe_cgroup_pids(char detail[DETAIL_MAX])
{
        return cgroup("pids", detail);
}

static uint64_t number_in(const char *path, uint64_t otherwise)
{
        CLEANUP(buf_done) struct buf b = {0};
        uint64_t n = otherwise;
        slurp(path, &b);
        if (b.len)
                b.data[strcspn(b.data, "\n")] = '\0';
        return str_to_u64(buf_text(&b), &n) < 0 ? otherwise : n;
}

static enum finding at_least(uint64_t n, uint64_t enough, char detail[DETAIL_MAX])
{
        snprintf(detail, DETAIL_MAX, "%llu", (unsigned long long)n);
        return n >= enough ? FOUND : n ? WEAK : MISSING;
}

enum finding probe_max_user_ns(char detail[DETAIL_MAX])
{
        return at_least(number_in("/proc/sys/user/max_user_namespaces", UINT32_MAX), 1000, detail);
}

enum finding probe_pids(char detail[DETAIL_MAX])
{
        return at_least(number_in("/proc/sys/kernel/pid_max", 32768), 32768, detail);
}

enum finding probe_files(char detail[DETAIL_MAX])
{
        struct rlimit r = {0};
        if (getrlimit(RLIMIT_NOFILE, &r) < 0)
                return MISSING;
        return at_least(r.rlim_max == RLIM_INFINITY ? UINT32_MAX : r.rlim_max, 4096, detail);
}

static bool find_program(const char *program, const char *dirs, char detail[DETAIL_MAX])
{
        for (const char *s = dirs; *s;) {
                size_t n = strcspn(s, ":");
                auto_free char *path = xasprintf("%.*s/%s", (int)n, s, program);
                if (n && access(path, X_OK) == 0) {
                        snprintf(detail, DETAIL_MAX, "%s", path);
                        return true;
                }
                s += n + (s[n] == ':');
        }
        snprintf(detail, DETAIL_MAX, "not in %.128s", dirs);
        return false;
}

/* What a sandbox of image host can run: its PATH, not ours. */
static enum finding in_sandbox(const char *program, char detail[DETAIL_MAX])
{
        return find_program(program, "/usr/local/bin:/usr/bin:/bin", detail) ? FOUND : MISSING;
}

enum finding probe_pdftotext(char detail[DETAIL_MAX])
{
        return in_sandbox("pdftotext", detail);
}

enum finding probe_python(char detail[DETAIL_MAX])
{
        return in_sandbox("python3", detail);
}

enum finding probe_runsc(char detail[DETAIL_MAX])
{
        return find_program("runsc", "/usr/local/bin:/usr/bin", detail) ? FOUND : MISSING;
}

/* A file system of its own for a disk or a volume. */
enum finding probe_loop(char detail[DETAIL_MAX])
{
        if (!find_program("mkfs.ext4", "/usr/sbin", detail))
                return MISSING;
        if (geteuid() == 0 && access("/dev/loop-control", R_OK | W_OK) == 0)
                return FOUND;
        snprintf(detail, DETAIL_MAX, geteuid() == 0 ? "no /dev/loop-control" : "only for root");
        return MISSING;
}

/* The library is opened, not linked: this program needs libc alone. */
enum finding probe_fts5(char detail[DETAIL_MAX])
{
        void *lib = dlopen("libsqlite3.so.0", RTLD_NOW | RTLD_LOCAL);
        int (*used)(const char *) = NULL;
        const char *(*version)(void) = NULL;
        if (lib) {
                *(void **)&used = dlsym(lib, "sqlite3_compileoption_used");
                *(void **)&version = dlsym(lib, "sqlite3_libversion");
        }
        bool there = used && version && used("ENABLE_FTS5");
        snprintf(detail, DETAIL_MAX, "%s%s",
                 lib && version ? version() : "libsqlite3.so.0 is not there",
                 lib && !there ? ", without FTS5" : "");
        if (lib)
                dlclose(lib);
        return there ? FOUND : MISSING;
}

/* The nearest directory of the path that exists. */
static void existing_parent(char *path)
{
        struct stat st;
        while (path[1] && stat(path, &st) < 0) {
                char *slash = strrchr(path, '/');
                if (slash == path)
                        slash++;
                *slash = '\0';
        }
}

enum finding probe_disk(char detail[DETAIL_MAX])
{
        struct server own = {0};
        struct statvfs v;
        char dir[DIR_TEXT_MAX] = SYSTEM_STATE, size[24];
        if (geteuid() != 0 && server_own_dirs(&own, NULL) == 0)
                snprintf(dir, sizeof dir, "%s", own.state_dir);
        existing_parent(dir);
        if (statvfs(dir, &v) < 0) {
                snprintf(detail, DETAIL_MAX, "%.64s: %s", dir, errno_text(errno));
                return MISSING;
        }
        uint64_t bytes = (uint64_t)v.f_bavail * v.f_frsize;
        snprintf(detail, DETAIL_MAX, "%s free at %.96s", str_from_bytes(size, sizeof size, bytes),
                 dir);
        return bytes >= 1ull << 30 ? FOUND : WEAK;
}

enum finding probe_clock(char detail[DETAIL_MAX])
{
        struct timex t = {0};
        time_t now = time(NULL);
        bool sane = now > 1700000000; /* later than 2023: before it the clock was never set */
        bool synced = adjtimex(&t) != TIME_ERROR && !(t.status & STA_UNSYNC);
        snprintf(detail, DETAIL_MAX, "%s",
                 !sane    ? "is in the past"
                 : synced ? "kept by a time service"
                          : "plausible; no time service of this machine keeps it");
        return sane ? FOUND : WEAK;
}

enum finding probe_socket(char detail[DETAIL_MAX])
{
        struct server s;
        struct err err = {0};
        int r = server_locate(NULL, &s, &err);
        snprintf(detail, DETAIL_MAX, "%.159s", r < 0 ? err_text(&err) : s.socket);
        return r < 0 ? MISSING : FOUND;
}
