#include "os/quota.h"
#include <linux/dqblk_xfs.h>
#include <linux/fs.h>
#include <linux/quota.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

#ifndef SYS_quotactl_fd
#define SYS_quotactl_fd 443 /* the same on every architecture */
#endif

static int quotactl_of(int dir, unsigned cmd, uint32_t project, void *p)
{
        long r = syscall(SYS_quotactl_fd, dir, QCMD(cmd, PRJQUOTA), project, p);
        return r < 0 ? -errno : 0;
}

bool project_quota_works(int dir)
{
        struct fs_quota_stat s = {.qs_version = FS_QSTAT_VERSION};
        /* Counted is not yet held. */
        return quotactl_of(dir, Q_XGETQSTAT, 0, &s) == 0 && s.qs_flags & FS_QUOTA_PDQ_ENFD;
}

int project_quota_set(int dir, uint32_t project, uint64_t bytes, struct err *err)
{
        struct if_dqblk q = {.dqb_bhardlimit = bytes / 1024, /* in KiB */
                             .dqb_ihardlimit = bytes / 4096 + 1024,
                             .dqb_valid = QIF_LIMITS};
        int r = quotactl_of(dir, Q_SETQUOTA, project, &q);
        return r < 0 ? err_sys(err, r, "project quota") : 0;
}

int project_take_in(int dir, uint32_t project, struct err *err)
{
        struct fsxattr a;
        if (ioctl(dir, FS_IOC_FSGETXATTR, &a) < 0)
                return err_sys(err, -errno, "project");
        a.fsx_projid = project;
        a.fsx_xflags |= FS_XFLAG_PROJINHERIT;
        return ioctl(dir, FS_IOC_FSSETXATTR, &a) < 0 ? err_sys(err, -errno, "project") : 0;
}
