/* A space whose disk fails, or whose process dies, at every single call that changes the disk. The
 * calls below take the place of libc's in this program. After each fault the space is opened again:
 * it holds what was confirmed, or that and the change in hand, whole. */
#include "spawn.h"
#include "base/fd.h"
#include "base/str.h"
#include "rag/listing.h"
#include "rag/search.h"
#include "rag/segment/space_private.h"
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/syscall.h>

enum fault { NONE, KILL, FAIL_ONCE, FULL };

static struct shared {
        char acked[4096], maybe[4096]; /* the documents, "path path" */
        int calls, steps;
} * shared;
static enum fault fault;
static int fault_at;
static bool watching;

static bool fails(void)
{
        if (!watching)
                return false;
        int n = ++shared->calls;
        if (fault == KILL && n == fault_at)
                syscall(SYS_exit_group, 9);
        return (fault == FAIL_ONCE && n == fault_at) || (fault == FULL && n >= fault_at);
}

#define REPLACED(error, number, ...)                                                               \
        do {                                                                                       \
                if (fails()) {                                                                     \
                        errno = error;                                                             \
                        return -1;                                                                 \
                }                                                                                  \
                return syscall(number, __VA_ARGS__);                                               \
        } while (0)

int fsync(int fd)
{
        REPLACED(EIO, SYS_fsync, fd);
}
int fdatasync(int fd)
{
        REPLACED(EIO, SYS_fdatasync, fd);
}
ssize_t write(int fd, const void *p, size_t n)
{
        REPLACED(ENOSPC, SYS_write, fd, p, n);
}
/* The half of it gets through, as on a disk that is nearly full. */
ssize_t pwrite(int fd, const void *p, size_t n, off_t at)
{
        if (fails()) {
                if (n > 1)
                        return syscall(SYS_pwrite64, fd, p, n / 2, at);
                errno = ENOSPC;
                return -1;
        }
        return syscall(SYS_pwrite64, fd, p, n, at);
}
int renameat(int a, const char *from, int b, const char *to)
{
        REPLACED(ENOSPC, SYS_renameat, a, from, b, to);
}
int unlinkat(int fd, const char *path, int flags)
{
        REPLACED(EIO, SYS_unlinkat, fd, path, flags);
}

/* ---- what is done ---- */

struct script {
        struct spaces *all;
        struct space *s;
        struct gathered g;
        bool there[16];
        bool failed;
};

static void describe(const struct script *t, char *dst)
{
        *dst = '\0';
        for (int i = 0; i < 16; i++)
                if (t->there[i])
                        snprintf(dst + strlen(dst), 64, "f%02d ", i);
}

static void change(struct script *t, const int *put, int n_put, int forget)
{
        bool before[16];
        struct parse_end end = {.status = PARSE_INDEXED};
        struct err err = {0};
        memcpy(before, t->there, sizeof before);
        if (space_begin(t->s, &err) < 0) {
                t->failed = true;
                return;
        }
        int r = 0;
        for (int i = 0; i < n_put && r == 0; i++) {
                char path[8], text[64];
                snprintf(path, sizeof path, "f%02d", put[i]);
                snprintf(text, sizeof text, "word%d and everything", put[i]);
                struct passage p = {.text = slice_of(text)};
                gathered_clear(&t->g);
                CHECK_INT(gathered_add(&t->g, &p, NULL), ==, 0);
                r = space_put(t->s, path, &end, &t->g, &err);
                t->there[put[i]] = true;
        }
        char gone[8];
        snprintf(gone, sizeof gone, "f%02d", forget);
        const struct doc *d = forget < 0 ? NULL : catalog_path(space_catalog(t->s), gone);
        if (d && r == 0) {
                r = space_forget(t->s, d->id, &err);
                t->there[forget] = false;
        }
        describe(t, shared->maybe);
        r = r < 0 ? r : space_commit(t->s, &err);
        if (r < 0) {
                memcpy(t->there, before, sizeof before);
                t->failed = true;
                return;
        }
        memcpy(shared->acked, shared->maybe, sizeof shared->acked);
        shared->steps++;
}

static void tidy(struct script *t)
{
        struct err err = {0};
        int r;
        while ((r = space_tidy(t->s, &err)) > 0)
                continue;
        t->failed |= r < 0;
}

/* In a process of its own. */
static void run_script(const char *dir)
{
        static struct script t;
        struct err err = {0};
        watching = true;
        gathered_init(&t.g);
        t.all = spaces_new(dir_open_at(AT_FDCWD, dir));
        if (space_get(t.all, "s", true, &t.s, &err) < 0)
                _exit(0);
        t.s->log_long = 600;
        change(&t, (int[]){0, 1}, 2, -1);
        change(&t, (int[]){2}, 1, 0);
        for (int i = 3; i < 12 && !t.s->log.broken; i++)
                change(&t, (int[]){i}, 1, i == 7 ? 1 : -1);
        tidy(&t);
        change(&t, (int[]){3, 12}, 2, 4);
        tidy(&t);
        _exit(0);
}

/* ---- what must be true afterwards ---- */

static int add_path(void *ctx, const struct doc *d)
{
        snprintf((char *)ctx + strlen(ctx), 64, "%s ", d->path);
        return 0;
}

static void check_after(const char *dir, int at)
{
        struct spaces *all = spaces_new(dir_open_at(AT_FDCWD, dir));
        struct space *s = NULL;
        struct err err = {0};
        char text[4096] = "";
        CLEANUP(words_freep) struct words *w = words_new();
        if (space_get(all, "s", true, &s, &err) < 0)
                test_failed(__FILE__, __LINE__, "fault %d: %s", at, err_text(&err));
        CHECK_INT(list_docs(s, "", "", 100, add_path, text, NULL), ==, 0);
        if (!str_eq(text, shared->acked) && !str_eq(text, shared->maybe))
                test_failed(__FILE__, __LINE__, "fault %d: '%s', confirmed '%s', in hand '%s'", at,
                            text, shared->acked, shared->maybe);
        for (int i = 0; i < 13; i++) { /* each is found, or not, as it is listed */
                char word[16], path[8];
                CLEANUP(hits_done) struct hits h = {0};
                snprintf(word, sizeof word, "word%d", i);
                snprintf(path, sizeof path, "f%02d ", i);
                CHECK_INT(search_run(s, w, &(struct search){word, "", 10, NULL, 0}, &h, NULL), ==,
                          0);
                CHECK_INT(h.n, ==, strstr(text, path) != NULL);
        }
        CHECK_INT(space_begin(s, &err), ==, 0); /* and it goes on */
        CHECK_INT(space_commit(s, &err), ==, 0);
        space_release(s);
        spaces_free(all);
}

static int run_with(enum fault what, int at)
{
        auto_dir char *dir = temp_dir();
        int status;
        memset(shared, 0, sizeof *shared);
        pid_t pid = fork();
        if (pid == 0) {
                fault = what;
                fault_at = at;
                run_script(dir);
        }
        CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status));
        int calls = shared->calls;
        check_after(dir, at);
        return calls;
}

static void every(enum fault what)
{
        shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
                      0);
        CHECK(shared != MAP_FAILED);
        int calls = run_with(NONE, 0);
        CHECK_INT(shared->steps, ==, 12);
        CHECK_INT(calls, >, 60);
        for (int at = 1; at <= calls; at++)
                run_with(what, at);
}

TEST(space_killed_at_every_call)
{
        every(KILL);
}

TEST(space_whose_disk_fails_at_every_call)
{
        every(FAIL_ONCE);
}

TEST(space_whose_disk_is_full_from_every_call_on)
{
        every(FULL);
}
