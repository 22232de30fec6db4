#include "api/box.h"
#include "api/egress.h"
#include "api/handlers.h"
#include "api/job_json.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/id.h"
#include "base/mem.h"
#include "base/str.h"
#include <fcntl.h>
#include <signal.h>

#define GRACE_DEFAULT_MS 5000

/* ---- POST: from JSON to a specification and a command ---- */

static void put_u32(char *p, uint32_t v)
{
        for (int i = 0; i < 4; i++)
                p[i] = (char)(v >> (8 * i));
}

static int add_env(struct buf *b, const json_t *env, uint32_t *ret_n, struct err *err)
{
        const char *key;
        json_t *v;
        uint32_t n = 0;
        json_object_foreach((json_t *)env, key, v)
        {
                if (!*key || strchr(key, '='))
                        return err_set(err, -EINVAL, "env: '%.64s' is no name of a variable", key);
                int r = buf_addf(b, "%s=%s", key, json_string_value(v));
                if (r == 0)
                        r = buf_add(b, "", 1);
                if (r < 0)
                        return err_set(err, -EINVAL, "env: argv and env are longer than %u bytes",
                                       ARGS_BYTES_MAX);
                n++;
        }
        *ret_n = n;
        return n <= ARGS_COUNT_MAX ? 0 : err_set(err, -EINVAL, "env: more than %d", ARGS_COUNT_MAX);
}

/* The sealed memfd that init gets: see link/launch.h. */
static int command_of(const json_t *body, struct err *err)
{
        CLEANUP(buf_done) struct buf b;
        buf_init(&b, ARGS_BYTES_MAX);
        const json_t *argv = json_object_get(body, "argv");
        size_t i, argc = json_array_size(argv);
        uint32_t envc = 0;
        json_t *item;
        if (argc == 0 || argc > ARGS_COUNT_MAX)
                return err_set(err, -EINVAL, "argv: 1 to %d strings are needed", ARGS_COUNT_MAX);
        int r = buf_add(&b, "\0\0\0\0\0\0\0\0", 8);
        json_array_foreach(argv, i, item)
        {
                const char *s = json_string_value(item);
                r = r < 0 ? r : buf_add(&b, s, strlen(s) + 1);
        }
        if (r < 0)
                return err_set(err, -EINVAL, "argv: longer than %u bytes", ARGS_BYTES_MAX);
        if (b.data[8] == '\0')
                return err_set(err, -EINVAL, "argv: the program has no name");
        r = add_env(&b, json_object_get(body, "env"), &envc, err);
        if (r < 0)
                return r;
        put_u32(b.data, (uint32_t)argc);
        put_u32(b.data + 4, envc);
        int fd = memfd_sealed("command", b.data, b.len);
        return fd < 0 ? err_sys(err, fd, "command") : fd;
}

static int read_mount(struct call *c, const json_t *o, struct launch_mount *m, struct err *err)
{
        char name[NAME_TEXT_MAX + 1];
        struct volume v;
        bool read_only = false;
        int r = json_read_str(o, "volume", JSON_REQUIRED, name, sizeof name, err);
        if (r >= 0)
                r = json_read_str(o, "target", JSON_REQUIRED, m->target, sizeof m->target, err);
        if (r >= 0)
                r = json_read_str(o, "subpath", JSON_OPTIONAL, m->subpath, sizeof m->subpath, err);
        if (r >= 0)
                r = json_read_bool(o, "read_only", JSON_OPTIONAL, &read_only, err);
        if (r < 0)
                return r;
        if (m->target[0] != '/' || !str_is_subpath(m->target + 1))
                return err_set(err, -EINVAL, "target: '%.64s' is not an absolute path", m->target);
        if (m->subpath[0] && !str_is_subpath(m->subpath))
                return err_set(err, -EINVAL, "subpath: not a path below the volume");
        r = volumes_find(c->api->db, c->who.user.id, name, &v, err);
        if (r < 0)
                return r;
        memcpy(m->volume, v.id, sizeof m->volume);
        m->read_only = read_only;
        return 0;
}

static int read_mounts(struct call *c, struct launch_spec *s, struct err *err)
{
        size_t i;
        json_t *item, *list = json_object_get(c->body, "volumes");
        if (json_array_size(list) > BOX_VOLUMES_MAX)
                return err_set(err, -EINVAL, "volumes: more than %d", BOX_VOLUMES_MAX);
        json_array_foreach(list, i, item)
        {
                int r = read_mount(c, item, &s->mounts[i], err);
                if (r < 0)
                        return err_wrap(err, r, "volumes[%zu]", i);
                s->n_mounts++;
        }
        return 0;
}

/* A limit: what was asked for, else the configured default; below the configured maximum. */
static int read_limit(struct call *c, const char *key, const char *setting, const char *max_setting,
                      uint64_t min, uint64_t max, uint64_t *ret, struct err *err)
{
        uint64_t most = max_setting ? api_setting_u64(c->api, max_setting) : 0;
        *ret = api_setting_u64(c->api, setting);
        if (most && most < max)
                max = most;
        if (*ret > max)
                *ret = max;
        int r = json_read_u64(c->body, key, JSON_OPTIONAL, min, max, ret, err);
        if (r >= 0 && most && *ret == 0) /* "no limit" is more than the maximum, too */
                *ret = most;
        return r < 0 ? r : 0;
}

static int read_limits(struct call *c, struct launch_spec *s, struct err *err)
{
        uint64_t cpu, pids;
        int r = read_limit(c, "memory_bytes", "sandbox.memory_default", "sandbox.memory_max",
                           4u << 20, 1ull << 44, &s->memory_bytes, err);
        if (r == 0)
                r = read_limit(c, "cpu_milli", "sandbox.cpu_default", NULL, 0, 4096000, &cpu, err);
        if (r == 0)
                r = read_limit(c, "pids", "sandbox.pids_default", NULL, 1, 4194304, &pids, err);
        if (r == 0)
                r = read_limit(c, "disk_bytes", "sandbox.disk_default", NULL, 1u << 20, 1ull << 44,
                               &s->disk_bytes, err);
        if (r == 0)
                r = read_limit(c, "timeout_ms", "sandbox.timeout_default", "sandbox.timeout_max", 0,
                               365ull * 86400000, &s->wall_ms, err);
        if (r < 0)
                return r;
        s->cpu_milli = (uint32_t)cpu;
        s->pids = (uint32_t)pids;
        return 0;
}

static int read_spec(struct call *c, struct launch_spec *s, char name[NAME_TEXT_MAX + 1],
                     struct err *err)
{
        s->profile = BOX_RUN;
        snprintf(s->image, sizeof s->image, "host");
        name[0] = '\0';
        int r = json_read_str(c->body, "name", JSON_OPTIONAL, name, NAME_TEXT_MAX + 1, err);
        if (r > 0 && !str_is_name(name))
                return err_set(err, -EINVAL, "name: 1 to 63 of a-z, 0-9 and -, not at its ends");
        if (r >= 0)
                r = json_read_str(c->body, "image", JSON_OPTIONAL, s->image, sizeof s->image, err);
        if (r >= 0 && !str_is_name(s->image))
                return err_set(err, -EINVAL, "image: not a name");
        if (r >= 0)
                r = json_read_str(c->body, "workdir", JSON_OPTIONAL, s->workdir, sizeof s->workdir,
                                  err);
        if (r > 0 && s->workdir[0] && !str_eq(s->workdir, "/") &&
            (s->workdir[0] != '/' || !str_is_subpath(s->workdir + 1)))
                return err_set(err, -EINVAL, "workdir: not an absolute path");
        snprintf(s->hostname, sizeof s->hostname, "%s", *name ? name : "sandbox");
        if (r >= 0)
                r = read_mounts(c, s, err);
        return r < 0 ? r : read_limits(c, s, err);
}

/* The beginning of the command: enough to know it again. */
static json_t *kept_argv(const json_t *argv)
{
        json_t *item, *kept = json_array();
        size_t i, left = ARGS_KEPT_MAX;
        json_array_foreach(argv, i, item)
        {
                char cut[ARGS_KEPT_MAX + 4];
                size_t n = json_string_length(item) + 1;
                if (n <= left) {
                        json_array_append(kept, item);
                        left -= n;
                        continue;
                }
                snprintf(cut, sizeof cut, "%.*s...", (int)left, json_string_value(item));
                json_array_append_new(kept, json_str_lossy(cut, strlen(cut)));
                break;
        }
        return kept;
}

/* What is kept of the request: no environment, it may hold what nobody should read later. */
static char *spec_text(const struct call *c, const struct launch_spec *s)
{
        json_t *argv = json_object_get(c->body, "argv"),
               *volumes = json_object_get(c->body, "volumes");
        json_t *o = json_pack(
                "{s:o,s:b,s:s,s:s,s:I,s:I,s:I,s:I,s:I,s:o}", "argv", kept_argv(argv), "stdin",
                json_is_true(json_object_get(c->body, "stdin")), "image", s->image, "workdir",
                s->workdir[0] ? s->workdir : "/work", "memory_bytes", (json_int_t)s->memory_bytes,
                "cpu_milli", (json_int_t)s->cpu_milli, "pids", (json_int_t)s->pids, "disk_bytes",
                (json_int_t)s->disk_bytes, "timeout_ms", (json_int_t)s->wall_ms, "volumes",
                json_is_array(volumes) ? json_incref(volumes) : json_array());
        char *text = json_text(o);
        json_decref(o);
        return text;
}

struct creation {
        struct call *c;
        char id[ID_TEXT_LEN + 1];
};

/* What the caller can mend keeps its code; a kernel that refuses us is our trouble, not a lack of
 * rights of his. */
static void refuse(struct call *c, const struct err *err)
{
        static const int his[] = {-EINVAL, -E2BIG, -ENOENT, -EEXIST, -EBUSY, -EAGAIN, -ENOSPC};
        for (size_t i = 0; i < ARRAY_LEN(his); i++)
                if (err->code == his[i]) {
                        call_fail_err(c, err);
                        return;
                }
        call_fail(c, -EIO, "the sandbox could not be made: %s", err_text(err));
}

static void on_created(void *ctx, int status, const struct err *err)
{
        struct creation *m = ctx;
        struct call *c = m->c;
        if (status < 0 && status != -EPIPE) {
                /* Refused, and nobody was told the id: it was never accepted. */
                (void)!jobs_delete(c->api->db, m->id, NULL);
                (void)!outlog_remove(c->api->logs_fd, m->id);
                refuse(c, err);
        } else if (c->rq) {
                json_t *o = job_load(c->api, m->id);
                call_json(c, 201, o ? o : json_pack("{s:s}", "id", m->id));
        }
        call_unref(c);
        free(m);
}

static int accept_job(struct call *c, const struct launch_spec *s, const char *name,
                      struct err *err)
{
        auto_free char *text = spec_text(c, s);
        struct job_row row = {.id = s->id,
                              .kind = "sandbox",
                              .name = name,
                              .owner = c->who.user.id,
                              .created_ms = clock_wall_ms(),
                              .spec = text};
        return jobs_accept(c->api->db, &row, err);
}

static void take_row(void *ctx, const struct job_row *row)
{
        *(json_t **)ctx = job_object(row);
}

/* A second create with a name that runs returns the one that runs. */
static bool answer_running(struct call *c, const char *name)
{
        json_t *o = NULL;
        int r = *name ? jobs_get_named(c->api->db, c->who.user.id, name, take_row, &o, NULL) : 0;
        if (r <= 0)
                return false;
        if (str_eq(json_string_value(json_object_get(o, "state")), "ended")) {
                json_decref(o);
                return false;
        }
        call_json(c, 200, o);
        return true;
}

void sandboxes_post(struct call *c)
{
        auto_free struct launch_spec *s = xcalloc(1, sizeof *s);
        char name[NAME_TEXT_MAX + 1];
        struct err err = {0};
        CLEANUP(buf_done) struct buf policy;
        buf_init(&policy, POLICY_TEXT_MAX);
        memcpy(s->id, id_new().s, sizeof s->id);
        int r = read_spec(c, s, name, &err);
        if (r == 0)
                r = egress_read(c, s, &policy, &err);
        if (r == 0)
                egress_env(c->body, s);
        auto_close int command = r < 0 ? -1 : command_of(c->body, &err);
        if (r < 0 || command < 0) {
                call_fail_err(c, &err);
                return;
        }
        if (answer_running(c, name))
                return;
        struct peer *launch = call_peer(c, "launch");
        if (!launch)
                return;
        r = accept_job(c, s, name, &err);
        if (r < 0) {
                call_fail_err(c, &err);
                return;
        }
        struct box *b = box_new(c->api, s->id, c->who.user.id,
                                json_is_true(json_object_get(c->body, "stdin")), &err);
        if (!b->log) { /* its output would be lost from the start */
                box_free(b);
                (void)!jobs_delete(c->api->db, s->id, NULL);
                call_fail_err(c, &err);
                return;
        }
        struct creation *m = xcalloc(1, sizeof *m);
        m->c = call_ref(c);
        memcpy(m->id, s->id, sizeof m->id);
        box_create(b, launch, s, command, on_created, m);
}

/* ---- the others ---- */

void sandboxes_get(struct call *c)
{
        jobs_answer_list(c, "sandbox", "sandboxes");
}

void sandbox_get(struct call *c)
{
        char id[ID_TEXT_LEN + 1];
        json_t *o = job_of_call(c, "sandbox", id);
        if (o)
                call_json(c, 200, o);
}

static void on_done(void *ctx, const struct peer_answer *a)
{
        struct call *c = ctx;
        if (a->status < 0)
                call_fail_err(c, a->err);
        else
                call_json(c, 200, json_object());
        call_unref(c);
}

/* The id of a sandbox that has not ended, and the link to ask; NULL: answered. */
static struct peer *running(struct call *c, char id[ID_TEXT_LEN + 1])
{
        json_t *o = job_of_call(c, "sandbox", id);
        if (!o)
                return NULL;
        json_decref(o);
        if (!box_find(c->api, id)) {
                call_fail(c, -EALREADY, "the sandbox has ended");
                return NULL;
        }
        return call_peer(c, "launch");
}

void sandbox_signal(struct call *c)
{
        struct launch_signal req = {0};
        struct err err = {0};
        uint64_t number;
        if (json_read_u64(c->body, "signal", JSON_REQUIRED, 1, (uint64_t)SIGRTMAX, &number, &err) <
            0) {
                call_fail_err(c, &err);
                return;
        }
        struct peer *launch = running(c, req.id);
        req.signal = (uint32_t)number;
        if (launch)
                peer_call(launch, LAUNCH_SIGNAL, &req, NULL, 0, on_done, call_ref(c));
}

void sandbox_stop(struct call *c)
{
        struct launch_stop req = {0};
        struct err err = {0};
        uint64_t grace = GRACE_DEFAULT_MS;
        if (json_read_u64(c->body, "grace_ms", JSON_OPTIONAL, 0, 600000, &grace, &err) < 0) {
                call_fail_err(c, &err);
                return;
        }
        struct peer *launch = running(c, req.id);
        req.grace_ms = (uint32_t)grace;
        if (launch)
                peer_call(launch, LAUNCH_STOP, &req, NULL, 0, on_done, call_ref(c));
}

/* ---- DELETE: ends it when it runs, then nothing of it is left ---- */

struct deletion {
        struct call *c;
        struct live_watch watch;
        char id[ID_TEXT_LEN + 1];
};

static void forget_job(struct call *c, const char *id)
{
        struct err err = {0};
        int r = jobs_delete(c->api->db, id, &err);
        if (r == 0 && outlog_remove(c->api->logs_fd, id) < 0)
                r = err_set(&err, -EIO, "the stored output could not be removed");
        if (r < 0)
                call_fail_err(c, &err);
        else
                call_json(c, 200, json_pack("{s:s}", "id", id));
}

static void on_ended(void *ctx, enum live_event ev)
{
        struct deletion *d = ctx;
        if (ev != LIVE_ENDED)
                return;
        forget_job(d->c, d->id);
        call_unref(d->c);
        free(d);
}

static void on_stopped(void *ctx UNUSED, const struct peer_answer *a UNUSED)
{
        /* The end comes as LAUNCH_EXITED, or by the next LAUNCH_QUERY. */
}

void sandbox_delete(struct call *c)
{
        struct launch_stop req = {0};
        char id[ID_TEXT_LEN + 1];
        json_t *o = job_of_call(c, "sandbox", id);
        if (!o)
                return;
        json_decref(o);
        struct box *b = box_find(c->api, id);
        if (!b) {
                forget_job(c, id);
                return;
        }
        struct peer *launch = call_peer(c, "launch");
        if (!launch)
                return;
        struct deletion *d = xcalloc(1, sizeof *d);
        d->c = call_ref(c);
        memcpy(d->id, id, sizeof d->id);
        d->watch = (struct live_watch){.fn = on_ended, .ctx = d};
        live_watch(&b->live, &d->watch);
        memcpy(req.id, id, sizeof req.id);
        peer_call(launch, LAUNCH_STOP, &req, NULL, 0, on_stopped, NULL);
}
