#include "box/programs.h"
#include "base/fd.h"
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#define PROGRAM_BYTES_MAX (32u << 20) /* with sanitizers */

/* Copied: an upgrade replaces the file, and a deleted one cannot be mounted any more. */
static int copy_of(int dir, const char *path, const char *name, int *ret_memfd, struct err *err)
{
        auto_close int from = open(path, O_RDONLY | O_CLOEXEC);
        if (from < 0)
                return -ENOENT; /* said when it is asked for */
        CLEANUP(buf_done) struct buf b;
        buf_init(&b, PROGRAM_BYTES_MAX);
        int r = fd_slurp(from, &b);
        if (r < 0)
                return err_sys(err, r, "%s", path);
        auto_close int to = openat(dir, name, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0555);
        r = to < 0 ? -errno : fd_write_all(to, buf_text(&b), b.len);
        if (r == 0 && fchmod(to, 0555) < 0)
                r = -errno;
        if (r < 0)
                return err_sys(err, r, "copy of %s", path);
        if (ret_memfd) {
                *ret_memfd = memfd_sealed(name, buf_text(&b), b.len);
                if (*ret_memfd < 0)
                        return err_sys(err, *ret_memfd, "copy of %s", path);
                if (fchmod(*ret_memfd, 0555) < 0)
                        return err_sys(err, -errno, "copy of %s", path);
        }
        int fd = openat(dir, name, O_PATH | O_CLOEXEC);
        return fd < 0 ? err_sys(err, -errno, "copy of %s", path) : fd;
}

static void beside_us(const char *libexec, char *ret, size_t size)
{
        char self[4096];
        ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
        self[n < 0 ? 0 : n] = 0;
        char *slash = strrchr(self, '/');
        if (slash)
                *slash = 0;
        snprintf(ret, size, "%s", libexec ? libexec : self);
}

int programs_copy_warm(int dir, const char *libexec, struct err *err)
{
        static const char *const names[] = {"libwarm.so", "python.py"};
        char at[4096], path[4200];
        beside_us(libexec, at, sizeof at);
        if (mkdirat(dir, "warm", 0755) < 0 || fchmodat(dir, "warm", 0755, 0) < 0)
                return err_sys(err, -errno, "warm");
        auto_close int warm = dir_open_at(dir, "warm");
        for (size_t i = 0; i < ARRAY_LEN(names); i++) {
                snprintf(path, sizeof path, "%s/warm/%s", at, names[i]);
                auto_close int fd = copy_of(warm, path, names[i], NULL, err);
                if (fd < 0)
                        return fd == -ENOENT ? 0 : fd;
        }
        return 0;
}

int programs_copy(int dir, const char *libexec, int ret[PROGRAMS_N], int *ret_files,
                  struct err *err)
{
        static const char *const names[] = {"parse", "files", "unpack", "runsc"};
        char at[4096], path[4200];
        beside_us(libexec, at, sizeof at);
        for (size_t i = 0; i < PROGRAMS_N; i++) {
                snprintf(path, sizeof path, "%s/%s", at, names[i]);
                ret[i] = copy_of(dir, path, names[i], i == 1 ? ret_files : NULL, err);
                if (ret[i] < 0 && ret[i] != -ENOENT)
                        return ret[i];
        }
        return 0;
}
