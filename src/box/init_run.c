#include "box/init_run.h"
#include "base/fd.h"
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#define PROGRAM_FD 3
#ifndef TIOCGPTPEER
#define TIOCGPTPEER _IO('T', 0x41)
#endif

int run_read(struct run *r, int fd, struct err *err)
{
        int64_t size = memfd_sealed_size(fd);
        if (size < 8 || size > ARGS_BYTES_MAX)
                return err_set(err, -EINVAL, "command: not a sealed memfd of 8 B to 2 MiB");
        r->text = malloc((size_t)size);
        ssize_t n = -1, at = 0; /* by position: an asker may give one memfd to several */
        while (r->text && at < size && (n = pread(fd, r->text + at, (size_t)(size - at), at)) > 0)
                at += n;
        if (!r->text || at < size)
                return err_set(err, -EIO, "command: cannot be read");
        return command_parse(r->text, (size_t)size, &r->command, err);
}

void run_done(struct run *r)
{
        command_done(&r->command);
        free(r->text);
        r->text = NULL;
}

int run_terminal(struct run *r, uint32_t rows, uint32_t cols, struct err *err)
{
        struct winsize w = {.ws_row = (unsigned short)(rows ? rows : 24),
                            .ws_col = (unsigned short)(cols ? cols : 80)};
        int unlock = 0;
        auto_close int master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
        if (master < 0)
                return err_sys(err, -errno, "terminal");
        if (ioctl(master, TIOCSPTLCK, &unlock) < 0 || ioctl(master, TIOCSWINSZ, &w) < 0)
                return err_sys(err, -errno, "terminal");
        /* By the master, not by a path: whatever lies at /dev/pts, this is its other end. */
        int slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
        if (slave < 0)
                return err_sys(err, -errno, "terminal");
        r->tty = true;
        r->stdio[0] = r->stdio[1] = r->stdio[2] = slave;
        return TAKE_FD(master);
}

/* The program from its memfd, with the root it works on as its argument. */
NORETURN static void become_program(int fd)
{
        static char *argv[] = {(char *)"files", (char *)"/", NULL}, *none[] = {NULL};
        syscall(SYS_execveat, fd, "", argv, none, AT_EMPTY_PATH);
        dprintf(2, "paddock: cannot run the program: %s\n", strerror(errno));
        _exit(RUN_NOT_RUNNABLE);
}

static size_t count(char *const *list)
{
        size_t n = 0;
        while (list[n])
                n++;
        return n;
}

/* runsc WORKDIR N VARIABLE... ARGUMENT...: none of the command's variables is one of its own. */
NORETURN static void become_runsc(const struct run *r)
{
        static char *none[] = {NULL};
        char n_text[24], **env = r->command.env, **argv = r->command.argv;
        size_t n_env = count(env), n_argv = count(argv);
        char **all = calloc(3 + n_env + n_argv + 1, sizeof *all);
        snprintf(n_text, sizeof n_text, "%zu", n_env);
        if (all) {
                all[0] = (char *)"runsc";
                all[1] = (char *)r->workdir;
                all[2] = n_text;
                memcpy(all + 3, env, n_env * sizeof *env);
                memcpy(all + 3 + n_env, argv, n_argv * sizeof *argv);
                execve("/.paddock/runsc", all, none);
        }
        dprintf(2, "paddock: cannot run runsc: %s\n", strerror(errno));
        _exit(RUN_NOT_RUNNABLE);
}

void run_become(const struct run *r)
{
        sigset_t none;
        bool program = r->program >= 0;
        sigemptyset(&none);
        if (setsid() < 0 || (r->tty && ioctl(r->stdio[0], TIOCSCTTY, 0) < 0))
                _exit(RUN_NOT_RUNNABLE);
        for (int i = 0; i < 3; i++)
                if (dup2(r->stdio[i], i) < 0)
                        _exit(RUN_NOT_RUNNABLE);
        if (program && r->program != PROGRAM_FD && dup3(r->program, PROGRAM_FD, O_CLOEXEC) < 0)
                _exit(RUN_NOT_RUNNABLE);
        if (syscall(SYS_close_range, 3u + program, ~0u, 0u) < 0)
                _exit(RUN_NOT_RUNNABLE);
        umask(022);
        if (chdir(r->runsc ? "/" : r->workdir) < 0) {
                dprintf(2, "paddock: working directory '%s': %s\n", r->workdir, strerror(errno));
                _exit(RUN_NOT_RUNNABLE);
        }
        sigprocmask(SIG_SETMASK, &none, NULL);
        if (program)
                become_program(PROGRAM_FD);
        if (r->runsc)
                become_runsc(r);
        environ = r->command.env;
        execvp(r->command.argv[0], r->command.argv);
        int e = errno;
        dprintf(2, "paddock: cannot run '%s': %s\n", r->command.argv[0], strerror(e));
        _exit(e == ENOENT ? RUN_NOT_FOUND : RUN_NOT_RUNNABLE);
}
