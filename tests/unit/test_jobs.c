#include "api_fixture.h"
#include "base/mem.h"

#define TRUE_BODY "{\"argv\":[\"/bin/true\"]}"

static struct fixture *f;

static void up(void)
{
        f = fixture_new();
        fixture_api_up(f);
}

static json_t *create(const char *body, int status)
{
        json_t *o = NULL;
        CHECK_INT(ask(f, "POST", "/v1/sandboxes", body, &o), ==, status);
        return o;
}

static json_t *get(const char *id)
{
        char path[128];
        json_t *o = NULL;
        snprintf(path, sizeof path, "/v1/sandboxes/%s", id);
        CHECK_INT(ask(f, "GET", path, NULL, &o), ==, 200);
        return o;
}

static json_t *wait_for(const char *id)
{
        char path[128];
        json_t *o = NULL;
        snprintf(path, sizeof path, "/v1/jobs/%s/wait?timeout_ms=20000", id);
        CHECK_INT(ask(f, "GET", path, NULL, &o), ==, 200);
        return o;
}

static const char *reason_of(const json_t *o)
{
        return text_of(json_object_get(o, "result"), "reason");
}

TEST(sandbox_is_created_runs_and_ends)
{
        up();
        auto_json json_t *o = create("{\"argv\":[\"echo\",\"a b\"],\"env\":{\"A\":\"1\"}}", 201);
        CHECK_STR(text_of(o, "state"), "running");
        CHECK_STR(text_of(json_object_get(o, "enforcement"), "driver"), "ns");
        CHECK_STR(f->boxes[0].args, "echo a b");
        CHECK_INT(f->boxes[0].spec.memory_bytes, ==, 536870912);
        CHECK_INT(write(f->boxes[0].out, "out", 3), ==, 3);
        fake_end(f, &f->boxes[0], BOX_EXITED, 3);
        auto_json json_t *e = wait_for(text_of(o, "id"));
        CHECK_STR(text_of(e, "state"), "ended");
        const json_t *result = json_object_get(e, "result");
        CHECK_STR(text_of(result, "reason"), "exited");
        CHECK_INT(json_integer_value(json_object_get(result, "exit_code")), ==, 3);
        CHECK_INT(json_integer_value(json_object_get(result, "output_bytes")), ==, 3);
        CHECK_INT(json_integer_value(json_object_get(result, "start_us")), ==, 1234);
        fixture_turns(f, 20);
        CHECK_INT(f->forgets, ==, 1);
        CHECK_INT(f->drops, ==, 1);
        fixture_free(f);
}

TEST(sandbox_that_launch_refuses_was_never_accepted)
{
        up();
        f->create_status = -EBUSY;
        auto_json json_t *o = create(TRUE_BODY, 429);
        CHECK_STR(error_of(o), "launch says no");
        f->create_status =
                -EPERM; /* the kernel said no to launch: not a matter of the caller's rights */
        json_decref(create(TRUE_BODY, 500));
        f->create_status = -EINVAL;
        json_decref(create(TRUE_BODY, 400));
        auto_json json_t *list = NULL;
        CHECK_INT(ask(f, "GET", "/v1/jobs", NULL, &list), ==, 200);
        CHECK_INT(json_array_size(json_object_get(list, "jobs")), ==, 0);
        fixture_free(f);
}

/* Somebody waits for a job that launch then refuses: there never was one. */
TEST(sandbox_that_launch_refuses_is_gone_for_who_waits_for_it)
{
        up();
        f->create_silent = true;
        struct client c, d;
        const char *text = "POST /v1/sandboxes HTTP/1.1\r\nHost: x\r\nContent-Length: 33\r\n\r\n"
                           "{\"argv\":[\"/bin/true\"],\"name\":\"x\"}";
        const char *wait = "GET /v1/jobs/x/wait HTTP/1.1\r\nHost: x\r\n\r\n";
        client_init(&c, f->loop, connect_unix(f->sock));
        client_send(&c, text, strlen(text));
        while (!f->n_silent)
                client_turn(&c);
        client_init(&d, f->loop, connect_unix(f->sock));
        client_send(&d, wait, strlen(wait));
        for (int i = 0; i < 10; i++)
                client_turn(&d);
        CHECK_INT(d.in.len, ==, 0);
        peer_fail(f->silent[0], -EBUSY, "no room");
        struct response r;
        CHECK_INT(client_response(&c, &r), ==, 429);
        response_done(&r);
        CHECK_INT(client_response(&d, &r), ==, 404);
        response_done(&r);
        client_done(&c);
        client_done(&d);
        fixture_free(f);
}

TEST(sandbox_without_launch_is_unavailable_and_not_stored)
{
        up();
        fixture_down(&f->near_launch, &f->far_launch);
        auto_json json_t *o = create(TRUE_BODY, 503);
        CHECK_STR(text_of(json_object_get(o, "error"), "code"), "unavailable");
        fixture_launch_up(f);
        fixture_turns(f, 10);
        CHECK_INT(f->queries, ==, 0);
        fixture_free(f);
}

/* The link dies in the middle of CREATE: nobody knows whether the command ran. It is never sent
 * again, and it is lost exactly once. */
TEST(sandbox_is_lost_once_when_the_link_dies_in_create)
{
        up();
        f->create_silent = true;
        struct client c;
        const char *text = "POST /v1/sandboxes HTTP/1.1\r\nHost: x\r\nContent-Length: 22\r\n\r\n"
                           "{\"argv\":[\"/bin/true\"]}";
        client_init(&c, f->loop, connect_unix(f->sock));
        client_send(&c, text, strlen(text));
        while (!f->n_silent)
                client_turn(&c);
        peer_free(f->far_launch);
        f->far_launch = NULL;
        peer_fail(f->silent[0], -EPIPE, "nobody hears this");
        struct response r;
        CHECK_INT(client_response(&c, &r), ==, 201);
        auto_json json_t *o = json_loads(buf_text(&r.body), 0, NULL);
        CHECK_STR(text_of(o, "state"), "accepted");
        response_done(&r);
        client_done(&c);
        peer_free(f->near_launch);
        fixture_launch_up(f);
        fixture_down(&f->near_launch, &f->far_launch);
        fixture_launch_up(f); /* twice: the second finds nothing to do */
        auto_json json_t *e = wait_for(text_of(o, "id"));
        CHECK_STR(text_of(e, "state"), "ended");
        CHECK_STR(reason_of(e), "lost");
        CHECK_CONTAINS(text_of(json_object_get(e, "result"), "cause"), "restart");
        fixture_turns(f, 20);
        CHECK_INT(f->creates, ==, 1);
        CHECK_INT(f->forgets, ==, 1);
        fixture_free(f);
}

TEST(sandbox_runs_on_while_launch_is_started_again)
{
        up();
        auto_json json_t *o = create(TRUE_BODY, 201);
        fixture_down(&f->near_launch, &f->far_launch);
        CHECK_INT(write(f->boxes[0].out, "meanwhile", 9), ==, 9);
        fixture_launch_up(f);
        fixture_turns(f, 20);
        CHECK_INT(f->queries, ==, 1);
        auto_json json_t *g = get(text_of(o, "id"));
        CHECK_STR(text_of(g, "state"), "running");
        fake_end(f, &f->boxes[0], BOX_SIGNAL, 9);
        auto_json json_t *e = wait_for(text_of(o, "id"));
        CHECK_STR(reason_of(e), "signal");
        CHECK_INT(json_integer_value(json_object_get(json_object_get(e, "result"), "output_bytes")),
                  ==, 9);
        fixture_free(f);
}

TEST(sandbox_that_ended_while_launch_was_away_has_its_result)
{
        up();
        auto_json json_t *o = create(TRUE_BODY, 201);
        fixture_down(&f->near_launch, &f->far_launch);
        close(f->boxes[0].out);
        close(f->boxes[0].err);
        f->boxes[0].out = f->boxes[0].err = -1;
        f->boxes[0].ended = true;
        f->boxes[0].result = (struct launch_result){.reason = BOX_EXITED, .exit_code = 9};
        fixture_launch_up(f);
        auto_json json_t *e = wait_for(text_of(o, "id"));
        CHECK_STR(reason_of(e), "exited");
        CHECK_INT(json_integer_value(json_object_get(json_object_get(e, "result"), "exit_code")),
                  ==, 9);
        fixture_free(f);
}

/* kill -9 of the api: the sandbox runs on, its output waits in the pipe, its result comes. */
TEST(sandbox_runs_on_while_the_api_is_started_again)
{
        up();
        auto_json json_t *o = create("{\"argv\":[\"cat\"],\"stdin\":true}", 201);
        CHECK_INT(write(f->boxes[0].out, "before ", 7), ==, 7);
        fixture_turns(f, 5);
        fixture_api_down(f);
        CHECK_INT(write(f->boxes[0].out, "meanwhile ", 10), ==, 10);
        fixture_api_up(f);
        CHECK_INT(write(f->boxes[0].out, "after", 5), ==, 5);
        fixture_turns(f, 20);
        auto_json json_t *g = get(text_of(o, "id"));
        CHECK_STR(text_of(g, "state"), "running");
        CHECK_STR(text_of(json_object_get(g, "enforcement"), "driver"), "ns");
        fake_end(f, &f->boxes[0], BOX_EXITED, 0);
        auto_json json_t *e = wait_for(text_of(o, "id"));
        CHECK_STR(reason_of(e), "exited");
        CHECK_INT(json_integer_value(json_object_get(json_object_get(e, "result"), "output_bytes")),
                  ==, 22);
        CHECK_INT(f->creates, ==, 1);
        fixture_free(f);
}

/* keep dies and comes back with nothing: the api gives it its copies again, so that the next death
 * of the api costs no output. */
TEST(sandbox_descriptors_are_kept_again_by_a_new_keep)
{
        up();
        auto_json json_t *o = create("{\"argv\":[\"cat\"],\"stdin\":true}", 201);
        fixture_turns(f, 5);
        fixture_down(&f->near_keep, &f->far_keep);
        for (size_t i = 0; i < f->n_kept; i++)
                fake_keep_drop(f, &f->kept[i].key);
        fixture_keep_up(f);
        fixture_turns(f, 5);
        fixture_api_down(f);
        CHECK_INT(write(f->boxes[0].out, "meanwhile", 9), ==, 9);
        fixture_api_up(f);
        fixture_turns(f, 10);
        fake_end(f, &f->boxes[0], BOX_EXITED, 0);
        auto_json json_t *e = wait_for(text_of(o, "id"));
        CHECK_INT(json_integer_value(json_object_get(json_object_get(e, "result"), "output_bytes")),
                  ==, 9);
        fixture_free(f);
}

TEST(sandbox_that_vanished_with_the_api_is_lost_with_what_it_wrote)
{
        up();
        auto_json json_t *o = create(TRUE_BODY, 201);
        CHECK_INT(write(f->boxes[0].out, "last words", 10), ==, 10);
        fixture_api_down(f);
        close(f->boxes[0].out);
        close(f->boxes[0].err);
        f->boxes[0].out = f->boxes[0].err = -1;
        f->boxes[0].id[0] = '\0'; /* launch knows nothing of it */
        fixture_api_up(f);
        auto_json json_t *e = wait_for(text_of(o, "id"));
        CHECK_STR(reason_of(e), "lost");
        CHECK_INT(json_integer_value(json_object_get(json_object_get(e, "result"), "output_bytes")),
                  ==, 10);
        CHECK_INT(f->creates, ==, 1);
        fixture_free(f);
}

TEST(sandbox_name_that_runs_returns_the_one_that_runs)
{
        up();
        auto_json json_t *o = create("{\"argv\":[\"a\"],\"name\":\"web\"}", 201);
        auto_json json_t *p = create("{\"argv\":[\"a\"],\"name\":\"web\"}", 200);
        CHECK(json_is_true(json_object_get(p, "reused")));
        auto_json json_t *other = create("{\"argv\":[\"b\"],\"name\":\"web\",\"pids\":3}", 409);
        CHECK_CONTAINS(error_of(other), "argv is [\"a\"], asked was [\"b\"]");
        CHECK_CONTAINS(error_of(other), "pids is 256, asked was 3");
        auto_json json_t *env =
                create("{\"argv\":[\"a\"],\"name\":\"web\",\"env\":{\"A\":\"1\"}}", 409);
        CHECK_CONTAINS(error_of(env), "env differs");
        CHECK_STR(text_of(p, "id"), text_of(o, "id"));
        CHECK_INT(f->creates, ==, 1);
        auto_json json_t *g = get("web");
        CHECK_STR(text_of(g, "id"), text_of(o, "id"));
        fake_end(f, &f->boxes[0], BOX_EXITED, 0);
        json_decref(wait_for("web"));
        auto_json json_t *q = create("{\"argv\":[\"b\"],\"name\":\"web\"}", 201);
        CHECK(!str_eq(text_of(q, "id"), text_of(o, "id")));
        fixture_free(f);
}

TEST(sandbox_delete_ends_and_forgets)
{
        up();
        char path[128];
        auto_json json_t *o = create(TRUE_BODY, 201);
        auto_json json_t *d = NULL;
        snprintf(path, sizeof path, "/v1/sandboxes/%s", text_of(o, "id"));
        CHECK_INT(ask(f, "DELETE", path, NULL, &d), ==, 200);
        CHECK_INT(f->stops, ==, 1);
        CHECK_INT(ask(f, "GET", path, NULL, NULL), ==, 404);
        snprintf(path, sizeof path, "%s/logs/%s.log", f->dir, text_of(o, "id"));
        CHECK(access(path, F_OK) < 0);
        fixture_free(f);
}

TEST(sandbox_signal_and_stop_reach_launch)
{
        up();
        char path[128];
        auto_json json_t *o = create(TRUE_BODY, 201);
        auto_json json_t *e = NULL;
        snprintf(path, sizeof path, "/v1/sandboxes/%s/signal", text_of(o, "id"));
        CHECK_INT(ask(f, "POST", path, "{\"signal\":10}", NULL), ==, 200);
        CHECK_INT(f->last_signal, ==, 10);
        CHECK_INT(ask(f, "POST", path, "{\"signal\":0}", NULL), ==, 400);
        CHECK_INT(ask(f, "POST", path, "{\"signal\":1000}", NULL), ==, 400);
        snprintf(path, sizeof path, "/v1/sandboxes/%s/stop", text_of(o, "id"));
        CHECK_INT(ask(f, "POST", path, "{}", NULL), ==, 200);
        e = wait_for(text_of(o, "id"));
        CHECK_STR(reason_of(e), "killed");
        CHECK_INT(ask(f, "POST", path, "{}", NULL), ==, 409);
        fixture_free(f);
}

TEST(sandbox_request_with_bad_values_names_the_field)
{
        static const struct {
                const char *body, *says;
        } bad[] = {{"{\"argv\":[\"\"]}", "argv"},
                   {"{\"argv\":[1]}", "argv"},
                   {"{\"argv\":[\"a\"],\"colour\":1}", "colour"},
                   {"{\"argv\":[\"a\"],\"env\":{\"A=B\":\"1\"}}", "env"},
                   {"{\"argv\":[\"a\"],\"env\":{\"A\":1}}", "env"},
                   {"{\"argv\":[\"a\"],\"memory_bytes\":1}", "memory_bytes"},
                   {"{\"argv\":[\"a\"],\"memory_bytes\":-1}", "memory_bytes"},
                   {"{\"argv\":[\"a\"],\"pids\":0}", "pids"},
                   {"{\"argv\":[\"a\"],\"name\":\"A b\"}", "name"},
                   {"{\"argv\":[\"a\"],\"workdir\":\"../x\"}", "workdir"},
                   {"{\"argv\":[\"a\"],\"image\":\"../x\"}", "image"},
                   {"{\"argv\":[\"a\"],\"volumes\":[{\"volume\":\"v\"}]}", "volumes[0].target"},
                   {"{\"argv\":[\"a\"],\"volumes\":[{\"volume\":\"v\",\"target\":\"/../x\"}]}",
                    "target"},
                   {"{\"argv\":[\"a\"]", "line 1"},
                   {"[]", "object"},
                   {"{\"argv\":[\"a\"],\"argv\":[\"b\"]}", "duplicate"},
                   {"{\"argv\":[\"a\\u0000b\"]}", "line 1"}};
        up();
        for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
                auto_json json_t *o = create(bad[i].body, 400);
                CHECK_CONTAINS(error_of(o), bad[i].says);
        }
        auto_json json_t *none = create(
                "{\"argv\":[\"a\"],\"volumes\":[{\"volume\":\"v\",\"target\":\"/x\"}]}", 404);
        CHECK_CONTAINS(error_of(none), "volumes[0]");
        CHECK_INT(f->creates, ==, 0);
        fixture_free(f);
}

TEST(sandbox_limits_have_a_configured_default_and_maximum)
{
        up();
        fixture_set(f, "sandbox.memory_max", "1073741824");
        fixture_set(f, "sandbox.timeout_max", "60000");
        json_decref(create(TRUE_BODY, 201));
        CHECK_INT(f->boxes[0].spec.wall_ms, ==, 60000);
        json_decref(create("{\"argv\":[\"a\"],\"memory_bytes\":2147483648}", 400));
        json_decref(create("{\"argv\":[\"a\"],\"timeout_ms\":0}", 201));
        CHECK_INT(f->boxes[1].spec.wall_ms, ==, 60000);
        fixture_free(f);
}

TEST(job_wait_ends_at_its_time_limit)
{
        up();
        char path[128];
        auto_json json_t *o = create(TRUE_BODY, 201);
        auto_json json_t *e = NULL;
        snprintf(path, sizeof path, "/v1/jobs/%s/wait?timeout_ms=20", text_of(o, "id"));
        CHECK_INT(ask(f, "GET", path, NULL, &e), ==, 200);
        CHECK_STR(text_of(e, "state"), "running");
        fixture_free(f);
}

/* A command may be two megabytes long; what is kept of it for lists is not. */
TEST(sandbox_command_is_kept_cut_short)
{
        up();
        int n = 300000;
        char *body = xmalloc((size_t)n + 64);
        int at = snprintf(body, 64, "{\"argv\":[\"/bin/echo\",\"a\",\"");
        memset(body + at, 'x', (size_t)n);
        memcpy(body + at + n, "\"]}", 4);
        f->create_silent = true;
        struct client c;
        char head[128];
        client_init(&c, f->loop, connect_unix(f->sock));
        snprintf(head, sizeof head,
                 "POST /v1/sandboxes HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n\r\n",
                 strlen(body));
        client_send(&c, head, strlen(head));
        client_send(&c, body, strlen(body));
        while (!f->n_silent)
                client_turn(&c);
        auto_json json_t *list = NULL;
        CHECK_INT(ask(f, "GET", "/v1/jobs", NULL, &list), ==, 200);
        const json_t *argv =
                json_object_get(json_array_get(json_object_get(list, "jobs"), 0), "argv");
        CHECK_INT(json_array_size(argv), ==, 3);
        CHECK_STR(json_string_value(json_array_get(argv, 1)), "a");
        CHECK_INT(json_string_length(json_array_get(argv, 2)), <, 10000);
        peer_fail(f->silent[0], -EBUSY, "enough");
        client_done(&c);
        free(body);
        fixture_free(f);
}
