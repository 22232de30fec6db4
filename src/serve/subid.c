#include "serve/subid.h"
#include "base/fd.h"
#include "base/str.h"
#include <fcntl.h>
#include <pwd.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/wait.h>

#define FILE_MAX (1u << 20)
#define LEAST    65536 /* a smaller range is of no use to a sandbox */
#define UID_TOOL "/usr/bin/newuidmap"
#define GID_TOOL "/usr/bin/newgidmap"

struct subid subid_find(const char *text, const char *name, uint32_t id)
{
        char line[256], number[16];
        snprintf(number, sizeof number, "%u", id);
        for (; *text; text += strcspn(text, "\n"), text += *text == '\n') {
                snprintf(line, sizeof line, "%.*s", (int)strcspn(text, "\n"), text);
                char *first = strchr(line, ':'), *count = first ? strchr(first + 1, ':') : NULL;
                uint64_t a, n;
                if (!count)
                        continue;
                *first++ = *count++ = 0;
                if (!(name && str_eq(line, name)) && !str_eq(line, number))
                        continue;
                if (str_to_u64(first, &a) == 0 && str_to_u64(count, &n) == 0 && a >= 1 &&
                    n >= LEAST && a + n <= UINT32_MAX)
                        return (struct subid){(uint32_t)a, (uint32_t)n};
        }
        return (struct subid){0, 0};
}

static struct subid find_in(const char *path, const char *name, uint32_t id)
{
        CLEANUP(buf_done) struct buf b;
        buf_init(&b, FILE_MAX);
        if (file_read_at(AT_FDCWD, path, &b) < 0)
                return (struct subid){0, 0};
        return subid_find(buf_text(&b), name, id);
}

/* The tool checks the range against the file itself: it is the one with the right. */
static int run_tool(const char *tool, pid_t pid, uint32_t own, struct subid s, struct err *err)
{
        char text[5][16];
        char *argv[] = {(char *)tool, text[0], text[1], text[1], text[2],
                        text[3],      text[3], text[4], NULL};
        char *none[] = {NULL};
        pid_t child;
        int status;
        snprintf(text[0], 16, "%d", (int)pid);
        snprintf(text[1], 16, "%u", own);
        snprintf(text[2], 16, "1");
        snprintf(text[3], 16, "%u", s.first);
        snprintf(text[4], 16, "%u", s.count);
        int r = posix_spawn(&child, tool, NULL, NULL, argv, none);
        if (r != 0)
                return err_sys(err, -r, "%s", tool);
        while (waitpid(child, &status, 0) < 0)
                if (errno != EINTR)
                        return err_sys(err, -errno, "%s", tool);
        return status == 0 ? 0 : err_set(err, -EPERM, "%s did not do it", tool);
}

int subid_map(pid_t pid, struct err *err)
{
        struct passwd *pw = getpwuid(geteuid());
        const char *name = pw ? pw->pw_name : NULL;
        struct subid u = find_in("/etc/subuid", name, geteuid());
        struct subid g = find_in("/etc/subgid", name, geteuid());
        /* One number for both: a sandbox's user and group ids are the same. */
        if (!u.count || u.first != g.first || access(UID_TOOL, X_OK) < 0 ||
            access(GID_TOOL, X_OK) < 0)
                return -ENOENT;
        u.count = u.count < g.count ? u.count : g.count;
        if (run_tool(GID_TOOL, pid, getegid(), u, err) < 0)
                return -ENOENT; /* refused: nothing was written, the single id is left */
        return run_tool(UID_TOOL, pid, geteuid(), u, err);
}
