/* A command in a running sandbox, and what a sandbox and an exec are asked in different words. */
#include "api/box.h"
#include "api/box_impl.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"
#include <sys/ioctl.h>

#define LIST_MS 1000 /* until launch is asked again */

static void ignore_answer(void *ctx UNUSED, const struct peer_answer *a UNUSED)
{
}

void box_signal(struct box *b, struct peer *launch, uint32_t number, peer_answer_fn fn, void *ctx)
{
        struct launch_signal of_box = {.signal = number};
        struct launch_exec_signal of_exec = {.signal = number};
        memcpy(of_box.id, b->live.id, sizeof of_box.id);
        memcpy(of_exec.id, b->parent, sizeof of_exec.id);
        memcpy(of_exec.exec, b->live.id, sizeof of_exec.exec);
        if (b->parent[0])
                peer_call(launch, LAUNCH_EXEC_SIGNAL, &of_exec, NULL, 0, fn, ctx);
        else
                peer_call(launch, LAUNCH_SIGNAL, &of_box, NULL, 0, fn, ctx);
}

void box_resize(struct box *b, uint32_t rows, uint32_t cols)
{
        struct winsize w = {.ws_row = (unsigned short)rows, .ws_col = (unsigned short)cols};
        if (b->tty && b->out.fd >= 0 && ioctl(b->out.fd, TIOCSWINSZ, &w) < 0)
                log_warn("box.resize", kv("error", errno_text(errno)));
}

void box_over_output(struct box *b)
{
        struct peer *launch = api_peer(b->live.api, "launch");
        struct launch_stop stop = {.reason = BOX_OUTPUT};
        if (!launch)
                return; /* the next bytes ask again */
        b->too_much = true;
        memcpy(stop.id, b->live.id, sizeof stop.id);
        if (b->parent[0])
                box_signal(b, launch, 9, ignore_answer, NULL);
        else
                peer_call(launch, LAUNCH_STOP, &stop, NULL, 0, ignore_answer, NULL);
}

/* ---- its end ---- */

static void exec_ended(struct box *b, const struct launch_exec_result *r)
{
        struct launch_result as_box = {.state = r->state,
                                       .reason = r->reason,
                                       .exit_code = r->exit_code,
                                       .signal = r->signal,
                                       .run_ms = r->run_ms};
        box_has_ended(b, &as_box);
}

void box_exec_exited(struct api *a, const struct launch_exec_result *r)
{
        struct box *b = box_find(a, r->exec);
        if (b && b->parent[0] && b->step != BOX_STEP_ASKED)
                exec_ended(b, r);
}

/* Its sandbox has ended: launch says so of each exec before, unless the link broke meanwhile. */
void box_end_execs(struct box *sandbox)
{
        struct launch_result r = sandbox->result;
        if (r.reason == BOX_EXITED || r.reason == BOX_SIGNAL)
                r.reason = BOX_KILLED;
        r.exit_code = 0;
        r.cpu_us = r.peak_memory_bytes = 0;
        for (struct live *j = sandbox->live.api->jobs, *next; j; j = next) {
                struct box *b = (struct box *)j;
                next = j->next;
                if (j->kind == LIVE_BOX && str_eq(b->parent, sandbox->live.id))
                        box_has_ended(b, &r);
        }
}

/* ---- after a restart: launch lists those it knows ---- */

static void list_again(void *ctx)
{
        struct api *a = ctx;
        a->exec_timer = NULL;
        box_list_execs(a);
}

static void forget_unknown(struct api *a, const struct launch_exec_result *r)
{
        struct peer *launch = api_peer(a, "launch");
        struct launch_exec_signal kill = {.signal = 9};
        struct launch_exec_id id = {0};
        memcpy(kill.id, r->id, sizeof kill.id);
        memcpy(kill.exec, r->exec, sizeof kill.exec);
        memcpy(id.id, r->id, sizeof id.id);
        memcpy(id.exec, r->exec, sizeof id.exec);
        if (launch && r->state == BOX_RUNNING)
                peer_call(launch, LAUNCH_EXEC_SIGNAL, &kill, NULL, 0, ignore_answer, NULL);
        else if (launch)
                peer_call(launch, LAUNCH_EXEC_FORGET, &id, NULL, 0, ignore_answer, NULL);
}

static void is_known(struct api *a, const struct launch_exec_result *r)
{
        struct box *b = box_find(a, r->exec);
        if (!b || !b->parent[0]) {
                if (!pool_owns(a->pool, r->exec))
                        forget_unknown(a, r);
                return;
        }
        b->listed = true;
        if (r->state == BOX_ENDED)
                exec_ended(b, r);
        else if (b->step == BOX_STEP_UNSURE)
                box_runs(b);
}

static void on_listed(void *ctx, const struct peer_answer *answer)
{
        struct api *a = ctx;
        const struct launch_exec_result *r = answer->rep;
        if (answer->status == -EPIPE || answer->status == -ECANCELED)
                return; /* asked anew when the link is back */
        if (answer->status < 0) {
                if (!a->exec_timer)
                        a->exec_timer = loop_timer_add(a->env.loop, LIST_MS, list_again, a);
                return;
        }
        if (r->exec[0])
                is_known(a, r);
        if (answer->more)
                return;
        for (struct live *j = a->jobs, *next; j; j = next) {
                struct box *b = (struct box *)j;
                next = j->next;
                bool open = j->kind == LIVE_BOX && b->parent[0] &&
                            (b->step == BOX_STEP_UNSURE || b->step == BOX_STEP_UP);
                if (open && b->asked_before && !b->listed)
                        box_is_lost(b, "the command was gone after a restart of the server");
        }
}

void box_list_execs(struct api *a)
{
        struct peer *launch = api_peer(a, "launch");
        struct launch_empty nothing = {0};
        if (!launch)
                return;
        for (struct live *j = a->jobs; j; j = j->next) {
                struct box *b = (struct box *)j;
                if (j->kind == LIVE_BOX && b->parent[0]) {
                        b->listed = false;
                        b->asked_before = b->step != BOX_STEP_ASKED;
                }
        }
        peer_call(launch, LAUNCH_EXEC_LIST, &nothing, NULL, 0, on_listed, a);
}
