/* fd.h - descriptors: whole reads and writes, small files, directories below a directory.
 * Every descriptor made here is O_CLOEXEC. */
#pragma once
#include "base/buf.h"
#include <sys/types.h>

/* All n bytes or an error; EINTR is retried. fd_read_all: -EPIPE when the end comes first. */
MUST_CHECK int fd_write_all(int fd, const void *p, size_t n);
MUST_CHECK int fd_read_all(int fd, void *p, size_t n);
/* Appends the rest of fd to b. -E2BIG past the buffer's maximum. */
MUST_CHECK int fd_slurp(int fd, struct buf *b);
/* The whole of a small file; path relative to dirfd (AT_FDCWD allowed). */
MUST_CHECK int file_read_at(int dirfd, const char *path, struct buf *b);
/* Replaces path by the bytes: temporary name, write, fsync, rename, fsync of the directory. */
MUST_CHECK int file_replace_at(int dirfd, const char *path, const void *p, size_t n, mode_t mode);
/* Writes to a file that exists (kernel files): open, one write, close. */
MUST_CHECK int file_poke_at(int dirfd, const char *path, const char *text);
/* mkdir -p of one level: 0 also when it is there already as a directory. */
MUST_CHECK int dir_ensure_at(int dirfd, const char *path, mode_t mode);
MUST_CHECK int dir_open_at(int dirfd, const char *path); /* O_DIRECTORY|O_NOFOLLOW, read */
/* Removes a tree of any depth below dirfd without following links or crossing into another mount.
 * -ENOENT is 0. */
MUST_CHECK int tree_remove_at(int dirfd, const char *path);
/* At most so many entries of it in this call; -EAGAIN: there is more. */
MUST_CHECK int tree_remove_some_at(int dirfd, const char *path, size_t most);
MUST_CHECK int fd_nonblock(int fd, bool on);
MUST_CHECK int fd_cloexec(int fd, bool on);
/* A sealed memfd that holds the bytes: content and size can no longer change. */
MUST_CHECK int memfd_sealed(const char *name, const void *p, size_t n);
/* Checks that fd is a memfd sealed against writing, growing and shrinking; its size, or negative.
 */
MUST_CHECK int64_t memfd_sealed_size(int fd);

/* One message with descriptors over a Unix socket that keeps messages apart. */
#define FD_PASS_MAX 32
MUST_CHECK int fd_send_with(int socket, const void *p, size_t n, const int *fds, size_t n_fds);
/* *n_fds: room in fds, then how many came (close-on-exec); what does not fit is closed. Returns the
 * bytes, 0 when the other end is gone; -EAGAIN unless `wait`; -EMSGSIZE: longer than size. */
MUST_CHECK ssize_t fd_recv_with(int socket, void *p, size_t size, bool wait, int *fds,
                                size_t *n_fds);
