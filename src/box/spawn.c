#include "box/spawn.h"
#include "base/fd.h"
#include "box/runsc.h"
#include "box/setup.h"
#include "box/spec.h"
#include "os/ns.h"
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>

static void close_all(int *fds, size_t n)
{
        for (size_t i = 0; i < n; i++) {
                closep(&fds[i]);
                fds[i] = -1;
        }
}

void spawned_close_stdio(struct spawned *s, bool outer, bool inner)
{
        if (outer)
                close_all(s->outer, 3);
        if (inner)
                close_all(s->inner, 3);
}

int spawn_pipes(const struct box_host *h, uint32_t slot, int inner[3], int outer[3],
                struct err *err)
{
        uid_t owner = SLOT_BASE + slot * SLOT_SIZE + BOX_UID;
        for (int i = 0; i < 3; i++) {
                int p[2];
                if (pipe2(p, O_CLOEXEC) < 0)
                        return err_sys(err, -errno, "pipe");
                inner[i] = p[i == 0 ? 0 : 1];
                outer[i] = p[i == 0 ? 1 : 0];
                if (h->facts.rootful && fchown(p[0], owner, owner) < 0)
                        return err_sys(err, -errno, "owner of the pipe");
        }
        return 0;
}

/* Rootful: the sandbox's own range. An ordinary user's child writes its map itself: its /proc files
 * are not ours to open while it is not dumpable. */
static int write_maps(struct box_host *h, pid_t pid, int control, uint32_t slot, uint32_t n_slots,
                      struct err *err)
{
        struct ns_map range = {0, SLOT_BASE + slot * SLOT_SIZE, n_slots * SLOT_SIZE};
        uint32_t first = host_range(h, slot);
        char c;
        if (h->facts.rootful)
                return ns_write_maps(pid, &range, &range, false, err);
        if (!first)
                return 0;
        if (recv(control, &c, 1, 0) != 1) /* it has made its /proc files ours: setup.c */
                return err_set(err, -EIO, "the new process ended");
        return ns_write_mixed(pid, first, SLOT_SIZE, BOX_UID, h->uid, h->gid, err);
}

static int admit(struct box_host *h, struct spawned *s, uint32_t slot, uint32_t n_slots,
                 struct err *err)
{
        int r = n_slots ? write_maps(h, s->pid, s->control, slot, n_slots, err) : 0;
        if (r == 0 && send(s->control, "", 1, MSG_NOSIGNAL) != 1)
                r = err_sys(err, -errno, "the new process");
        if (r < 0)
                return r;
        r = fd_nonblock(s->control, true);
        return r < 0 ? err_sys(err, r, "control socket") : 0;
}

static void kill_child(struct spawned *s)
{
        pidfd_send_signal(s->pidfd, SIGKILL, NULL, 0);
        while (waitpid(s->pid, NULL, 0) < 0 && errno == EINTR) /* ours, unless in a template */
                ;
        closep(&s->pidfd);
}

static int fork_child(struct box_host *h, const struct launch_spec *spec, uint32_t slot,
                      const struct nest *nest, const int trees[TREE_MAX], struct spawned *s,
                      struct err *err)
{
        const uint64_t flags = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET |
                               CLONE_NEWIPC | CLONE_NEWUTS;
        CLEANUP(plan_freep) struct plan *plan = plan_new(spec, &h->facts);
        auto_close int cgroup = cgroup_open(h->cgroups, spec->id);
        int pair[2], doors[CGROUP_CONTROLLERS];
        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
                return err_sys(err, -errno, "socket pair");
        s->control = pair[0];
        auto_close int inner = pair[1];
        struct setup setup = {.plan = plan,
                              .control = inner,
                              .init = h->init,
                              .tty = spec->tty,
                              .runsc = runsc_asked(spec),
                              .rows = spec->rows,
                              .cols = spec->cols,
                              .rootful = h->facts.rootful,
                              .ranged = host_range(h, slot) != 0,
                              .uid = h->uid,
                              .gid = h->gid};
        memcpy(setup.trees, trees, sizeof setup.trees);
        int r = cgroup_doors(h->cgroups, spec->id, doors, err);
        if (r < 0)
                return r;
        memcpy(setup.doors, doors, sizeof setup.doors);
        s->pid = nest ? nest_fork(nest, flags, cgroup, setup.doors, &s->pidfd, err)
                      : ns_fork(flags, cgroup, &s->pidfd, err);
        if (s->pid == 0) {
                close(s->control); /* ours would keep theirs from ever ending */
                setup_run(&setup);
        }
        for (size_t i = 0; i < CGROUP_CONTROLLERS; i++)
                closep(&doors[i]);
        if (s->pid < 0)
                return s->pid;
        r = admit(h, s, slot, nest ? 0 : spec->profile == BOX_TEMPLATE ? TEMPLATE_SLOTS : 1, err);
        if (r < 0)
                kill_child(s);
        return r;
}

int spawn(struct box_host *h, const struct launch_spec *spec, uint32_t slot,
          const struct nest *nest, struct spawned *ret, struct err *err)
{
        struct spawned s = {0, -1, -1, {-1, -1, -1}, {-1, -1, -1}, -1};
        uint32_t more = runsc_asked(spec) ? 1 + RUNSC_PIDS : 1; /* init */
        struct cgroup_limits limits = {spec->memory_bytes, spec->pids ? spec->pids + more : 0,
                                       spec->cpu_milli};
        int trees[TREE_MAX];
        int r = cgroup_make(h->cgroups, spec->id, &limits, err);
        if (r < 0)
                return r;
        r = host_trees(h, spec, slot, trees, err);
        if (r == 0) {
                r = spec->tty ? 0 : spawn_pipes(h, slot, s.inner, s.outer, err);
                if (r == 0)
                        r = fork_child(h, spec, slot, nest, trees, &s, err);
                s.upper = r == 0 ? TAKE_FD(trees[TREE_UPPER]) : -1;
                host_close_trees(trees);
        }
        if (r == 0) {
                *ret = s;
                return 0;
        }
        spawned_close_stdio(&s, true, true);
        closep(&s.control);
        if (cgroup_remove(h->cgroups, spec->id) < 0)
                return err_wrap(err, r, "control group left behind");
        return r;
}
