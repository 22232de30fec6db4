/* Commands in a running sandbox: /v1/sandboxes/{id}/exec... Each is a job of kind exec that belongs
 * to its sandbox: stored before it is asked for, with a log, a stream and a result of its own. */
#include "api/box.h"
#include "api/command.h"
#include "api/egress.h"
#include "api/events.h"
#include "api/accepted.h"
#include "api/handlers.h"
#include "api/job_json.h"
#include "api/sandbox_spec.h"
#include "base/clock.h"
#include "base/id.h"
#include "base/mem.h"
#include "base/str.h"
#include <signal.h>

/* ---- finding one ---- */

struct found {
        json_t *object;
        char parent[ID_TEXT_LEN + 1];
};

static void take_row(void *ctx, const struct job_row *row)
{
        struct found *f = ctx;
        f->object = job_object(row);
        snprintf(f->parent, sizeof f->parent, "%s", row->parent);
}

/* The exec that {exec} names, of the sandbox that {id} names; NULL: answered. A new reference. */
static json_t *exec_of_call(struct call *c, char ret_id[ID_TEXT_LEN + 1])
{
        char box[ID_TEXT_LEN + 1];
        const char *which = call_param(c, "exec");
        struct found f = {0};
        json_t *o = job_of_call(c, "sandbox", box);
        if (!o)
                return NULL;
        json_decref(o);
        int r = id_valid(which) ? jobs_get(c->api->db, which, take_row, &f, NULL) : 0;
        if (r <= 0 || !str_eq(f.parent, box)) {
                json_decref(f.object);
                call_fail(c, -ENOENT, "there is no command '%.63s' in this sandbox", which);
                return NULL;
        }
        snprintf(ret_id, ID_TEXT_LEN + 1, "%s", which);
        return f.object;
}

/* ---- POST ---- */

static int read_exec(struct call *c, struct launch_exec *e, uint64_t *output_max, struct err *err)
{
        uint64_t rows = 0, cols = 0;
        bool tty = false;
        int r = json_read_str(c->body, "workdir", JSON_OPTIONAL, e->workdir, sizeof e->workdir,
                              err);
        if (r > 0 && e->workdir[0] && !sandbox_path_valid(e->workdir))
                return err_set(err, -EINVAL, "workdir: not an absolute path");
        if (r >= 0)
                r = json_read_bool(c->body, "tty", JSON_OPTIONAL, &tty, err);
        if (r >= 0)
                r = json_read_u64(c->body, "rows", JSON_OPTIONAL, 0, BOX_TTY_MAX, &rows, err);
        if (r >= 0)
                r = json_read_u64(c->body, "cols", JSON_OPTIONAL, 0, BOX_TTY_MAX, &cols, err);
        if (r >= 0)
                r = json_read_u64(c->body, "timeout_ms", JSON_OPTIONAL, 0, BOX_WALL_MS_MAX,
                                  &e->wall_ms, err);
        if (r >= 0)
                r = json_read_u64(c->body, "output_limit_bytes", JSON_OPTIONAL, 0, BOX_BYTES_MAX,
                                  output_max, err);
        e->tty = tty;
        e->rows = (uint32_t)rows;
        e->cols = (uint32_t)cols;
        return r < 0 ? r : 0;
}

static json_t *kept(const struct call *c, const struct launch_exec *e, uint64_t output_max)
{
        return json_pack("{s:o,s:b,s:b,s:s,s:I,s:I}", "argv",
                         command_kept(json_object_get(c->body, "argv")), "stdin",
                         json_is_true(json_object_get(c->body, "stdin")), "tty", e->tty != 0,
                         "workdir", e->workdir, "timeout_ms", (json_int_t)e->wall_ms,
                         "output_limit_bytes", (json_int_t)output_max);
}

/* It is its sandbox's owner's, also where an operator asked. */
static int accept_exec(struct call *c, const struct launch_exec *e, int64_t owner,
                       uint64_t output_max, struct err *err)
{
        auto_json json_t *o = kept(c, e, output_max);
        auto_free char *text = json_text(o);
        struct job_row row = {.id = e->exec,
                              .kind = "exec",
                              .name = "",
                              .parent = e->id,
                              .owner = owner,
                              .created_ms = clock_wall_ms(),
                              .spec = text};
        return jobs_accept_soon(c->api->db, &row, err);
}

static void made(struct call *c, const char *id)
{
        auto_json json_t *o = job_load(c->api, id);
        const struct box *b = box_find(c->api, id);
        if (b)
                event_tell(c->api, "exec", b->parent, b->live.owner,
                           json_pack("{s:s,s:O?}", "exec", id, "argv", json_object_get(o, "argv")));
}

static void tell(struct call *c, const char *id, int status, const struct err *err)
{
        if (status == -ENOENT)
                call_fail(c, -EALREADY, "the sandbox has ended");
        else if (status < 0)
                call_fail_err(c, err);
        else
                accepted_answer(c, id, NULL);
}

static void begin(struct call *c, struct box *parent, const struct launch_exec *e,
                  uint64_t output_max, struct peer *launch, int command)
{
        struct err err = {0};
        int r = accept_exec(c, e, parent->live.owner, output_max, &err);
        if (r < 0) {
                call_fail_err(c, &err);
                return;
        }
        struct box *b = box_new(c->api, e->exec, parent->live.owner,
                                json_is_true(json_object_get(c->body, "stdin")), &err);
        snprintf(b->parent, sizeof b->parent, "%s", e->id);
        b->tty = e->tty;
        b->output_max = output_max;
        if (!b->log) { /* its output would be lost from the start */
                box_free(b);
                (void)!jobs_delete(c->api->db, e->exec, NULL);
                call_fail_err(c, &err);
                return;
        }
        static const struct accepted_calls calls = {made, tell};
        box_exec(b, launch, e, command, accepted_made, accepted_new(c, b, &calls));
}

void execs_post(struct call *c)
{
        auto_free struct launch_exec *e = xcalloc(1, sizeof *e);
        struct err err = {0};
        uint64_t output_max = 0;
        json_t *o = job_of_call(c, "sandbox", e->id);
        if (!o)
                return;
        auto_json json_t *routes = json_incref(json_object_get(o, "routes"));
        json_decref(o);
        struct box *parent = box_find(c->api, e->id);
        if (!parent || parent->step == BOX_STEP_ENDED) {
                call_fail(c, -EALREADY, "the sandbox has ended");
                return;
        }
        memcpy(e->exec, id_new().s, sizeof e->exec);
        e->program = EXEC_COMMAND;
        int r = read_exec(c, e, &output_max, &err);
        if (parent->proxied)
                egress_env(c, routes);
        command_env(c->body);
        auto_close int command = r < 0 ? -1 : command_of(c->body, false, &err);
        if (r < 0 || command < 0) {
                call_fail_err(c, &err);
                return;
        }
        struct peer *launch = call_peer(c, "launch");
        if (launch)
                begin(c, parent, e, output_max, launch, command);
}

/* ---- the others ---- */

static void add_row(void *ctx, const struct job_row *row)
{
        json_array_append_new(ctx, job_object(row));
}

void execs_get(struct call *c)
{
        char id[ID_TEXT_LEN + 1];
        uint64_t limit;
        struct err err = {0};
        if (!call_query_u64(c, "limit", 100, 1, 1000, &limit))
                return;
        json_t *o = job_of_call(c, "sandbox", id);
        json_decref(o);
        if (!o)
                return;
        json_t *list = json_array();
        if (jobs_of_parent(c->api->db, id, (uint32_t)limit, add_row, list, &err) < 0) {
                json_decref(list);
                call_fail_err(c, &err);
                return;
        }
        call_json(c, 200, json_pack("{s:o}", "execs", list));
}

void exec_get(struct call *c)
{
        char id[ID_TEXT_LEN + 1];
        json_t *o = exec_of_call(c, id);
        if (o)
                call_json(c, 200, o);
}

void exec_stream(struct call *c)
{
        char id[ID_TEXT_LEN + 1];
        json_t *o = exec_of_call(c, id);
        json_decref(o);
        if (o)
                stream_answer(c, id);
}

void exec_signal(struct call *c)
{
        char id[ID_TEXT_LEN + 1];
        struct err err = {0};
        uint64_t number;
        if (json_read_u64(c->body, "signal", JSON_REQUIRED, 1, (uint64_t)SIGRTMAX, &number, &err) <
            0) {
                call_fail_err(c, &err);
                return;
        }
        json_t *o = exec_of_call(c, id);
        json_decref(o);
        if (!o)
                return;
        struct box *b = box_find(c->api, id);
        if (!b) {
                call_fail(c, -EALREADY, "the command has ended");
                return;
        }
        struct peer *launch = call_peer(c, "launch");
        if (launch)
                box_signal(b, launch, (uint32_t)number, call_done, call_ref(c));
}

/* ---- with the sandbox they go ---- */

struct ids {
        char (*list)[ID_TEXT_LEN + 1];
        size_t n;
};

static void note_id(void *ctx, const struct job_row *row)
{
        struct ids *s = ctx;
        s->list = xrealloc(s->list, (s->n + 1) * sizeof *s->list);
        snprintf(s->list[s->n++], sizeof *s->list, "%s", row->id);
}

int execs_remove(struct api *a, const char *sandbox, struct err *err)
{
        struct ids s = {0};
        int r = jobs_of_parent(a->db, sandbox, UINT32_MAX, note_id, &s, err);
        for (size_t i = 0; i < s.n && r >= 0; i++) {
                r = jobs_delete(a->db, s.list[i], err);
                if (outlog_remove(a->logs_fd, s.list[i]) < 0 && r >= 0)
                        r = err_set(err, -EIO, "the stored output could not be removed");
        }
        free(s.list);
        return r;
}
