/* What the filters of sandboxes and roles decide, written down by hand; then the kernel. That the
 * programs are the policies: test_seccomp_table.c. */
#include "box/plan.h"
#include "seccomp_bpf.h"
#include <sched.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static uint32_t decide(const char *name, int nr, uint64_t a0, uint64_t a1)
{
        const struct seccomp_filter *f = seccomp_find(name);
        CHECK(f);
        struct seccomp_data d = {.nr = nr, .arch = NATIVE, .args = {a0, a1}};
        return interpret(f, &d);
}

/* Written down by hand, so that a mistake in the policy or in its parser shows. */
TEST(what_a_sandbox_may_never_do)
{
        static const int refused[] = {SYS_mount,
                                      SYS_umount2,
                                      SYS_pivot_root,
                                      SYS_chroot,
                                      SYS_ptrace,
                                      SYS_bpf,
                                      SYS_keyctl,
                                      SYS_add_key,
                                      SYS_request_key,
                                      SYS_perf_event_open,
                                      SYS_userfaultfd,
                                      SYS_io_uring_setup,
                                      SYS_io_uring_enter,
                                      SYS_io_uring_register,
                                      SYS_setns,
                                      SYS_kexec_load,
                                      SYS_init_module,
                                      SYS_finit_module,
                                      SYS_delete_module,
                                      SYS_reboot,
                                      SYS_swapon,
                                      SYS_swapoff,
                                      SYS_acct,
                                      SYS_syslog,
                                      SYS_sethostname,
                                      SYS_settimeofday,
                                      SYS_clock_settime,
                                      SYS_adjtimex,
                                      SYS_process_vm_readv,
                                      SYS_process_vm_writev,
                                      SYS_open_by_handle_at,
                                      SYS_name_to_handle_at,
                                      SYS_fanotify_init,
                                      SYS_kcmp,
                                      SYS_quotactl,
                                      SYS_fsopen,
                                      SYS_fsconfig,
                                      SYS_fsmount,
                                      SYS_fspick,
                                      SYS_move_mount,
                                      SYS_open_tree,
                                      SYS_mount_setattr,
                                      SYS_pidfd_getfd,
                                      SYS_lookup_dcookie};
        for (size_t i = 0; i < ARRAY_LEN(refused); i++)
                for (int fill = 0; fill < 2; fill++)
                        if (decide("sandbox", refused[i], fill ? ~0ull : 0, fill ? ~0ull : 0) !=
                            (SECCOMP_RET_ERRNO | EPERM))
                                test_failed(__FILE__, __LINE__, "call %d is not refused",
                                            refused[i]);
        CHECK_INT(decide("sandbox", SYS_clone3, 0, 0), ==, SECCOMP_RET_ERRNO | ENOSYS);
        CHECK_INT(decide("sandbox", 999, 0, 0), ==, SECCOMP_RET_ERRNO | ENOSYS);
}

TEST(namespace_flags_are_refused_one_by_one)
{
        static const uint64_t flags[] = {CLONE_NEWNS,   CLONE_NEWCGROUP, CLONE_NEWUTS, CLONE_NEWIPC,
                                         CLONE_NEWUSER, CLONE_NEWPID,    CLONE_NEWNET, 0x80};
        for (size_t i = 0; i < ARRAY_LEN(flags); i++)
                for (int high = 0; high < 2; high++) {
                        uint64_t f = flags[i] | (high ? 1ull << 40 : 0);
                        CHECK_INT(decide("sandbox", SYS_clone, f | SIGCHLD, 0), ==,
                                  SECCOMP_RET_ERRNO | EPERM);
                        CHECK_INT(decide("sandbox", SYS_unshare, f, 0), ==,
                                  SECCOMP_RET_ERRNO | EPERM);
                }
        CHECK_INT(decide("sandbox", SYS_clone, SIGCHLD, 0), ==, SECCOMP_RET_ALLOW);
        CHECK_INT(decide("sandbox", SYS_clone, 0x3d0f00, 0), ==, SECCOMP_RET_ALLOW);
}

TEST(socket_families_are_three)
{
        for (uint64_t family = 0; family < 64; family++) {
                bool may = family == AF_UNIX || family == AF_INET || family == AF_INET6;
                CHECK_INT(decide("sandbox", SYS_socket, family, SOCK_STREAM), ==,
                          may ? SECCOMP_RET_ALLOW : (SECCOMP_RET_ERRNO | EPERM));
                CHECK_INT(decide("sandbox", SYS_socket, family | 1ull << 32, SOCK_RAW), ==,
                          may ? SECCOMP_RET_ALLOW : (SECCOMP_RET_ERRNO | EPERM));
        }
}

TEST(terminal_input_cannot_be_forged)
{
        static const uint64_t cmds[] = {0x5412, 0x541C, 0x5423};
        for (size_t i = 0; i < ARRAY_LEN(cmds); i++) {
                CHECK_INT(decide("sandbox", SYS_ioctl, 0, cmds[i]), ==, SECCOMP_RET_ERRNO | EPERM);
                CHECK_INT(decide("sandbox", SYS_ioctl, 0, cmds[i] | 1ull << 32), ==,
                          SECCOMP_RET_ERRNO | EPERM);
        }
        CHECK_INT(decide("sandbox", SYS_ioctl, 0, 0x5401), ==, SECCOMP_RET_ALLOW);
}

TEST(no_role_but_launch_starts_a_process_or_mounts)
{
        static const char *const roles[] = {"role-keep", "role-vault", "role-gate", "role-api",
                                            "role-rag"};
        static const int refused[] = {SYS_execve,  SYS_execveat, SYS_ptrace, SYS_mount,
                                      SYS_unshare, SYS_setns,    SYS_bpf,    SYS_clone3};
        for (size_t i = 0; i < ARRAY_LEN(roles); i++) {
                for (size_t k = 0; k < ARRAY_LEN(refused); k++)
                        CHECK_INT(decide(roles[i], refused[k], 0, 0), !=, SECCOMP_RET_ALLOW);
                CHECK_INT(decide(roles[i], SYS_clone, SIGCHLD, 0), !=, SECCOMP_RET_ALLOW);
                CHECK_INT(decide(roles[i], SYS_recvmsg, 0, 0), ==, SECCOMP_RET_ALLOW);
        }
        CHECK_INT(decide("role-keep", SYS_openat, 0, 0), !=, SECCOMP_RET_ALLOW);
        CHECK_INT(decide("role-rag", SYS_socket, AF_INET, 0), !=, SECCOMP_RET_ALLOW);
        CHECK_INT(decide("role-gate", SYS_socket, AF_INET, 0), !=, SECCOMP_RET_ALLOW);
        CHECK_INT(decide("role-api", SYS_socket, AF_PACKET, 0), !=, SECCOMP_RET_ALLOW);
        CHECK_INT(decide("role-api", SYS_clone, 0x3d0f00, 0), ==, SECCOMP_RET_ALLOW);
}

/* Runs fn under the filter in a child; its wait status. */
static int under(const char *name, int (*fn)(void))
{
        pid_t pid = fork();
        CHECK_INT(pid, >=, 0);
        if (pid == 0) {
                struct err err = {0};
                if (seccomp_install(seccomp_find(name), &err) < 0)
                        _exit(99);
                _exit(fn());
        }
        int status;
        CHECK_INT(waitpid(pid, &status, 0), ==, pid);
        return status;
}

static int try_bad_calls(void)
{
        if (syscall(SYS_unshare, CLONE_NEWUSER) != -1 || errno != EPERM)
                return 1;
        if (syscall(SYS_socket, AF_NETLINK, SOCK_RAW, 0) != -1 || errno != EPERM)
                return 2;
        if (syscall(SYS_clone3, NULL, 0) != -1 || errno != ENOSYS)
                return 3;
        return syscall(SYS_getpid) > 0 ? 0 : 4;
}

static int try_int80(void)
{
#if defined(__x86_64__)
        long r = 20; /* getpid of i386 */
        __asm__ volatile("int $0x80" : "+a"(r) : : "memory");
        return 1;
#else
        raise(SIGSYS);
        return 1;
#endif
}

TEST(the_kernel_takes_the_sandbox_filter)
{
        int status = under("sandbox", try_bad_calls);
        CHECK(WIFEXITED(status));
        CHECK_INT(WEXITSTATUS(status), ==, 0);
        status = under("sandbox", try_int80);
        CHECK(WIFSIGNALED(status));
        CHECK_INT(WTERMSIG(status), ==, SIGSYS);
}

TEST(the_kernel_takes_every_filter)
{
        for (size_t i = 0; i < seccomp_table_n; i++) {
                pid_t pid = fork();
                if (pid == 0)
                        _exit(seccomp_install(&seccomp_table[i], NULL) < 0);
                int status;
                CHECK_INT(waitpid(pid, &status, 0), ==, pid);
                CHECK_INT(status, ==, 0);
        }
        CHECK(seccomp_find("nothing") == NULL);
}

/* build.policy is a copy: the two may differ in chroot only. */
TEST(a_build_may_do_what_a_sandbox_may_and_chroot)
{
        static const uint64_t args[] = {0,      1,       2,    16,   17,         0x10000,   0x5412,
                                        0x541c, 0x20000, 1024, 1026, 0x40000000, 0xffffffff};
        for (int nr = 0; nr < 512; nr++)
                for (size_t i = 0; i < ARRAY_LEN(args) * ARRAY_LEN(args); i++) {
                        uint64_t a = args[i % ARRAY_LEN(args)], b = args[i / ARRAY_LEN(args)];
                        if (nr != SYS_chroot &&
                            decide("build", nr, a, b) != decide("sandbox", nr, a, b))
                                test_failed(__FILE__, __LINE__, "call %d differs", nr);
                }
        CHECK_INT(decide("build", SYS_chroot, 0, 0), ==, SECCOMP_RET_ALLOW);
        CHECK_INT(decide("build", SYS_mount, 0, 0), ==, SECCOMP_RET_ERRNO | EPERM);
}

TEST(a_build_that_reaches_a_proxy_has_no_datagrams)
{
        static const char *const filters[] = {"build-proxy", "sandbox-proxy"};
        for (size_t i = 0; i < ARRAY_LEN(filters); i++) {
                const char *f = filters[i];
                CHECK_INT(decide(f, SYS_socket, AF_INET, SOCK_DGRAM), ==,
                          SECCOMP_RET_ERRNO | EPERM);
                CHECK_INT(decide(f, SYS_socket, AF_INET6, SOCK_RAW), ==, SECCOMP_RET_ERRNO | EPERM);
                CHECK_INT(decide(f, SYS_socket, AF_INET, SOCK_STREAM), ==, SECCOMP_RET_ALLOW);
                CHECK_INT(decide(f, SYS_socket, AF_UNIX, SOCK_DGRAM), ==, SECCOMP_RET_ALLOW);
        }
        CHECK_INT(decide("build", SYS_socket, AF_INET, SOCK_DGRAM), ==, SECCOMP_RET_ALLOW);
        CHECK_INT(decide("build-proxy", SYS_chroot, 0, 0), ==, SECCOMP_RET_ALLOW);
        struct launch_spec s = {.profile = BOX_BUILD, .network = BOX_NET_PROXY};
        CHECK_STR(plan_filter(&s), "build-proxy");
        s.network = BOX_NET_NONE;
        CHECK_STR(plan_filter(&s), "build");
}
