#include "base/fd.h"
#include "base/id.h"
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/socket.h>

int fd_write_all(int fd, const void *p, size_t n)
{
        const char *s = p;
        while (n > 0) {
                ssize_t r = write(fd, s, n);
                if (r < 0 && errno == EINTR)
                        continue;
                if (r < 0)
                        return -errno;
                s += r;
                n -= (size_t)r;
        }
        return 0;
}

int fd_read_all(int fd, void *p, size_t n)
{
        char *s = p;
        while (n > 0) {
                ssize_t r = read(fd, s, n);
                if (r < 0 && errno == EINTR)
                        continue;
                if (r < 0)
                        return -errno;
                if (r == 0)
                        return -EPIPE;
                s += r;
                n -= (size_t)r;
        }
        return 0;
}

int fd_slurp(int fd, struct buf *b)
{
        for (;;) {
                char chunk[16384];
                ssize_t r = read(fd, chunk, sizeof chunk);
                if (r < 0 && errno == EINTR)
                        continue;
                if (r < 0)
                        return -errno;
                if (r == 0)
                        return 0;
                int e = buf_add(b, chunk, (size_t)r);
                if (e < 0)
                        return e;
        }
}

int file_read_at(int dirfd, const char *path, struct buf *b)
{
        auto_close int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
        if (fd < 0)
                return -errno;
        return fd_slurp(fd, b);
}

/* The directory that holds `path`, opened; *ret_base points into path. */
static int open_parent(int dirfd, const char *path, const char **ret_base)
{
        const char *slash = strrchr(path, '/');
        char parent[4096] = ".";
        if (slash && (size_t)(slash - path) >= sizeof parent)
                return -ENAMETOOLONG;
        if (slash)
                snprintf(parent, sizeof parent, "%.*s", slash == path ? 1 : (int)(slash - path),
                         path);
        int fd = openat(dirfd, parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        *ret_base = slash ? slash + 1 : path;
        return fd;
}

static int write_and_rename(int parent, const char *base, const char *tmp, const void *p, size_t n,
                            mode_t mode)
{
        auto_close int fd =
                openat(parent, tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
        if (fd < 0)
                return -errno;
        int r = fd_write_all(fd, p, n);
        if (r < 0)
                return r;
        if (fchmod(fd, mode) < 0 || fsync(fd) < 0)
                return -errno;
        if (renameat(parent, tmp, parent, base) < 0)
                return -errno;
        return fsync(parent) < 0 ? -errno : 0;
}

int file_replace_at(int dirfd, const char *path, const void *p, size_t n, mode_t mode)
{
        const char *base;
        auto_close int parent = open_parent(dirfd, path, &base);
        if (parent < 0)
                return parent;
        char tmp[64];
        snprintf(tmp, sizeof tmp, ".tmp-%s", id_new().s);
        int r = write_and_rename(parent, base, tmp, p, n, mode);
        if (r < 0)
                unlinkat(parent, tmp, 0);
        return r;
}

int file_poke_at(int dirfd, const char *path, const char *text)
{
        auto_close int fd = openat(dirfd, path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY);
        if (fd < 0)
                return -errno;
        size_t n = strlen(text);
        ssize_t r = write(fd, text, n); /* kernel files want the value in one write */
        if (r < 0)
                return -errno;
        return (size_t)r == n ? 0 : -EIO;
}

int dir_ensure_at(int dirfd, const char *path, mode_t mode)
{
        if (mkdirat(dirfd, path, mode) == 0)
                return 0;
        if (errno != EEXIST)
                return -errno;
        auto_close int fd = dir_open_at(dirfd, path);
        return fd < 0 ? fd : 0;
}

int dir_open_at(int dirfd, const char *path)
{
        int fd = openat(dirfd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        return fd < 0 ? -errno : fd;
}

#define TREE_DEPTH_MAX 32 /* open at once; what lies deeper is first moved up */

struct removal {
        int top;
        dev_t dev;
        size_t left; /* entries that may still go in this call */
        bool moved;  /* something now lies at the top that was not there before */
};

static int empty_dir(struct removal *rm, int fd, int depth);

static int remove_entry(struct removal *rm, int dir, const char *name, int depth)
{
        if (rm->left == 0)
                return -EAGAIN;
        if (unlinkat(dir, name, 0) == 0 || errno == ENOENT) {
                rm->left--;
                return 0;
        }
        if (errno != EISDIR && errno != EPERM)
                return -errno;
        if (depth == TREE_DEPTH_MAX) {
                char up[64];
                snprintf(up, sizeof up, ".deep-%s", id_new().s);
                if (renameat(dir, name, rm->top, up) < 0)
                        return -errno;
                rm->moved = true;
                return 0;
        }
        int sub = dir_open_at(dir, name);
        if (sub < 0)
                return sub;
        struct stat st;
        if (fstat(sub, &st) < 0 || st.st_dev != rm->dev) {
                close(sub);
                return -EXDEV;
        }
        int r = empty_dir(rm, sub, depth + 1);
        rm->left -= r == 0 && rm->left > 0;
        return r == 0 && unlinkat(dir, name, AT_REMOVEDIR) < 0 ? -errno : r;
}

/* Empties the directory `fd` (which it closes), as far as that goes; the last failure. */
static int empty_dir(struct removal *rm, int fd, int depth)
{
        DIR *d = fdopendir(fd);
        if (!d) {
                int e = -errno;
                close(fd);
                return e;
        }
        int result = 0;
        for (struct dirent *e; result != -EAGAIN && (e = readdir(d));) {
                if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
                        continue;
                int r = remove_entry(rm, dirfd(d), e->d_name, depth);
                if (r < 0)
                        result = r;
        }
        closedir(d);
        return result;
}

int tree_remove_some_at(int dirfd, const char *path, size_t most)
{
        if (unlinkat(dirfd, path, 0) == 0 || errno == ENOENT)
                return 0;
        auto_close int top = dir_open_at(dirfd, path);
        if (top < 0)
                return top == -ENOENT ? 0 : top;
        struct stat st;
        if (fstat(top, &st) < 0)
                return -errno;
        struct removal rm = {.top = top, .dev = st.st_dev, .left = most};
        int r = 0;
        do {
                rm.moved = false;
                int fd = dir_open_at(top, ".");
                r = fd < 0 ? fd : empty_dir(&rm, fd, 1);
        } while (rm.moved && r != -EAGAIN);
        return r == 0 && unlinkat(dirfd, path, AT_REMOVEDIR) < 0 ? -errno : r;
}

int tree_remove_at(int dirfd, const char *path)
{
        return tree_remove_some_at(dirfd, path, SIZE_MAX);
}

int fd_nonblock(int fd, bool on)
{
        int f = fcntl(fd, F_GETFL);
        if (f < 0 || fcntl(fd, F_SETFL, on ? f | O_NONBLOCK : f & ~O_NONBLOCK) < 0)
                return -errno;
        return 0;
}

int fd_cloexec(int fd, bool on)
{
        return fcntl(fd, F_SETFD, on ? FD_CLOEXEC : 0) < 0 ? -errno : 0;
}

#define ALL_SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

int memfd_sealed(const char *name, const void *p, size_t n)
{
        auto_close int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
        if (fd < 0)
                return -errno;
        int r = fd_write_all(fd, p, n);
        if (r < 0)
                return r;
        if (lseek(fd, 0, SEEK_SET) < 0 || fcntl(fd, F_ADD_SEALS, ALL_SEALS) < 0)
                return -errno;
        return TAKE_FD(fd);
}

int64_t memfd_sealed_size(int fd)
{
        int seals = fcntl(fd, F_GET_SEALS);
        if (seals < 0 || (seals & ALL_SEALS) != ALL_SEALS)
                return -EINVAL;
        struct stat st;
        if (fstat(fd, &st) < 0)
                return -errno;
        return st.st_size;
}

union passing {
        char bytes[CMSG_SPACE(FD_PASS_MAX * sizeof(int))];
        struct cmsghdr align;
};

int fd_send_with(int socket, const void *p, size_t n, const int *fds, size_t n_fds)
{
        union passing c = {{0}};
        struct iovec io = {(void *)(uintptr_t)p, n};
        struct msghdr m = {.msg_iov = &io, .msg_iovlen = 1};
        if (n_fds > FD_PASS_MAX)
                return -E2BIG;
        if (n_fds) {
                m.msg_control = c.bytes;
                m.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
                struct cmsghdr *h = CMSG_FIRSTHDR(&m);
                h->cmsg_level = SOL_SOCKET;
                h->cmsg_type = SCM_RIGHTS;
                h->cmsg_len = CMSG_LEN(n_fds * sizeof(int));
                memcpy(CMSG_DATA(h), fds, n_fds * sizeof(int));
        }
        return sendmsg(socket, &m, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

static size_t take_passed(struct msghdr *m, int *fds, size_t room)
{
        size_t taken = 0;
        for (struct cmsghdr *h = CMSG_FIRSTHDR(m); h; h = CMSG_NXTHDR(m, h)) {
                if (h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_RIGHTS)
                        continue;
                for (size_t i = 0; i < (h->cmsg_len - CMSG_LEN(0)) / sizeof(int); i++) {
                        int fd;
                        memcpy(&fd, CMSG_DATA(h) + i * sizeof(int), sizeof fd);
                        if (taken < room)
                                fds[taken++] = fd;
                        else
                                close(fd);
                }
        }
        return taken;
}

ssize_t fd_recv_with(int socket, void *p, size_t size, bool wait, int *fds, size_t *n_fds)
{
        union passing c;
        struct iovec io = {p, size};
        struct msghdr m = {.msg_iov = &io,
                           .msg_iovlen = 1,
                           .msg_control = c.bytes,
                           .msg_controllen = sizeof c.bytes};
        size_t room = *n_fds;
        ssize_t n;
        do
                n = recvmsg(socket, &m, MSG_CMSG_CLOEXEC | (wait ? 0 : MSG_DONTWAIT));
        while (n < 0 && errno == EINTR);
        *n_fds = 0;
        if (n < 0)
                return -errno;
        *n_fds = take_passed(&m, fds, room);
        return m.msg_flags & MSG_TRUNC ? -EMSGSIZE : n;
}
