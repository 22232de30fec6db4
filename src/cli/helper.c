#include "cli/helper.h"
#include "base/fd.h"
#include "base/str.h"
#include "serve/serve.h"
#include <stdio.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>

NORETURN static void become(const char *path, const char *const *argv, int fd, int said,
                            enum helper_how how)
{
        if (how == HELPER_APART)
                setsid();
        if (dup2(fd, STDIN_FILENO) < 0 || dup2(fd, STDOUT_FILENO) < 0 ||
            dup2(said, STDERR_FILENO) < 0)
                _exit(127);
        execv(path, (char *const *)argv);
        _exit(127);
}

int helper_start(struct helper *h, const char *const *argv, enum helper_how how, struct err *err)
{
        char dir[4096], path[4200];
        int ends[2];
        int r = serve_libexec(dir, sizeof dir, err);
        if (r < 0)
                return r;
        snprintf(path, sizeof path, "%s/%s", dir, argv[0]);
        auto_close int said = memfd_create("said", MFD_CLOEXEC);
        if (said < 0 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
                return err_sys(err, -errno, "socketpair");
        pid_t pid = fork();
        if (pid == 0)
                become(path, argv, ends[1], said, how);
        r = -errno;
        close(ends[1]);
        if (pid < 0) {
                close(ends[0]);
                return err_sys(err, r, "fork");
        }
        *h = (struct helper){pid, ends[0], TAKE_FD(said)};
        return 0;
}

int helper_leave(struct helper *h)
{
        closep(&h->said);
        return TAKE_FD(h->fd);
}

int helper_end(struct helper *h, struct err *err)
{
        char text[256];
        int status = 0;
        auto_close int said = TAKE_FD(h->said);
        closep(&h->fd);
        h->fd = -1;
        while (waitpid(h->pid, &status, 0) < 0 && errno == EINTR)
                ;
        if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
                return 0;
        ssize_t n = pread(said, text, sizeof text - 1, 0);
        text[n < 0 ? 0 : n] = '\0';
        text[strcspn(text, "\n")] = '\0';
        const char *reason = strstr(text, ": ");
        return err_set(err, -EIO, "%s", reason ? reason + 2 : "the program for archives failed");
}
