/* The compiled filters: the BPF, interpreted, against the policies as an ordered list, for every
 * system call number and the argument values at which a decision can change; then the kernel. */
#include "os/seccomp.h"
#include "os/seccomp_table.h"
#include "test.h"
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#if defined(__x86_64__)
#define NATIVE AUDIT_ARCH_X86_64
#else
#define NATIVE AUDIT_ARCH_AARCH64
#endif

/* The instructions that seccomp allows and that our compiler emits; anything else fails the test.
 */
static uint32_t interpret(const struct seccomp_filter *f, const struct seccomp_data *d)
{
        uint32_t a = 0;
        for (size_t pc = 0; pc < f->len; pc++) {
                const struct sock_filter *i = &f->program[pc];
                switch (i->code) {
                case BPF_LD | BPF_W | BPF_ABS:
                        CHECK_INT(i->k, <=, sizeof *d - 4);
                        memcpy(&a, (const char *)d + i->k, 4);
                        break;
                case BPF_JMP | BPF_JA:
                        pc += i->k;
                        break;
                case BPF_JMP | BPF_JEQ | BPF_K:
                        pc += a == i->k ? i->jt : i->jf;
                        break;
                case BPF_JMP | BPF_JGE | BPF_K:
                        pc += a >= i->k ? i->jt : i->jf;
                        break;
                case BPF_JMP | BPF_JSET | BPF_K:
                        pc += a & i->k ? i->jt : i->jf;
                        break;
                case BPF_RET | BPF_K:
                        return i->k;
                default:
                        test_failed(__FILE__, __LINE__, "instruction %zu: code %#x", pc, i->code);
                }
        }
        test_failed(__FILE__, __LINE__, "%s: ran off the end", f->name);
}

static bool holds(const struct seccomp_rule *r, const struct seccomp_data *d)
{
        for (uint32_t i = 0; i < r->n_conds; i++) {
                uint32_t v = (uint32_t)d->args[r->conds[i].arg];
                bool hit = false;
                for (uint32_t j = 0; j < r->conds[i].n_values; j++)
                        hit = hit || v == r->conds[i].values[j];
                if (r->conds[i].mask ? !(v & r->conds[i].mask) : !hit)
                        return false;
        }
        return true;
}

static uint32_t expected(const char *policy, const struct seccomp_data *d)
{
        for (size_t i = 0; i < seccomp_rules_n; i++) {
                const struct seccomp_rule *r = &seccomp_rules[i];
                if (strcmp(r->policy, policy) == 0 && (r->nr == -1 || r->nr == d->nr) &&
                    holds(r, d))
                        return r->action;
        }
        test_failed(__FILE__, __LINE__, "%s has no default", policy);
}

static void compare(const struct seccomp_filter *f, const struct seccomp_data *d)
{
        uint32_t is = interpret(f, d), should = expected(f->name, d);
        if (is != should)
                test_failed(__FILE__, __LINE__, "%s: call %d (%llx %llx): %#x, policy says %#x",
                            f->name, d->nr, d->args[0], d->args[1], is, should);
}

/* Every value named by a rule of this call, its neighbours, each single bit, and all of that with
 * the high half set, which the kernel ignores for these arguments. */
static void compare_args(const struct seccomp_filter *f, struct seccomp_data *d,
                         const struct seccomp_rule *r)
{
        for (uint32_t c = 0; c < r->n_conds; c++) {
                uint32_t arg = r->conds[c].arg;
                for (uint32_t j = 0; j < r->conds[c].n_values; j++)
                        for (int delta = -1; delta <= 1; delta++)
                                for (int high = 0; high < 2; high++) {
                                        d->args[arg] = (uint32_t)(r->conds[c].values[j] +
                                                                  (uint32_t)delta) |
                                                       (high ? 0xdeadull << 32 : 0);
                                        compare(f, d);
                                }
                for (int bit = 0; bit < 64; bit++) {
                        d->args[arg] = 1ull << bit;
                        compare(f, d);
                }
        }
}

TEST(every_program_equals_its_policy_for_every_call)
{
        CHECK_INT(seccomp_table_n, >=, 7);
        for (size_t i = 0; i < seccomp_table_n; i++) {
                const struct seccomp_filter *f = &seccomp_table[i];
                for (int nr = 0; nr < 1200; nr++) {
                        struct seccomp_data d = {.nr = nr, .arch = NATIVE};
                        compare(f, &d);
                        memset(d.args, 0xff, sizeof d.args);
                        compare(f, &d);
                }
                for (size_t k = 0; k < seccomp_rules_n; k++) {
                        const struct seccomp_rule *r = &seccomp_rules[k];
                        struct seccomp_data d = {.nr = r->nr, .arch = NATIVE};
                        if (strcmp(r->policy, f->name) == 0 && r->nr >= 0)
                                compare_args(f, &d, r);
                        memset(d.args, 0xff, sizeof d.args);
                        if (strcmp(r->policy, f->name) == 0 && r->nr >= 0)
                                compare_args(f, &d, r);
                }
        }
}

TEST(another_architecture_is_killed)
{
        static const uint32_t archs[] = {AUDIT_ARCH_I386, AUDIT_ARCH_ARM, 0, 0xffffffff};
        for (size_t i = 0; i < seccomp_table_n; i++) {
                for (size_t a = 0; a < ARRAY_LEN(archs); a++)
                        for (int nr = 0; nr < 500; nr++) {
                                struct seccomp_data d = {.nr = nr, .arch = archs[a]};
                                CHECK_INT(interpret(&seccomp_table[i], &d), ==,
                                          SECCOMP_RET_KILL_PROCESS);
                        }
                for (int nr = 0; nr < 600; nr++) { /* x32 */
                        struct seccomp_data d = {.nr = nr | 0x40000000, .arch = NATIVE};
                        CHECK_INT(interpret(&seccomp_table[i], &d), ==, SECCOMP_RET_KILL_PROCESS);
                }
        }
}

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
