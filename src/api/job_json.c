#include "api/job_json.h"
#include "base/str.h"

json_t *json_or_null(const char *text)
{
        json_t *j = *text ? json_loads(text, JSON_DECODE_ANY, NULL) : NULL;
        return j ? j : json_null();
}

static json_t *text_or_null(const char *s)
{
        return *s ? json_string(s) : json_null();
}

json_t *job_object(const struct job_row *row)
{
        json_t *o = json_pack(
                "{s:s,s:o,s:s,s:s,s:s,s:I,s:o}", "id", row->id, "name", text_or_null(row->name),
                "kind", row->kind, "owner", row->owner_name, "state", row->state, "created_ms",
                (json_int_t)row->created_ms, "ended_ms",
                row->ended_ms ? json_integer((json_int_t)row->ended_ms) : json_null());
        json_t *spec = json_or_null(row->spec);
        if (json_is_object(spec))
                json_object_update_missing(o, spec);
        json_object_del(o, "digest"); /* for us: whether a second request is the same */
        if (*row->parent)
                json_object_set_new(o, "sandbox", json_string(row->parent));
        json_decref(spec);
        json_object_set_new(o, "result", json_or_null(row->result));
        if (str_eq(row->kind, "sandbox"))
                json_object_set_new(o, "enforcement", json_or_null(row->enforcement));
        return o;
}

json_t *enforcement_object(const struct launch_enforcement *e)
{
        return json_pack("{s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:I,s:b,s:i,s:b,s:b,s:b,s:b}",
                         "driver", e->driver, "namespaces", e->namespaces, "ids", e->ids, "seccomp",
                         e->seccomp, "cgroup", e->cgroup, "network", e->network, "start", e->start,
                         "disk", e->disk, "missing", e->missing, "gpus", e->gpus, "capabilities",
                         (json_int_t)e->capabilities, "no_new_privs", (int)e->no_new_privs,
                         "landlock_abi", (int)e->landlock_abi, "memory_limit", (int)e->memory_limit,
                         "cpu_limit", (int)e->cpu_limit, "pids_limit", (int)e->pids_limit,
                         "disk_limit", (int)e->disk_limit);
}

static json_t *number_if(bool known, uint64_t n)
{
        return known ? json_integer((json_int_t)n) : json_null();
}

json_t *box_result_object(const struct box *b)
{
        const struct launch_result *r = &b->result;
        uint64_t stored = b->log ? outlog_stored(b->log) : 0;
        uint64_t dropped = b->log ? outlog_dropped(b->log) : 0;
        json_t *o = json_pack(
                "{s:o,s:o,s:s,s:o,s:I,s:I,s:I,s:I,s:I}", "exit_code",
                number_if(r->reason == BOX_EXITED, r->exit_code), "signal",
                number_if(r->signal != 0, r->signal), "reason", launch_reason_text(r->reason),
                "cause", text_or_null(r->cause), "queue_ms", (json_int_t)b->queue_ms, "start_us",
                (json_int_t)b->start_us, "run_ms", (json_int_t)r->run_ms, "output_bytes",
                (json_int_t)(stored + dropped), "output_dropped", (json_int_t)dropped);
        if (b->parent[0]) /* the rest is counted for a sandbox as a whole */
                return o;
        json_t *more =
                json_pack("{s:I,s:I,s:I,s:I,s:I}", "cpu_us", (json_int_t)r->cpu_us,
                          "peak_memory_bytes", (json_int_t)r->peak_memory_bytes, "io_read_bytes",
                          (json_int_t)r->io_read_bytes, "io_write_bytes",
                          (json_int_t)r->io_write_bytes, "oom_kills", (json_int_t)r->oom_kills);
        json_object_update(o, more);
        json_decref(more);
        return o;
}
