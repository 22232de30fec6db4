#include "os/landlock.h"
#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

/* The build machine's headers may be older than the running kernel: what the ABI added later is
 * spelled out here (include/uapi/linux/landlock.h). */
#define FS_REFER        (1ull << 13) /* ABI 2 */
#define FS_TRUNCATE     (1ull << 14) /* ABI 3 */
#define FS_IOCTL_DEV    (1ull << 15) /* ABI 5 */
#define NET_BIND_TCP    (1ull << 0)  /* ABI 4 */
#define NET_CONNECT_TCP (1ull << 1)
#define SCOPE_ABSTRACT  (1ull << 0) /* ABI 6 */
#define SCOPE_SIGNAL    (1ull << 1)

#define FS_READ  (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define FS_EXEC  LANDLOCK_ACCESS_FS_EXECUTE
#define FS_ABI_1 ((1ull << 13) - 1)
/* Never granted: nobody behind a ruleset of ours makes device nodes. */
#define FS_NODES (LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_BLOCK)
#define FS_FILE                                                                                    \
        (LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_WRITE_FILE |                              \
         LANDLOCK_ACCESS_FS_READ_FILE | FS_TRUNCATE | FS_IOCTL_DEV)

struct ruleset_attr {
        uint64_t fs, net, scoped;
};

int landlock_abi(void)
{
        long r = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
        return r < 0 ? 0 : (int)r;
}

static uint64_t handled_fs(int abi)
{
        uint64_t fs = FS_ABI_1;
        if (abi >= 2)
                fs |= FS_REFER;
        if (abi >= 3)
                fs |= FS_TRUNCATE;
        if (abi >= 5)
                fs |= FS_IOCTL_DEV;
        return fs;
}

static int add_rule(int ruleset, const struct landlock_rule *rule, uint64_t handled,
                    struct err *err)
{
        auto_close int fd = open(rule->path, O_PATH | O_CLOEXEC);
        if (fd < 0)
                return errno == ENOENT || errno == EACCES
                               ? 0
                               : err_sys(err, -errno, "landlock: %s", rule->path);
        struct stat st;
        if (fstat(fd, &st) < 0)
                return err_sys(err, -errno, "landlock: %s", rule->path);
        uint64_t allowed = 0;
        if (rule->rights & LANDLOCK_READ)
                allowed |= FS_READ;
        if (rule->rights & LANDLOCK_EXECUTE)
                allowed |= FS_EXEC;
        if (rule->rights & LANDLOCK_WRITE)
                allowed |= handled & ~(uint64_t)(FS_READ | FS_EXEC | FS_NODES);
        allowed &= handled;
        if (!S_ISDIR(st.st_mode))
                allowed &= FS_FILE;
        if (!allowed)
                return 0;
        struct landlock_path_beneath_attr attr = {.allowed_access = allowed, .parent_fd = fd};
        if (syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &attr, 0) < 0)
                return err_sys(err, -errno, "landlock: rule for %s", rule->path);
        return 0;
}

int landlock_apply(const struct landlock_rule *rules, int flags, struct err *err)
{
        int abi = landlock_abi();
        if (abi == 0)
                return 0;
        struct ruleset_attr attr = {.fs = handled_fs(abi)};
        size_t size = sizeof attr.fs; /* an older kernel refuses a longer struct */
        if (abi >= 4) {
                size = offsetof(struct ruleset_attr, scoped);
                attr.net = flags & LANDLOCK_DENY_TCP ? NET_BIND_TCP | NET_CONNECT_TCP : 0;
        }
        if (abi >= 6) {
                size = sizeof attr;
                attr.scoped = SCOPE_ABSTRACT | (flags & LANDLOCK_FREE_SIGNALS ? 0 : SCOPE_SIGNAL);
        }
        auto_close int ruleset = (int)syscall(SYS_landlock_create_ruleset, &attr, size, 0);
        if (ruleset < 0)
                return err_sys(err, -errno, "landlock: ruleset");
        for (; rules->path; rules++) {
                int r = add_rule(ruleset, rules, attr.fs, err);
                if (r < 0)
                        return r;
        }
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
                return err_sys(err, -errno, "no_new_privs");
        if (syscall(SYS_landlock_restrict_self, ruleset, 0) < 0)
                return err_sys(err, -errno, "landlock: restrict");
        return abi;
}
