/* One warm process: from CREATE to its end. */
#include "api/command.h"
#include "api/images.h"
#include "api/warm_impl.h"
#include "base/clock.h"
#include "base/id.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "base/str.h"
#include "link/keep.h"
#include "store/templates.h"
#include <stdio.h>
#include <unistd.h>

#define START_MS 120000 /* large imports from a cold disk */
#define PIDS     64
#define AGAIN_MS 1000 /* one that died sooner than this after it was ready stays away */

static void ignore_answer(void *ctx UNUSED, const struct peer_answer *a UNUSED)
{
}

struct warm_process *warm_process_find(const struct warm *all, const char *id)
{
        for (struct warm_process *p = all->first; p; p = p->next)
                if (str_eq(p->id, id))
                        return p;
        return NULL;
}

/* ---- what it is made from ---- */

/* launch's specification but for the id, and the command's body. */
static int fill(struct api *a, const struct template *t, struct launch_spec *s, json_t **ret,
                struct err *err)
{
        auto_json json_t *body = json_object();
        uint64_t disk = api_setting_u64(a, "sandbox.disk_default");
        size_t i;
        json_t *v;
        s->profile = BOX_TEMPLATE;
        s->memory_bytes = t->memory_bytes;
        s->disk_bytes = disk < BOX_TMPFS_MAX ? disk : BOX_TMPFS_MAX;
        s->pids = PIDS;
        snprintf(s->image, sizeof s->image, "%s", t->image);
        snprintf(s->owner, sizeof s->owner, "%s", t->owner_name);
        snprintf(s->hostname, sizeof s->hostname, "template");
        int r = image_apply(a, t->owner, body, s, err);
        if (r < 0)
                return r;
        json_t *argv = json_pack("[s,s,s]", "python3", "/.paddock/warm/python.py",
                                 "/.paddock/warm/libwarm.so");
        json_array_foreach(t->imports, i, v)
        {
                json_array_append(argv, v);
        }
        json_object_set_new(body, "argv", argv);
        *ret = TAKE_PTR(body);
        return 0;
}

static void digest_of(const struct launch_spec *s, const json_t *body, char ret[65])
{
        char salt[64 + BOX_LAYERS_MAX * sizeof s->layers[0].key];
        size_t n = (size_t)snprintf(salt, sizeof salt, "%llu %s",
                                    (unsigned long long)s->memory_bytes, s->image);
        for (uint32_t i = 0; i < s->n_layers && n < sizeof salt; i++)
                n += (size_t)snprintf(salt + n, sizeof salt - n, " %s", s->layers[i].key);
        command_digest(body, salt, ret);
}

int warm_digest(struct api *a, const struct template *t, char ret[65], struct err *err)
{
        auto_free struct launch_spec *s = xcalloc(1, sizeof *s);
        auto_json json_t *body = NULL;
        int r = fill(a, t, s, &body, err);
        if (r == 0)
                digest_of(s, body, ret);
        return r;
}

/* ---- the beginning ---- */

/* It will not become ready. Who waits may start another, so it is out of the way before. */
static void failed(struct warm_process *p, const struct err *why)
{
        struct warm *all = p->all;
        struct warm_process was = *p;
        struct err err = {0};
        if (p->step != WARM_ENDING)
                warm_process_gone(p);
        if (templates_set_error(all->api->db, was.owner, was.template, why->text, &err) < 0)
                log_warn("template.store", kv("error", err_text(&err)));
        log_warn("template.failed", kv("name", (const char *)was.template),
                 kv("error", err_text(why)));
        warm_has_failed(all, was.id, why);
}

struct about {
        struct api *api;
        char id[ID_TEXT_LEN + 1];
};

static void on_created(void *ctx, const struct peer_answer *answer)
{
        struct about *q = ctx;
        struct api *a = q->api;
        struct warm_process *p = warm_process_find(a->warm, q->id);
        free(q);
        if (!p)
                return;
        p->asking = false;
        if (answer->status == -EPIPE || answer->status == -ECANCELED)
                return; /* the list at launch's return tells whether it is there */
        if (answer->status < 0) {
                struct err err = {0};
                err_set(&err, answer->status, "template: %s", err_text(answer->err));
                failed(p, &err);
                return;
        }
        if (answer->n_fds != 3)
                return;
        int out = TAKE_FD(answer->fds[1]), told = TAKE_FD(answer->fds[2]);
        warm_listen(p, out, told);
}

static void too_late(void *ctx)
{
        struct warm_process *p = ctx;
        struct err err = {0};
        p->bound = NULL;
        err_set(&err, -EINVAL, "template: its imports took longer than %d s", START_MS / 1000);
        warm_process_stop(p);
        p->step = WARM_ENDING;
        failed(p, &err);
}

static int store(const struct warm_process *p, struct err *err)
{
        struct warm_row row = {p->id, p->template, p->digest, p->owner, p->memory_bytes};
        return warm_rows_add(p->all->api->db, &row, err);
}

static struct warm_process *add(struct warm *all, const struct template *t)
{
        struct warm_process *p = xcalloc(1, sizeof *p);
        p->all = all;
        p->owner = t->owner;
        p->memory_bytes = t->memory_bytes;
        snprintf(p->template, sizeof p->template, "%s", t->name);
        p->out = p->err = -1;
        p->used_ms = clock_boot_ms();
        p->next = all->first;
        all->first = p;
        return p;
}

int warm_process_start(struct warm *all, const struct template *t, struct warm_process **ret,
                       struct err *err)
{
        struct api *a = all->api;
        struct peer *launch = api_peer(a, "launch");
        auto_free struct launch_spec *s = xcalloc(1, sizeof *s);
        auto_json json_t *body = NULL;
        if (!launch)
                return err_set(err, -EPIPE, "the role 'launch' is away, it is being started again");
        int r = fill(a, t, s, &body, err);
        int command = r < 0 ? r : command_of(body, false, err);
        if (command < 0)
                return command;
        struct warm_process *p = add(all, t);
        memcpy(p->id, id_new().s, sizeof p->id);
        memcpy(s->id, p->id, sizeof s->id);
        digest_of(s, body, p->digest);
        r = store(p, err);
        if (r < 0) {
                close(command);
                warm_process_free(p);
                return r;
        }
        struct about *q = xcalloc(1, sizeof *q);
        *q = (struct about){.api = a};
        memcpy(q->id, p->id, sizeof q->id);
        p->asking = true;
        p->bound = loop_timer_add(a->env.loop, START_MS, too_late, p);
        peer_call(launch, LAUNCH_CREATE, s, &command, 1, on_created, q);
        close(command);
        log_info("template.start", kv("id", (const char *)p->id), kv("name", t->name));
        *ret = p;
        return 0;
}

static void restore(void *ctx, const struct warm_row *row)
{
        struct warm *all = ctx;
        struct template t = {.owner = row->owner, .memory_bytes = row->memory_bytes};
        snprintf(t.name, sizeof t.name, "%s", row->template);
        struct warm_process *p = add(all, &t);
        snprintf(p->id, sizeof p->id, "%s", row->id);
        snprintf(p->digest, sizeof p->digest, "%s", row->digest);
        p->bound = loop_timer_add(all->api->env.loop, START_MS, too_late, p);
}

struct warm *warm_new(struct api *a)
{
        struct warm *all = xcalloc(1, sizeof *all);
        struct err err = {0};
        all->api = a;
        if (warm_rows_list(a->db, restore, all, &err) < 0)
                log_warn("template.restore", kv("error", err_text(&err)));
        return all;
}

void warm_ready(struct api *a, const char *id)
{
        struct warm_process *p = warm_process_find(a->warm, id);
        if (!p || p->step != WARM_STARTING)
                return;
        loop_timer_remove(p->bound);
        p->bound = NULL;
        p->step = WARM_READY;
        p->ready_ms = clock_boot_ms();
        (void)!templates_set_error(a->db, p->owner, p->template, "", NULL);
        warm_is_ready(p);
}

/* ---- the end ---- */

static void on_stopped(void *ctx, const struct peer_answer *answer)
{
        struct about *q = ctx;
        struct warm_process *p = warm_process_find(q->api->warm, q->id);
        free(q);
        if (!p || answer->status != -EBUSY)
                return; /* its end comes as an event, or by the list */
        p->step = WARM_READY;
        p->refused = true;
        p->used_ms = clock_boot_ms();
        warm_turn(p->all);
}

void warm_process_stop(struct warm_process *p)
{
        struct peer *launch = api_peer(p->all->api, "launch");
        struct launch_stop stop = {0};
        if (!launch)
                return;
        struct about *q = xcalloc(1, sizeof *q);
        q->api = p->all->api;
        memcpy(q->id, p->id, sizeof q->id);
        memcpy(stop.id, p->id, sizeof stop.id);
        p->step = WARM_ENDING;
        peer_call(launch, LAUNCH_STOP, &stop, NULL, 0, on_stopped, q);
}

void warm_process_gone(struct warm_process *p)
{
        struct api *a = p->all->api;
        struct peer *launch = api_peer(a, "launch"), *keep = api_peer(a, "keep");
        struct launch_id which = {0};
        struct keep_key key = {0};
        struct err err = {0};
        memcpy(which.id, p->id, sizeof which.id);
        memcpy(key.id, p->id, sizeof key.id);
        if (launch)
                peer_call(launch, LAUNCH_FORGET, &which, NULL, 0, ignore_answer, NULL);
        if (keep)
                peer_call(keep, KEEP_DROP, &key, NULL, 0, ignore_answer, NULL);
        if (warm_rows_delete(a->db, p->id, &err) < 0)
                log_warn("template.store", kv("error", err_text(&err)));
        warm_process_free(p);
}

void warm_process_free(struct warm_process *p)
{
        struct warm_process **at = &p->all->first;
        while (*at != p)
                at = &(*at)->next;
        *at = p->next;
        warm_listen_end(p);
        loop_timer_remove(p->bound);
        free(p);
}

/* It died although nobody asked: the next use would wait for what can be warm by then. One that dies
 * as soon as it is ready is not tried for ever. */
static void start_again(struct warm *all, int64_t owner, const char *name)
{
        struct template t = {0};
        struct warm_process *p;
        struct err err = {0};
        int r = template_load(all->api, owner, name, &t, &err);
        if (r == 0)
                r = warm_process_start(all, &t, &p, &err);
        template_done(&t);
        if (r < 0)
                log_warn("template.start", kv("name", name), kv("error", err_text(&err)));
}

bool warm_exited(struct api *a, const struct launch_result *r)
{
        struct warm_process *p = warm_process_find(a->warm, r->id);
        struct warm *all = a->warm;
        char name[NAME_TEXT_MAX + 1], words[WARM_WORDS_MAX + 1];
        struct err err = {0};
        if (!p)
                return false;
        log_info("template.ended", kv("id", (const char *)p->id),
                 kv("reason", launch_reason_text(r->reason)));
        if (p->step == WARM_STARTING) {
                warm_last_words(p, words);
                err_set(&err, -EINVAL, "template: its process ended before it was ready (%s)%s%s",
                        launch_reason_text(r->reason), *words ? ": " : "", words);
                failed(p, &err);
                return true;
        }
        bool again = p->step == WARM_READY && clock_boot_ms() - p->ready_ms >= AGAIN_MS;
        int64_t owner = p->owner;
        memcpy(name, p->template, sizeof name);
        err_set(&err, -EAGAIN, "template: its process was ended");
        warm_process_gone(p);
        if (again)
                start_again(all, owner, name);
        warm_has_failed(all, r->id, &err); /* who waited for one that was removed */
        return true;
}

/* ---- after a restart of launch or of this role ---- */

bool warm_owns(const struct api *a, const char *id)
{
        return warm_process_find(a->warm, id) != NULL;
}

void warm_list_begins(struct api *a)
{
        for (struct warm_process *p = a->warm->first; p; p = p->next) {
                p->listed = false;
                p->asked_before = !p->asking;
        }
}

bool warm_listed(struct api *a, const struct launch_result *r)
{
        struct warm_process *p = warm_process_find(a->warm, r->id);
        if (!p)
                return false;
        p->listed = true;
        if (r->state == BOX_ENDED)
                return warm_exited(a, r);
        if (p->step == WARM_ENDING)
                warm_process_stop(p);
        else if (r->ready)
                warm_ready(a, r->id);
        return true;
}

void warm_list_ends(struct api *a)
{
        struct err err = {0};
        err_set(&err, -EAGAIN, "template: its process was gone after a restart of the server");
        for (struct warm_process *p = a->warm->first, *next; p; p = next) {
                next = p->next;
                if (p->listed || !p->asked_before)
                        continue;
                if (p->step == WARM_STARTING)
                        failed(p, &err);
                else
                        warm_process_gone(p);
                next = a->warm->first; /* the list may have changed */
        }
        warm_turn(a->warm);
}
