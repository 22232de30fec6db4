#include "box/box.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "box/spec.h"
#include "os/caps.h"
#include "os/seccomp.h"
#include <signal.h>
#include <stdio.h>
#include <sys/pidfd.h>
#include <sys/wait.h>

#define MAKING_MS    20000 /* a start takes two milliseconds; a loaded host may be slow */
#define GROUP_TRIES  250   /* of 20 ms each, until the control group is left to the next sweep */
#define GROUP_TRY_MS 20

static void release(struct box *b);
static void ended(struct box *b);

/* ---- table ---- */

struct box *box_find(struct boxes *all, const char *id)
{
        for (struct box *b = all->first; b; b = b->next)
                if (str_eq(b->j.result.id, id))
                        return b;
        return NULL;
}

struct box *box_add(struct boxes *all, const struct journal *j)
{
        struct box *b = xcalloc(1, sizeof *b);
        b->all = all;
        b->j = *j;
        b->command = -1;
        b->s = (struct spawned){0, -1, -1, {-1, -1, -1}, {-1, -1, -1}};
        b->next = all->first;
        all->first = b;
        return b;
}

static void unwatch(struct box *b)
{
        loop_io_remove(b->control_io);
        loop_io_remove(b->pidfd_io);
        b->control_io = b->pidfd_io = NULL;
        closep(&b->s.control);
        closep(&b->s.pidfd);
        b->s.control = b->s.pidfd = -1;
}

void box_free(struct box *b)
{
        struct box **at = &b->all->first;
        while (*at != b)
                at = &(*at)->next;
        *at = b->next;
        unwatch(b);
        loop_timer_remove(b->timer);
        spawned_close_stdio(&b->s, true, true);
        closep(&b->command);
        free(b);
}

static uint32_t take_slot(struct boxes *all)
{
        for (uint32_t i = 1; i < SLOTS; i++)
                if (!all->slots[i]) {
                        all->slots[i] = true;
                        return i;
                }
        return 0;
}

static void write_journal(struct box *b)
{
        int r = journal_write(b->all->c.host->boxes, &b->j);
        if (r < 0)
                log_error("box.journal", kv("id", b->j.result.id), kv("error", errno_text(r)));
}

/* ---- keep ---- */

static void ignore_answer(void *ctx UNUSED, const struct peer_answer *a UNUSED)
{
}

void box_keep_drop(struct box *b, const char *name)
{
        struct peer *keep = b->all->c.peer(b->all->c.peer_ctx, "keep");
        struct keep_key key = {0};
        if (!keep)
                return; /* what it holds is dropped when it is found without a journal */
        snprintf(key.id, sizeof key.id, "%s", b->j.result.id);
        snprintf(key.name, sizeof key.name, "%s", name);
        peer_call(keep, KEEP_DROP, &key, NULL, 0, ignore_answer, NULL);
}

void box_keep_put(struct box *b, const char *name, const int *fds, uint32_t n, peer_answer_fn fn)
{
        struct keep_key key = {0};
        struct peer *keep = b->all->c.peer(b->all->c.peer_ctx, "keep");
        snprintf(key.id, sizeof key.id, "%s", b->j.result.id);
        snprintf(key.name, sizeof key.name, "%s", name);
        if (keep)
                peer_call(keep, KEEP_PUT, &key, fds, n, fn ? fn : ignore_answer, fn ? b : NULL);
}

/* ---- making ---- */

/* Answers the asker with the error and kills what there is; the rest happens when it is dead. */
static void fail_making(struct box *b, const struct err *err)
{
        if (b->failed)
                return;
        b->failed = true;
        if (b->rq)
                peer_fail_err(b->rq, err);
        b->rq = NULL;
        log_warn("box.failed", kv("id", b->j.result.id), kv("error", err_text(err)));
        if (b->s.pidfd >= 0)
                pidfd_send_signal(b->s.pidfd, SIGKILL, NULL, 0);
}

static void on_kept(void *ctx, const struct peer_answer *a)
{
        struct box *b = ctx;
        b->keeping--;
        if (a->status == -ECANCELED)
                return; /* launch ends */
        if (a->status < 0) {
                struct err err = {0};
                err_set(&err, -EAGAIN, "the descriptor store: %s", err_text(a->err));
                fail_making(b, &err);
        }
        if (b->s.pidfd < 0 && b->keeping == 0)
                ended(b); /* it died meanwhile */
        else if (b->hello && b->keeping == 0)
                release(b);
}

static void on_late(void *ctx)
{
        struct box *b = ctx;
        struct err err = {0};
        b->timer = NULL;
        err_set(&err, -ETIMEDOUT, "the sandbox was not ready within %d s", MAKING_MS / 1000);
        fail_making(b, &err);
}

/* What the kernel says about init, which everything inside descends from. */
static int check_enforcement(struct box *b, struct err *err)
{
        const struct box_host *h = b->all->c.host;
        struct launch_enforcement *e = &b->created.enforcement;
        struct caps_status s;
        int r = caps_read(b->s.pid, &s);
        if (r < 0)
                return err_sys(err, r, "status of the sandbox");
        e->capabilities = s.inheritable | s.permitted | s.effective | s.bounding | s.ambient;
        e->no_new_privs = s.no_new_privs;
        if (e->capabilities || !s.no_new_privs || s.seccomp != 2)
                return err_set(err, -EPERM, "the sandbox is not locked down; it was not started");
        uint32_t uid = h->facts.rootful ? SLOT_BASE + b->j.slot * SLOT_SIZE + BOX_UID : h->uid;
        if (!h->facts.rootful)
                snprintf(e->ids, sizeof e->ids, "single %u", uid);
        else
                snprintf(e->ids, sizeof e->ids, "%u+%u", SLOT_BASE + b->j.slot * SLOT_SIZE,
                         SLOT_SIZE);
        if (h->facts.rootful && s.uid != uid)
                return err_set(err, -EPERM, "the sandbox has user id %u, not %u", s.uid, uid);
        snprintf(e->seccomp, sizeof e->seccomp, "%s", seccomp_find("sandbox")->hash);
        return 0;
}

static void fill_enforcement(struct box *b, const struct launch_spec *spec)
{
        const struct box_host *h = b->all->c.host;
        struct launch_enforcement *e = &b->created.enforcement;
        snprintf(e->driver, sizeof e->driver, "ns");
        snprintf(e->namespaces, sizeof e->namespaces, "user,mount,pid,net,ipc,uts,cgroup");
        snprintf(e->cgroup, sizeof e->cgroup, "%s", cgroup_mode(h->cgroups));
        snprintf(e->network, sizeof e->network, "none");
        snprintf(e->missing, sizeof e->missing, "%s", h->missing);
        e->landlock_abi = (uint32_t)h->landlock_abi;
        e->memory_limit = cgroup_has(h->cgroups, CGROUP_MEMORY);
        e->pids_limit = cgroup_has(h->cgroups, CGROUP_PIDS);
        e->cpu_limit = spec->cpu_milli && cgroup_has(h->cgroups, CGROUP_CPU);
        e->disk_limit = 1;
}

static void prepare(struct box *b, const char *asker, const struct launch_spec *spec)
{
        struct journal *j = &b->j;
        snprintf(j->asker, sizeof j->asker, "%s", asker);
        j->result.profile = spec->profile;
        j->n_volumes = spec->n_mounts;
        for (uint32_t i = 0; i < spec->n_mounts; i++)
                memcpy(j->volumes[i].id, spec->mounts[i].volume, sizeof j->volumes[i].id);
        b->start.wall_ms = spec->wall_ms;
        snprintf(b->start.workdir, sizeof b->start.workdir, "%s",
                 spec->workdir[0] ? spec->workdir : BOX_WORKDIR);
        fill_enforcement(b, spec);
}

static int begin(struct box *b, const struct launch_spec *spec, struct err *err)
{
        struct boxes *all = b->all;
        if (!all->c.peer(all->c.peer_ctx, "keep"))
                return err_set(err, -EAGAIN, "the descriptor store is not there");
        int64_t size = memfd_sealed_size(b->command);
        if (size < 8 || size > ARGS_BYTES_MAX)
                return err_set(err, -EINVAL, "command: not a sealed memfd of 8 B to 2 MiB");
        b->j.slot = take_slot(all);
        if (!b->j.slot)
                return err_set(err, -EAGAIN, "all %d id ranges are in use", SLOTS - 1);
        int r = journal_write(all->c.host->boxes, &b->j);
        if (r < 0)
                return err_sys(err, r, "journal");
        r = spawn(all->c.host, spec, b->j.slot, &b->s, err);
        if (r < 0)
                journal_remove(all->c.host->boxes, b->j.result.id);
        return r;
}

void box_create(struct boxes *all, const char *asker, const struct launch_spec *spec, int command,
                struct peer_request *rq)
{
        struct err err = {0};
        struct journal j = {.stage = JOURNAL_MAKING};
        snprintf(j.result.id, sizeof j.result.id, "%s", spec->id);
        j.result.state = BOX_RUNNING;
        struct box *b = box_add(all, &j);
        b->received_us = clock_boot_us();
        b->command = command;
        prepare(b, asker, spec);
        if (begin(b, spec, &err) < 0) {
                log_warn("box.refused", kv("id", spec->id), kv("error", err_text(&err)));
                all->slots[b->j.slot] = false;
                box_free(b);
                peer_fail_err(rq, &err);
                return;
        }
        b->rq = rq;
        int init[2] = {b->s.control, b->s.pidfd};
        b->keeping = 1;
        box_keep_put(b, "init", init, 2, on_kept);
        /* rag has no link to keep: a restarted rag begins its work anew, and the end of its old
         * streams must be seen inside. */
        if (str_eq(asker, "api")) {
                b->keeping++;
                box_keep_put(b, "stdio", b->s.outer, 3, on_kept);
        }
        b->timer = loop_timer_add(all->c.loop, MAKING_MS, on_late, b);
        box_watch(b);
}

static int send_verb(struct box *b, uint32_t verb, uint32_t flags, const void *obj, const int *fds,
                     uint32_t n)
{
        CLEANUP(buf_done) struct buf buf;
        buf_init(&buf, 8192);
        int r = wire_encode(link_find(&init_link, verb)->req, obj, &buf, NULL);
        struct link_message m = {.verb = verb,
                                 .flags = flags,
                                 .id = flags == LINK_REQUEST,
                                 .body = {buf_text(&buf), buf.len},
                                 .n_fds = n};
        for (uint32_t i = 0; i < n; i++)
                m.fds[i] = fds[i];
        return r < 0 ? r : link_send(b->s.control, &init_link, &m);
}

/* The command may run from the moment that init gets this: the journal says so before. */
static void release(struct box *b)
{
        struct err err = {0};
        if (b->failed || b->j.stage != JOURNAL_MAKING)
                return;
        int fds[4] = {b->command, b->s.inner[0], b->s.inner[1], b->s.inner[2]};
        b->j.stage = JOURNAL_RUNNING;
        b->j.released_ms = clock_boot_ms();
        int r = journal_write(b->all->c.host->boxes, &b->j);
        if (r == 0)
                r = send_verb(b, INIT_START, LINK_REQUEST, &b->start, fds, 4);
        if (r < 0) {
                b->j.stage = JOURNAL_MAKING;
                err_sys(&err, r, "starting the command");
                fail_making(b, &err);
        }
        spawned_close_stdio(&b->s, false, true);
        closep(&b->command);
        b->command = -1;
}

static void on_started(struct box *b, const struct link_message *m)
{
        struct err err = {0};
        loop_timer_remove(b->timer);
        b->timer = NULL;
        if (m->status < 0) {
                b->j.stage = JOURNAL_MAKING;
                err_set(&err, m->status, "%.*s", (int)m->body.len, m->body.data);
                fail_making(b, &err);
                return;
        }
        b->created.start_us = clock_boot_us() - b->received_us;
        if (b->rq)
                peer_reply(b->rq, &b->created, b->s.outer, 3, false);
        b->rq = NULL;
        spawned_close_stdio(&b->s, true, false); /* the asker and keep have them */
        log_info("box.start", kv("id", b->j.result.id), kv("asker", b->j.asker),
                 kv("us", b->created.start_us));
}

/* ---- messages of init ---- */

static void on_hello(struct box *b)
{
        struct err err = {0};
        if (b->hello || b->failed)
                return;
        int r = check_enforcement(b, &err);
        if (r < 0) {
                fail_making(b, &err);
                return;
        }
        b->hello = true;
        if (b->keeping == 0)
                release(b);
}

static void on_message(struct box *b, const struct link_message *m)
{
        union {
                struct init_hello hello;
                struct init_failed failed;
                struct init_exited exited;
        } u;
        const struct link_verb *v = link_find(&init_link, m->verb);
        struct err err = {0};
        if (m->verb == INIT_START && m->flags == LINK_ANSWER) {
                on_started(b, m);
                return;
        }
        if (m->flags != LINK_EVENT || wire_decode(v->req, m->body.data, m->body.len, &u, NULL) < 0)
                return; /* from inside the sandbox: nothing to believe */
        if (m->verb == INIT_HELLO) {
                on_hello(b);
        } else if (m->verb == INIT_FAILED) {
                err_set(&err,
                        u.failed.code < 0 && u.failed.code > -4096 ? (int)u.failed.code : -EIO,
                        "%s", u.failed.text);
                fail_making(b, &err);
        } else if (m->verb == INIT_EXITED && !b->exited) {
                b->exited = true;
                b->exit = u.exited;
        }
}

static void read_control(struct box *b)
{
        while (b->control_io) {
                struct link_message m;
                int r = link_recv(b->s.control, &init_link, b->all->storage, &m);
                if (r == -EAGAIN)
                        return;
                if (r < 0) { /* the end; what follows comes from the pidfd */
                        loop_io_remove(b->control_io);
                        b->control_io = NULL;
                        return;
                }
                on_message(b, &m);
                link_close_fds(&m);
        }
}

static void control_ready(void *ctx, uint32_t events UNUSED)
{
        read_control(ctx);
}

/* ---- the end ---- */

static void try_again(void *ctx)
{
        struct box *b = ctx;
        b->timer = NULL;
        box_remove_group(b);
}

void box_remove_group(struct box *b)
{
        const struct box_host *h = b->all->c.host;
        int r = cgroup_remove(h->cgroups, b->j.result.id);
        if (r < 0 && b->tries++ < GROUP_TRIES) {
                cgroup_kill(h->cgroups, b->j.result.id);
                b->timer = loop_timer_add(b->all->c.loop, GROUP_TRY_MS, try_again, b);
                return;
        }
        if (r < 0)
                log_warn("box.cgroup", kv("id", b->j.result.id), kv("error", errno_text(r)));
        if (b->failed) {
                journal_remove(h->boxes, b->j.result.id);
                box_free(b);
        }
}

static void fill_result(struct box *b, const struct cgroup_stats *stats)
{
        static const uint32_t reasons[] = {[INIT_BY_ITSELF] = BOX_EXITED,
                                           [INIT_BY_SIGNAL] = BOX_SIGNAL,
                                           [INIT_BY_DEADLINE] = BOX_WALL,
                                           [INIT_BY_REQUEST] = BOX_KILLED};
        struct launch_result *r = &b->j.result;
        bool known =
                b->exited && b->exit.reason >= INIT_BY_ITSELF && b->exit.reason <= INIT_BY_REQUEST;
        r->cpu_us = stats->cpu_us;
        r->peak_memory_bytes = stats->peak_memory_bytes;
        if (known) {
                r->reason = reasons[b->exit.reason];
                r->exit_code = b->exit.exit_code & 0xff;
                r->signal = b->exit.signal & 0x7f;
                r->run_ms = b->exit.run_ms;
                if (r->reason == BOX_SIGNAL && r->signal == SIGKILL && stats->oom_kills)
                        r->reason = BOX_OOM;
                return;
        }
        r->run_ms = clock_boot_ms() - b->j.released_ms;
        r->signal = SIGKILL;
        if (stats->oom_kills) {
                r->reason = BOX_OOM; /* init went with the rest of the group */
        } else if (b->stopped) {
                r->reason = BOX_KILLED;
        } else {
                r->reason = BOX_LOST;
                r->signal = 0;
                snprintf(r->cause, sizeof r->cause, "init ended without a report");
        }
}

/* Everything of it is dead. */
static void ended(struct box *b)
{
        struct boxes *all = b->all;
        struct err err = {0};
        struct cgroup_stats stats;
        if (b->keeping)
                return; /* the answers of keep come back to us first */
        loop_timer_remove(b->timer);
        b->timer = NULL;
        all->slots[b->j.slot] = false;
        if (b->j.stage == JOURNAL_MAKING) {
                err_set(&err, -EIO, "init ended before it was ready");
                fail_making(b, &err);
        }
        if (b->failed) {
                box_keep_drop(b, "");
                box_remove_group(b);
                return;
        }
        cgroup_stats_read(all->c.host->cgroups, b->j.result.id, &stats);
        fill_result(b, &stats);
        b->j.stage = JOURNAL_ENDED;
        b->j.result.state = BOX_ENDED;
        write_journal(b);
        box_keep_drop(b, "init");
        struct peer *asker = all->c.peer(all->c.peer_ctx, b->j.asker);
        if (asker)
                peer_event(asker, LAUNCH_EXITED, &b->j.result, NULL, 0);
        log_info("box.end", kv("id", b->j.result.id),
                 kv("reason", launch_reason_text(b->j.result.reason)),
                 kv("exit_code", b->j.result.exit_code), kv("ms", b->j.result.run_ms));
        box_remove_group(b);
}

static void pidfd_ready(void *ctx, uint32_t events UNUSED)
{
        struct box *b = ctx;
        read_control(b);
        siginfo_t si;
        waitid(P_PIDFD, (id_t)b->s.pidfd, &si, WEXITED | WNOHANG); /* ours, unless adopted */
        unwatch(b);
        ended(b);
}

void box_watch(struct box *b)
{
        struct loop *l = b->all->c.loop;
        b->control_io = loop_io_add(l, b->s.control, EPOLLIN, control_ready, b);
        b->pidfd_io = loop_io_add(l, b->s.pidfd, EPOLLIN, pidfd_ready, b);
}

void box_lost(struct box *b, const char *cause)
{
        struct boxes *all = b->all;
        struct launch_result *r = &b->j.result;
        cgroup_kill(all->c.host->cgroups, r->id);
        r->reason = BOX_LOST;
        r->state = BOX_ENDED;
        snprintf(r->cause, sizeof r->cause, "%s", cause);
        b->j.stage = JOURNAL_ENDED;
        all->slots[b->j.slot] = false;
        write_journal(b);
        log_warn("box.lost", kv("id", r->id), kv("cause", cause));
        struct peer *asker = all->c.peer(all->c.peer_ctx, b->j.asker);
        if (asker)
                peer_event(asker, LAUNCH_EXITED, r, NULL, 0);
        box_remove_group(b);
}

/* ---- requests ---- */

int box_signal(struct box *b, uint32_t signal)
{
        struct init_signal s = {signal};
        return send_verb(b, INIT_SIGNAL, LINK_EVENT, &s, NULL, 0);
}

int box_stop(struct box *b, uint64_t grace_ms)
{
        struct init_stop s = {grace_ms};
        b->stopped = true;
        return send_verb(b, INIT_STOP, LINK_EVENT, &s, NULL, 0);
}
