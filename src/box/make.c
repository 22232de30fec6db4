/* make.c - a sandbox from CREATE to the moment its command is released. */
#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "box/ids.h"
#include "box/image.h"
#include "box/pool.h"
#include "box/quota.h"
#include "box/runsc.h"
#include "box/spec.h"
#include "box/template.h"
#include "os/caps.h"
#include "os/seccomp.h"
#include <signal.h>
#include <stdio.h>
#include <sys/pidfd.h>

#define MAKING_MS 20000 /* a start takes two milliseconds; a loaded host may be slow */

/* Answers the asker with the error and kills what there is; the rest happens when it is dead. */
void box_fail(struct box *b, const struct err *err)
{
        if (b->failed)
                return;
        b->failed = true;
        if (b->rq)
                peer_fail_err(b->rq, err);
        b->rq = NULL;
        if (!b->all->pool.closed)
                log_warn("box.failed", kv("id", b->j.result.id), kv("error", err_text(err)));
        if (b->s.pidfd >= 0)
                pidfd_send_signal(b->s.pidfd, SIGKILL, NULL, 0);
}

/* The command may run from the moment that init gets this: the journal says so before. */
static void release(struct box *b)
{
        struct err err = {0};
        if (b->failed || b->j.stage != JOURNAL_MAKING)
                return;
        uint64_t start_id;
        bool is_template = b->j.result.profile == BOX_TEMPLATE;
        int fds[4] = {b->command, is_template ? b->warm.inner : b->s.inner[0], b->s.inner[1],
                      b->s.inner[2]};
        uint32_t n_fds = b->j.parent[0] ? 0 : b->tty ? 1 : 4;
        b->start.main = (uint32_t)b->warm.inner_pid;
        b->start.orphans = is_template;
        b->j.stage = JOURNAL_RUNNING;
        b->j.released_ms = clock_boot_ms();
        int r = journal_write(b->all->c.host->boxes, &b->j);
        if (r == 0 && !str_eq(b->j.group, b->j.result.id))
                journal_remove(b->all->c.host->boxes, b->j.group); /* of the pool */
        if (r == 0)
                r = box_ask(b, INIT_START, &b->start, fds, n_fds, &start_id);
        if (r < 0) {
                b->j.stage = JOURNAL_MAKING;
                err_sys(&err, r, "starting the command");
                box_fail(b, &err);
        }
        spawned_close_stdio(&b->s, false, true);
        if (b->j.parent[0])
                return; /* the fork gets its command later */
        closep(&b->command);
        b->command = -1;
}

/* Everything that has to be there is: init or the fork, and the copies in keep. */
static void release_when_ready(struct box *b)
{
        bool main_waits = !b->j.parent[0] || b->warm.waiting;
        if (b->hello && main_waits && b->keeping == 0)
                release(b);
}

static void on_kept(void *ctx, const struct peer_answer *a)
{
        struct box *b = ctx;
        b->keeping--;
        if (a->status == -ECANCELED)
                return; /* launch ends */
        if (a->status < 0) {
                struct err err = {0};
                /* vault's word about the policy or a secret is for the asker */
                bool his = a->status == -EINVAL || a->status == -ENOENT;
                err_set(&err, his ? a->status : -EAGAIN, "%s", err_text(a->err));
                box_fail(b, &err);
        }
        if (b->s.pidfd < 0 && b->keeping == 0)
                box_ended(b); /* it died meanwhile */
        else
                release_when_ready(b);
}

/* rag has no link to keep: a restarted rag begins its work anew, and the end of its old streams must
 * be seen inside. */
static void keep_stdio(struct box *b)
{
        if (b->s.upper >= 0) { /* for a snapshot, also after a restart of ours */
                b->keeping++;
                box_keep_put(b, "upper", &b->s.upper, 1, on_kept);
                closep(&b->s.upper);
                b->s.upper = -1;
        }
        if (!str_eq(b->j.asker, "api"))
                return;
        b->keeping++;
        box_keep_put(b, "stdio", b->s.outer, box_n_outer(b), on_kept);
}

static void on_late(void *ctx)
{
        struct box *b = ctx;
        struct err err = {0};
        b->timer = NULL;
        err_set(&err, -ETIMEDOUT, "the sandbox was not ready within %d s", MAKING_MS / 1000);
        box_fail(b, &err);
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
        bool build = b->j.result.profile == BOX_BUILD && h->facts.rootful;
        bool root = build || b->j.runsc;
        uint64_t caps = b->j.runsc ? CAPS_RUNSC : build ? CAPS_BUILD : 0;
        if ((e->capabilities & ~caps) || !s.no_new_privs || s.seccomp != 2)
                return err_set(err, -EPERM, "the sandbox is not locked down; it was not started");
        uint32_t uid = SLOT_BASE + b->j.slot * SLOT_SIZE + (root ? 0 : BOX_UID);
        if (!h->facts.rootful)
                uid = h->uid;
        uint32_t first = host_range(h, b->j.slot);
        if (!h->facts.rootful && first)
                snprintf(e->ids, sizeof e->ids, "%u+%u, %d is %u", first, SLOT_SIZE, BOX_UID, uid);
        else if (!h->facts.rootful)
                snprintf(e->ids, sizeof e->ids, "single %u", uid);
        else
                snprintf(e->ids, sizeof e->ids, "%u+%u", SLOT_BASE + b->j.slot * SLOT_SIZE,
                         SLOT_SIZE);
        if (h->facts.rootful && s.uid != uid)
                return err_set(err, -EPERM, "the sandbox has user id %u, not %u", s.uid, uid);
        snprintf(e->seccomp, sizeof e->seccomp, "%s", seccomp_find(b->filter)->hash);
        return 0;
}

static void fill_enforcement(struct box *b, const struct launch_spec *spec)
{
        const struct box_host *h = b->all->c.host;
        struct launch_enforcement *e = &b->created.enforcement;
        snprintf(e->driver, sizeof e->driver, b->j.runsc ? "runsc" : "ns");
        snprintf(e->namespaces, sizeof e->namespaces, "user,mount,pid,net,ipc,uts,cgroup");
        snprintf(e->cgroup, sizeof e->cgroup, "%s", cgroup_mode(h->cgroups));
        snprintf(e->network, sizeof e->network, "%s",
                 spec->network == BOX_NET_PROXY ? "proxy" : "none");
        snprintf(e->missing, sizeof e->missing, "%s%s%s", h->missing,
                 *h->missing && b->j.runsc ? ", " : "",
                 b->j.runsc ? "landlock, allow-list of system calls" : "");
        e->landlock_abi = b->j.runsc ? 0 : (uint32_t)h->landlock_abi;
        e->memory_limit = cgroup_has(h->cgroups, CGROUP_MEMORY);
        e->pids_limit = cgroup_has(h->cgroups, CGROUP_PIDS);
        e->cpu_limit = spec->cpu_milli && cgroup_has(h->cgroups, CGROUP_CPU);
        enum image_disk disk = image_disk(h, spec);
        e->disk_limit = disk != IMAGE_DISK_WATCHED;
        snprintf(e->disk, sizeof e->disk, "%s", image_disk_text(disk));
}

static void note_gpus(struct box *b, const struct launch_spec *spec)
{
        char *to = b->created.enforcement.gpus;
        b->j.n_gpus = spec->n_gpus;
        for (uint32_t i = 0; i < spec->n_gpus; i++) {
                b->j.gpus[i] = spec->gpus[i];
                to = stpcpy(to, i ? "," : "");
                to = stpcpy(to, spec->gpus[i].device);
        }
}

/* Our own program `files` is left alone: it is also what frees room. */
static void note_quotas(struct box *b, const struct launch_spec *spec)
{
        struct quota q;
        b->j.watched_volumes = 0;
        for (uint32_t i = 0; i < spec->n_mounts && spec->profile != BOX_FILES; i++)
                if (!spec->mounts[i].read_only &&
                    quota_get(b->all->c.host, spec->mounts[i].volume, &q, NULL) == 0 &&
                    q.kind == QUOTA_WATCHED)
                        b->j.watched_volumes |= 1u << i;
}

static void prepare(struct box *b, const char *asker, const struct launch_spec *spec)
{
        struct journal *j = &b->j;
        snprintf(j->asker, sizeof j->asker, "%s", asker);
        j->result.profile = spec->profile;
        j->runsc = runsc_asked(spec);
        b->filter = plan_filter(spec);
        deliver_prepare(&b->deliver, spec);
        j->n_volumes = spec->n_mounts;
        for (uint32_t i = 0; i < spec->n_mounts; i++)
                memcpy(j->volumes[i].id, spec->mounts[i].volume, sizeof j->volumes[i].id);
        note_quotas(b, spec);
        j->init_version = init_link.version;
        b->tty = spec->tty;
        j->n_layers = spec->n_layers;
        for (uint32_t i = 0; i < spec->n_layers; i++)
                memcpy(j->layers[i].key, spec->layers[i].key, sizeof j->layers[i].key);
        note_gpus(b, spec);
        memcpy(j->parent, spec->template, sizeof j->parent);
        j->disk_bytes = spec->disk_bytes;
        j->plain = !image_rooted(spec);
        j->watched = !j->plain && image_disk(b->all->c.host, spec) == IMAGE_DISK_WATCHED;
        j->wall_ms = spec->wall_ms;
        j->idle_ms = spec->idle_ms;
        j->freeze_ms = spec->freeze_ms;
        j->cpu_ms = spec->cpu_ms;
        b->start.wall_ms = spec->wall_ms;
        snprintf(b->start.workdir, sizeof b->start.workdir, "%s",
                 spec->workdir[0] ? spec->workdir : BOX_WORKDIR);
        b->start.n_writable = plan_writable(spec, b->start.writable);
        fill_enforcement(b, spec);
}

/* A template and what is forked from one have a socket for the messages of warm/messages.h. */
static int open_warm(struct box *b, struct err *err)
{
        bool rootful = b->all->c.host->facts.rootful;
        if (b->j.result.profile != BOX_TEMPLATE && !b->j.parent[0])
                return 0;
        if (!rootful)
                return err_set(err, -ENOTSUP, "templates need the id ranges that only root has");
        return warm_open(&b->warm, SLOT_BASE + b->j.slot * SLOT_SIZE + BOX_UID, rootful, err);
}

static int spawn_in(struct box *b, const struct launch_spec *spec, struct err *err)
{
        struct box *t;
        struct nest n;
        if (!b->j.parent[0])
                return spawn(b->all->c.host, spec, b->j.slot, NULL, &b->s, err);
        int r = template_find(b->all, b->j.parent, NULL, &t, err);
        if (r == 0)
                r = template_nest(t, b->j.slot, &n, err);
        if (r < 0)
                return r;
        r = spawn(b->all->c.host, spec, b->j.slot, &n, &b->s, err);
        template_nest_close(&n);
        return r;
}

static int begin(struct box *b, const struct launch_spec *spec, struct err *err)
{
        struct boxes *all = b->all;
        int r = reach_prepare(&b->reach, spec, err);
        if (r == 0)
                r = ids_take(b, err);
        if (r == 0)
                r = open_warm(b, err);
        if (r < 0)
                return r;
        r = journal_write(all->c.host->boxes, &b->j);
        if (r < 0) {
                journal_remove(all->c.host->boxes, b->j.result.id); /* made, but not whole */
                return err_sys(err, r, "journal");
        }
        r = spawn_in(b, spec, err);
        if (r < 0)
                journal_remove(all->c.host->boxes, b->j.result.id);
        return r;
}

/* A child on its way, or NULL and nothing of it. */
static struct box *make(struct boxes *all, const char *asker, const struct launch_spec *spec,
                        struct err *err)
{
        struct journal j = {.stage = JOURNAL_MAKING, .result.state = BOX_RUNNING};
        snprintf(j.result.id, sizeof j.result.id, "%s", spec->id);
        struct box *b = box_add(all, &j);
        prepare(b, asker, spec);
        if (begin(b, spec, err) == 0) {
                b->timer = loop_timer_add(all->c.loop, MAKING_MS, on_late, b);
                box_watch(b);
                return b;
        }
        image_discard(all->c.host, spec->id);
        ids_give(b);
        box_free(b);
        return NULL;
}

int box_make_ahead(struct boxes *all, struct pool_kind *kind, struct err *err)
{
        struct box *b = make(all, "", &kind->spec, err);
        if (!b)
                return err->code;
        b->spare = true;
        b->kind = kind;
        return 0;
}

static int check_request(struct boxes *all, const char *asker, const struct launch_spec *spec,
                         int command, struct err *err)
{
        if (!all->c.peer(all->c.peer_ctx, "keep"))
                return err_set(err, -EAGAIN, "the descriptor store is not there");
        if (spec->cpu_ms && !cgroup_accounts_cpu(all->c.host->cgroups))
                return err_set(err, -ENOTSUP, "cpu_ms: this host does not say what time it took");
        struct box *t;
        int r = runsc_check(all->c.host, spec, err);
        if (r < 0)
                return r;
        r = spec->template[0] ? template_find(all, spec->template, asker, &t, err) : 0;
        if (r < 0)
                return r;
        int64_t size = memfd_sealed_size(command);
        if (size < 8 || size > ARGS_BYTES_MAX)
                return err_set(err, -EINVAL, "command: not a sealed memfd of 8 B to 2 MiB");
        return 0;
}

static bool gpu_in_use(void *ctx, const char *name)
{
        const struct boxes *all = ctx;
        for (const struct box *b = all->first; b; b = b->next)
                for (uint32_t i = 0; b->j.stage != JOURNAL_ENDED && i < b->j.n_gpus; i++)
                        if (str_eq(b->j.gpus[i].device, name))
                                return true;
        return false;
}

/* Which devices "any" and "all" are. */
static int choose_gpus(struct boxes *all, const struct launch_spec **spec,
                       struct launch_spec **ret_chosen, struct err *err)
{
        if (!(*spec)->n_gpus)
                return 0;
        *ret_chosen = xmalloc(sizeof **ret_chosen);
        **ret_chosen = **spec;
        *spec = *ret_chosen;
        return gpu_choose(&all->c.host->gpus, *ret_chosen, gpu_in_use, all, err);
}

void box_create(struct boxes *all, const char *asker, const struct launch_spec *spec, int command,
                struct peer_request *rq)
{
        struct err err = {0};
        uint64_t received_us = clock_boot_us();
        auto_close int given = command;
        auto_free struct launch_spec *chosen = NULL;
        struct box *b = NULL;
        if (check_request(all, asker, spec, command, &err) == 0 &&
            choose_gpus(all, &spec, &chosen, &err) == 0)
                b = pool_take(all, spec, &err);
        if (b)
                prepare(b, asker, spec);
        else if (!err.code)
                b = make(all, asker, spec, &err);
        if (!b) {
                log_warn("box.refused", kv("id", spec->id), kv("error", err_text(&err)));
                peer_fail_err(rq, &err);
                return;
        }
        b->received_us = received_us;
        b->command = TAKE_FD(given);
        b->rq = rq;
        b->keeping = 1;
        box_keep_init(b, on_kept);
        if (!b->timer) /* one of the pool */
                b->timer = loop_timer_add(all->c.loop, MAKING_MS, on_late, b);
        if (!b->tty)
                keep_stdio(b);
        if (spec->profile == BOX_TEMPLATE) {
                b->keeping++;
                box_keep_put(b, "warm", &b->warm.socket, 1, on_kept);
        }
        snprintf(b->created.enforcement.start, sizeof b->created.enforcement.start, "%s",
                 spec->template[0] ? "forked"
                 : b->hello        ? "ahead"
                                   : "cold");
        if (b->hello && pool_change(b, spec, &err) < 0) /* while keep stores */
                box_fail(b, &err);
        pool_wanted(all, spec);
}

static int take_master(struct box *b, struct link_message *m, struct err *err)
{
        if (!b->tty || m->n_fds != 1)
                return b->tty ? err_set(err, -EPROTO, "init gave no terminal") : 0;
        int r = box_check_master(m->fds[0], err);
        if (r == 0) {
                b->s.outer[0] = TAKE_FD(m->fds[0]);
                keep_stdio(b);
        }
        return r;
}

void box_made(struct box *b)
{
        if (!b->spare) {
                release_when_ready(b);
                return;
        }
        loop_timer_remove(b->timer);
        b->timer = NULL;
        pool_ready(b);
}

void box_hello(struct box *b, struct link_message *m)
{
        struct err err = {0};
        if (b->hello || b->failed)
                return;
        int r = check_enforcement(b, &err);
        if (r == 0)
                r = take_master(b, m, &err);
        if (r == 0)
                r = reach_open(b, on_kept, &err);
        if (r < 0) {
                box_fail(b, &err);
                return;
        }
        b->keeping += (uint32_t)r;
        r = deliver_all(b, on_kept, &err);
        if (r < 0) {
                box_fail(b, &err);
                return;
        }
        b->keeping += (uint32_t)r;
        b->hello = true;
        if (b->j.parent[0])
                template_fork(b);
        else
                box_made(b);
}

static void answer(struct box *b)
{
        loop_timer_remove(b->timer);
        b->timer = NULL;
        b->created.start_us = clock_boot_us() - b->received_us;
        b->j.result.start_us = b->created.start_us;
        if (b->rq)
                peer_reply(b->rq, &b->created, b->s.outer, box_n_outer(b), false);
        b->rq = NULL;
        spawned_close_stdio(&b->s, true, false); /* the asker and keep have them */
        log_info("box.start", kv("id", b->j.result.id), kv("asker", b->j.asker),
                 kv("us", b->created.start_us));
}

void box_started(struct box *b, const struct link_message *m)
{
        struct err err = {0};
        if (m->status < 0) {
                b->j.stage = JOURNAL_MAKING;
                err_set(&err, m->status, "%.*s", (int)m->body.len, m->body.data);
                box_fail(b, &err);
                return;
        }
        box_watch_limits(b, false);
        box_watch_disk(b->all);
        if (b->j.result.profile == BOX_TEMPLATE)
                template_started(b);
        if (!b->j.parent[0])
                answer(b);
        else if (template_go(b, &err) < 0)
                box_fail(b, &err);
}

void box_gone(struct box *b)
{
        closep(&b->command);
        b->command = -1;
        answer(b);
}
