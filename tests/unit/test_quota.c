/* Project quotas, on a file system that has them: ext4 in a file, made for the test. */
#include "base/fd.h"
#include "os/mount.h"
#include "os/quota.h"
#include "test.h"
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

static char dir[] = "/tmp/paddock-quota-XXXXXX";

/* Runs it; 0 where it succeeded. No shell: what is run has fixed arguments. */
static int run(const char *const *argv)
{
        int status = -1;
        pid_t pid = fork();
        if (pid == 0) {
                execvp(argv[0], (char *const *)argv);
                _exit(127);
        }
        return waitpid(pid, &status, 0) == pid ? status : -1;
}

/* A mount with project quotas at dir, or a skip. */
static int quota_fs(void)
{
        char image[64];
        if (geteuid() != 0)
                SKIP("host lacks root, who may set quotas");
        CHECK(mkdtemp(dir));
        snprintf(image, sizeof image, "%s.img", dir);
        auto_close int fd = open(image, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        CHECK_INT(fd, >=, 0);
        CHECK_INT(ftruncate(fd, 64 << 20), ==, 0);
        const char *const mkfs[] = {"mkfs.ext4",          "-q",  "-O", "project,quota", "-E",
                                    "quotatype=prjquota", image, NULL};
        const char *const mount_it[] = {"mount", "-o", "loop,prjquota", image, dir, NULL};
        bool ok = run(mkfs) == 0;
        CHECK_INT(unshare(CLONE_NEWNS), ==, 0);
        CHECK_INT(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), ==, 0);
        ok = ok && run(mount_it) == 0;
        unlink(image);
        if (!ok)
                SKIP("host lacks project quotas of ext4");
        return dir_open_at(AT_FDCWD, dir);
}

/* As another user, whom quotas hold: how many bytes went into the file. */
static long write_as_user(const char *path, long bytes)
{
        long wrote = 0;
        int status;
        pid_t pid = fork();
        if (pid == 0) {
                static char block[65536];
                int fd = setgid(54321) == 0 && setuid(54321) == 0
                                 ? open(path, O_CREAT | O_WRONLY | O_TRUNC | O_CLOEXEC, 0600)
                                 : -1;
                while (fd >= 0 && wrote < bytes && write(fd, block, sizeof block) > 0)
                        wrote += (long)sizeof block;
                _exit((int)(wrote >> 20));
        }
        CHECK_INT(waitpid(pid, &status, 0), ==, pid);
        CHECK(WIFEXITED(status));
        return WEXITSTATUS(status);
}

TEST(a_project_takes_what_it_may_and_no_more)
{
        struct err err = {0};
        char path[96];
        auto_close int top = quota_fs();
        CHECK_INT(top, >=, 0);
        CHECK(project_quota_works(top));
        CHECK_INT(mkdirat(top, "volume", 0777), ==, 0);
        CHECK_INT(fchmodat(top, "volume", 0777, 0), ==, 0);
        CHECK_INT(fchmodat(AT_FDCWD, dir, 0777, 0), ==, 0);
        auto_close int volume = dir_open_at(top, "volume");
        CHECK_INT(project_quota_set(volume, 0x70000001, 8 << 20, &err), ==, 0);
        CHECK_INT(project_take_in(volume, 0x70000001, &err), ==, 0);
        snprintf(path, sizeof path, "%s/volume/file", dir);
        long inside = write_as_user(path, 20 << 20);
        CHECK_INT(inside, >=, 6);
        CHECK_INT(inside, <=, 8);
        snprintf(path, sizeof path, "%s/beside", dir);
        CHECK_INT(write_as_user(path, 20 << 20), ==, 20);
        umount2(dir, MNT_DETACH);
        rmdir(dir);
}

TEST(a_file_system_without_them_says_so)
{
        auto_close int proc = dir_open_at(AT_FDCWD, "/proc");
        CHECK(!project_quota_works(proc));
}
