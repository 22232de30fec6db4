#include "serve/sockets.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/limits.h"
#include "base/str.h"
#include <arpa/inet.h>
#include <fcntl.h>
#include <grp.h>
#include <netdb.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

/* mkdir -p */
static int make_dirs(const char *path, mode_t mode)
{
        char copy[4096];
        int r = str_copy(copy, sizeof copy, path);
        for (char *p = copy; r == 0 && (p = strchr(p + 1, '/'));) {
                *p = '\0';
                r = mkdir(copy, mode | 0711) < 0 && errno != EEXIST ? -errno : 0;
                *p = '/';
        }
        return r < 0 ? r : dir_ensure_at(AT_FDCWD, path, mode);
}

/* Opens a directory of ours. In one of somebody else, or one that others may write to, anything
 * could be put in the place of what we make there. */
static int open_own(int at, const char *path, struct err *err)
{
        struct stat st;
        auto_close int fd = dir_open_at(at, path);
        if (fd < 0)
                return err_sys(err, fd, "%s", path);
        if (fstat(fd, &st) < 0)
                return err_sys(err, -errno, "%s", path);
        if (st.st_uid != geteuid())
                return err_set(err, -EPERM, "directory %s belongs to user %u, not to %u", path,
                               (unsigned)st.st_uid, (unsigned)geteuid());
        if (st.st_mode & 022)
                return err_set(err, -EPERM, "directory %s may be changed by others: chmod go-w it",
                               path);
        return TAKE_FD(fd);
}

int state_lock(const char *dir, struct err *err)
{
        int r = make_dirs(dir, 0711);
        if (r < 0)
                return err_sys(err, r, "%s", dir);
        auto_close int own = open_own(AT_FDCWD, dir, err);
        if (own < 0)
                return own;
        r = dir_ensure_at(own, "run", 0711);
        if (r < 0)
                return err_sys(err, r, "%s/run", dir);
        auto_close int run = open_own(own, "run", err);
        if (run < 0)
                return err_wrap(err, run, "%s", dir);
        auto_close int fd = openat(own, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0)
                return err_sys(err, -errno, "%s/lock", dir);
        if (flock(fd, LOCK_EX | LOCK_NB) < 0)
                return err_set(err, -errno, "another paddock serve runs on %s", dir);
        return TAKE_FD(fd);
}

int state_subdir(const char *dir, const char *name, uid_t uid, struct err *err)
{
        auto_close int own = dir_open_at(AT_FDCWD, dir);
        int r = own < 0 ? own : dir_ensure_at(own, name, 0700);
        auto_close int fd = r < 0 ? -1 : dir_open_at(own, name);
        if (r == 0 && fd < 0)
                r = fd;
        if (r == 0 && (fchown(fd, uid, uid == geteuid() ? getegid() : (gid_t)uid) < 0 ||
                       fchmod(fd, 0700) < 0))
                r = -errno;
        return r < 0 ? err_sys(err, r, "%s/%s", dir, name) : 0;
}

static int unix_socket(const char *path, int type, struct sockaddr_un *a)
{
        *a = (struct sockaddr_un){.sun_family = AF_UNIX};
        int r = str_copy(a->sun_path, sizeof a->sun_path, path);
        if (r < 0)
                return -ENAMETOOLONG;
        int fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        return fd < 0 ? -errno : fd;
}

static int connect_at(const char *path, int type)
{
        struct sockaddr_un a;
        auto_close int fd = unix_socket(path, type, &a);
        if (fd < 0)
                return fd;
        if (connect(fd, (struct sockaddr *)&a, sizeof a) < 0)
                return -errno;
        return TAKE_FD(fd);
}

/* Is somebody listening there? A refused connection is what a killed serve leaves behind. */
static bool answered(const char *path, int type)
{
        struct stat st;
        if (lstat(path, &st) < 0 || !S_ISSOCK(st.st_mode))
                return false;
        auto_close int fd = connect_at(path, type);
        return fd != -ECONNREFUSED;
}

static int listen_at(const char *path, int type, struct err *err)
{
        struct sockaddr_un a;
        struct stat st;
        auto_close int fd = unix_socket(path, type, &a);
        if (fd < 0)
                return err_sys(err, fd, "socket %s", path);
        if (answered(path, type))
                return err_sys(err, -EADDRINUSE, "socket %s", path);
        if (lstat(path, &st) == 0 && S_ISSOCK(st.st_mode))
                unlink(path);
        mode_t was = umask(0177);
        int r = bind(fd, (struct sockaddr *)&a, sizeof a) < 0 || listen(fd, 1024) < 0 ? -errno : 0;
        umask(was);
        return r < 0 ? err_sys(err, r, "socket %s", path) : TAKE_FD(fd);
}

int listen_unix(const char *path, const char *group, struct err *err)
{
        char dir[SOCKET_PATH_MAX + 1];
        if (str_copy(dir, sizeof dir, path) < 0 || path[0] != '/')
                return err_set(err, -ENAMETOOLONG,
                               "socket %s: expected an absolute path of at most %d bytes", path,
                               SOCKET_PATH_MAX);
        *strrchr(dir, '/') = '\0';
        int r = *dir ? make_dirs(dir, 0711) : 0;
        if (r < 0)
                return err_sys(err, r, "%s", dir);
        /* The api of a serve that was killed may need a moment to let go of it. */
        for (int i = 0; i < 100 && answered(path, SOCK_STREAM); i++)
                clock_sleep_ms(20);
        int fd = listen_at(path, SOCK_STREAM, err);
        if (fd < 0)
                return fd;
        const struct group *g = *group ? getgrnam(group) : NULL;
        if (g && lchown(path, (uid_t)-1, g->gr_gid) == 0)
                r = fchmodat(AT_FDCWD, path, 0660, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;
        if (r < 0) {
                close(fd);
                return err_sys(err, r, "%s", path);
        }
        return fd;
}

static void vault_path(const char *path, char dst[SOCKET_PATH_MAX + 8])
{
        snprintf(dst, SOCKET_PATH_MAX + 8, "%s.vault", path);
}

int listen_vault(const char *path, struct err *err)
{
        char own[SOCKET_PATH_MAX + 8];
        vault_path(path, own);
        return listen_at(own, SOCK_SEQPACKET, err);
}

void unlink_vault(const char *path)
{
        char own[SOCKET_PATH_MAX + 8];
        vault_path(path, own);
        unlink(own);
}

/* keep's socket by way of a descriptor of its directory: sun_path is short, state directories need
 * not be. */
static int keep_path(const char *dir, char dst[64])
{
        char run[4096];
        if (snprintf(run, sizeof run, "%s/run", dir) >= (int)sizeof run)
                return -ENAMETOOLONG;
        int fd = dir_open_at(AT_FDCWD, run);
        if (fd >= 0)
                snprintf(dst, 64, "/proc/self/fd/%d/keep.sock", fd);
        return fd;
}

int listen_keep(const char *dir, struct err *err)
{
        char path[64];
        auto_close int run = keep_path(dir, path);
        if (run < 0)
                return err_sys(err, run, "%s/run", dir);
        int fd = listen_at(path, SOCK_SEQPACKET, err);
        return fd < 0 ? err_wrap(err, fd, "%s/run/keep.sock", dir) : fd;
}

int connect_keep(const char *dir)
{
        char path[64];
        auto_close int run = keep_path(dir, path);
        return run < 0 ? run : connect_at(path, SOCK_SEQPACKET);
}

static int bind_listen(const struct addrinfo *a)
{
        int one = 1;
        auto_close int fd =
                socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_TCP);
        if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) < 0 ||
            bind(fd, a->ai_addr, a->ai_addrlen) < 0 || listen(fd, 1024) < 0)
                return -errno;
        return TAKE_FD(fd);
}

int listen_tcp(const char *address, struct err *err)
{
        char host[128];
        const char *colon = strrchr(address, ':');
        if (!colon || (size_t)(colon - address) >= sizeof host)
                return err_set(err, -EINVAL, "%s: expected ADDRESS:PORT", address);
        bool brackets = address[0] == '[' && colon[-1] == ']';
        snprintf(host, sizeof host, "%.*s", (int)(colon - address) - (brackets ? 2 : 0),
                 address + brackets);
        const struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV,
                                       .ai_socktype = SOCK_STREAM};
        struct addrinfo *found;
        int e = getaddrinfo(host, colon + 1, &hints, &found);
        if (e)
                return err_set(err, -EINVAL, "%s: %s", address, gai_strerror(e));
        int fd = bind_listen(found);
        freeaddrinfo(found);
        return fd < 0 ? err_sys(err, fd, "listen on %s", address) : fd;
}

void notify_manager(const char *text)
{
        const char *path = getenv("NOTIFY_SOCKET");
        struct sockaddr_un a = {.sun_family = AF_UNIX};
        if (!path || strlen(path) >= sizeof a.sun_path)
                return;
        memcpy(a.sun_path, path, strlen(path));
        if (path[0] == '@')
                a.sun_path[0] = '\0'; /* an abstract socket */
        auto_close int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
        if (fd >= 0 && sendto(fd, text, strlen(text), MSG_NOSIGNAL, (struct sockaddr *)&a, len) < 0)
                return; /* it is told on a best-effort basis, as sd_notify(3) does */
}
