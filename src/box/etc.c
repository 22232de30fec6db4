#include "box/etc.h"
#include "base/fd.h"
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#define CACHE "/etc/ld.so.cache"

static const struct {
        const char *name, *text;
} files[] = {
        {"passwd", "root:x:0:0:root:/root:/usr/sbin/nologin\n"
                   "user:x:1000:1000:user:/work:/bin/sh\n"
                   "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n"},
        {"group", "root:x:0:\nuser:x:1000:\nnogroup:x:65534:\n"},
        {"hosts", "127.0.0.1 localhost\n::1 localhost\n"},
        {"resolv.conf", ""},
        {"nsswitch.conf", "passwd: files\ngroup: files\nhosts: files\n"},
        {"host.conf", "multi on\n"},
        {"shells", "/bin/sh\n"},
};

static int64_t cache_mtime(void)
{
        struct stat st;
        if (stat(CACHE, &st) < 0)
                return 0;
        return (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec;
}

bool etc_changed(int64_t mtime)
{
        return cache_mtime() != mtime;
}

static int put(int dir, const char *name, const void *p, size_t n, struct err *err)
{
        auto_close int fd = openat(dir, name, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0444);
        int r = fd < 0 ? -errno : fd_write_all(fd, p, n);
        return r < 0 ? err_sys(err, r, "/etc/%s", name) : 0;
}

static int copy_cache(int dir, struct err *err)
{
        CLEANUP(buf_done) struct buf b;
        buf_init(&b, 4u << 20);
        int r = file_read_at(AT_FDCWD, CACHE, &b);
        if (r == -ENOENT)
                return 0; /* a host without one: the loader searches its default directories */
        if (r < 0)
                return err_sys(err, r, CACHE);
        return put(dir, "ld.so.cache", buf_text(&b), b.len, err);
}

/* /etc/alternatives holds symbolic links only; anything else there is left out. */
static int copy_alternatives(int dir, struct err *err)
{
        auto_close int from = dir_open_at(AT_FDCWD, "/etc/alternatives");
        if (from < 0)
                return from == -ENOENT ? 0 : err_sys(err, from, "/etc/alternatives");
        auto_close int to =
                mkdirat(dir, "alternatives", 0755) < 0 ? -errno : dir_open_at(dir, "alternatives");
        if (to < 0)
                return err_sys(err, to, "alternatives");
        DIR *d = fdopendir(dup(from));
        if (!d)
                return err_sys(err, -errno, "/etc/alternatives");
        for (struct dirent *e; (e = readdir(d));) {
                char target[1024];
                ssize_t n = readlinkat(from, e->d_name, target, sizeof target - 1);
                if (n < 0)
                        continue;
                target[n] = 0;
                if (symlinkat(target, to, e->d_name) < 0)
                        continue; /* one tool less in the image */
        }
        closedir(d);
        return 0;
}

#define BUNDLE "ca-certificates.crt"

/* Whom the host trusts, for TLS through the proxy: one file, where most programs look for it. */
static int copy_certificates(int dir, struct err *err)
{
        CLEANUP(buf_done) struct buf b;
        buf_init(&b, 4u << 20);
        int r = file_read_at(AT_FDCWD, "/etc/ssl/certs/" BUNDLE, &b);
        if (r == -ENOENT)
                return 0;
        if (r < 0)
                return err_sys(err, r, BUNDLE);
        if (mkdirat(dir, "ssl", 0755) < 0 || mkdirat(dir, "ssl/certs", 0755) < 0)
                return err_sys(err, -errno, "/etc/ssl");
        r = put(dir, "ssl/certs/" BUNDLE, buf_text(&b), b.len, err);
        if (r == 0 && symlinkat("certs/" BUNDLE, dir, "ssl/cert.pem") < 0)
                r = err_sys(err, -errno, "/etc/ssl/cert.pem");
        return r;
}

int etc_fill(int dir, int64_t *ret_mtime, struct err *err)
{
        int64_t mtime = cache_mtime();
        int r = 0;
        for (size_t i = 0; i < sizeof files / sizeof files[0] && r == 0; i++)
                r = put(dir, files[i].name, files[i].text, strlen(files[i].text), err);
        if (r == 0)
                r = copy_cache(dir, err);
        if (r == 0)
                r = copy_alternatives(dir, err);
        if (r == 0)
                r = copy_certificates(dir, err);
        if (r == 0)
                *ret_mtime = mtime;
        return r;
}
