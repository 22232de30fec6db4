/* Commands in a running sandbox, files of one, its figures, its events: the api with a launch that
 * the test is. */
#include "api_fixture.h"
#include "net/stream.h"
#include "link/files.h"

static struct fixture *f;
static char box[ID_TEXT_LEN + 1], exec_id[ID_TEXT_LEN + 1];

static void up(const char *body)
{
        json_t *o = NULL;
        f = fixture_new();
        fixture_api_up(f);
        CHECK_INT(ask(f, "POST", "/v1/sandboxes", body, &o), ==, 201);
        CHECK(json_is_false(json_object_get(o, "reused")));
        snprintf(box, sizeof box, "%s", text_of(o, "id"));
        json_decref(o);
}

static int ask_box(const char *method, const char *suffix, const char *body, json_t **ret)
{
        char path[200];
        snprintf(path, sizeof path, "/v1/sandboxes/%s%s", box, suffix);
        return ask(f, method, path, body, ret);
}

static struct fake_exec *begin(const char *body)
{
        json_t *o = NULL;
        size_t n = f->n_execs;
        CHECK_INT(ask_box("POST", "/exec", body, &o), ==, 201);
        CHECK_STR(text_of(o, "kind"), "exec");
        CHECK_STR(text_of(o, "sandbox"), box);
        snprintf(exec_id, sizeof exec_id, "%s", text_of(o, "id"));
        json_decref(o);
        CHECK_INT(f->n_execs, ==, n + 1);
        return &f->execs[n];
}

static json_t *wait_for(const char *id)
{
        char path[200];
        json_t *o = NULL;
        snprintf(path, sizeof path, "/v1/jobs/%s/wait", id);
        CHECK_INT(ask(f, "GET", path, NULL, &o), ==, 200);
        return o;
}

static const char *reason_of(const json_t *job)
{
        return text_of(json_object_get(job, "result"), "reason");
}

TEST(exec_runs_and_has_a_result_of_its_own)
{
        up("{\"name\":\"dev\"}");
        snprintf(box, sizeof box, "dev"); /* by its name */
        json_t *o = NULL;
        CHECK_INT(ask_box("POST", "/exec",
                          "{\"argv\":[\"id\"],\"workdir\":\"/tmp\",\"timeout_ms\":900}", &o),
                  ==, 201);
        auto_json json_t *made = o;
        struct fake_exec *e = &f->execs[0];
        CHECK_STR(e->asked.id, f->boxes[0].id);
        CHECK_STR(e->asked.workdir, "/tmp");
        CHECK_INT(e->asked.wall_ms, ==, 900);
        CHECK_INT(write(e->out, "out", 3), ==, 3);
        fake_exec_end(f, e, BOX_EXITED, 3);
        auto_json json_t *done = wait_for(text_of(made, "id"));
        CHECK_INT(json_integer_value(json_object_get(json_object_get(done, "result"), "exit_code")),
                  ==, 3);
        CHECK_INT(json_integer_value(
                          json_object_get(json_object_get(done, "result"), "output_bytes")),
                  ==, 3);
        fixture_turns(f, 5);
        CHECK_INT(f->exec_forgets, ==, 1);
        CHECK(!f->boxes[0].ended);
        fixture_free(f);
}

TEST(exec_needs_a_command_and_a_sandbox_that_runs)
{
        static const struct {
                const char *body, *says;
        } bad[] = {{"{}", "argv"},
                   {"{\"argv\":[]}", "argv"},
                   {"{\"argv\":[\"a\"],\"workdir\":\"x\"}", "workdir"},
                   {"{\"argv\":[\"a\"],\"workdir\":\"/../x\"}", "workdir"},
                   {"{\"argv\":[\"a\"],\"rows\":70000}", "rows"},
                   {"{\"argv\":[\"a\"],\"timeout_ms\":-1}", "timeout_ms"},
                   {"{\"argv\":[\"a\"],\"env\":{\"A=B\":\"\"}}", "env"}};
        up("{}");
        for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
                json_t *o = NULL;
                CHECK_INT(ask_box("POST", "/exec", bad[i].body, &o), ==, 400);
                CHECK_CONTAINS(text_of(json_object_get(o, "error"), "message"), bad[i].says);
                json_decref(o);
        }
        CHECK_INT(f->n_execs, ==, 0);
        f->exec_status = -EAGAIN;
        CHECK_INT(ask_box("POST", "/exec", "{\"argv\":[\"a\"]}", NULL), ==, 429);
        f->exec_status = 0;
        fake_end(f, &f->boxes[0], BOX_EXITED, 0);
        json_decref(wait_for(box));
        CHECK_INT(ask_box("POST", "/exec", "{\"argv\":[\"a\"]}", NULL), ==, 409);
        auto_json json_t *list = NULL;
        CHECK_INT(ask_box("GET", "/exec", NULL, &list), ==, 200);
        CHECK_INT(json_array_size(json_object_get(list, "execs")), ==, 0);
        fixture_free(f);
}

TEST(exec_is_killed_with_its_sandbox_and_removed_with_it)
{
        up("{}");
        struct fake_exec *e = begin("{\"argv\":[\"sleep\"]}");
        fake_exec_close(e);
        fake_end(f, &f->boxes[0], BOX_OOM, 9); /* and no word of the exec */
        auto_json json_t *o = wait_for(exec_id);
        CHECK_STR(reason_of(o), "oom");
        json_decref(wait_for(box));
        CHECK_INT(ask_box("DELETE", "", NULL, NULL), ==, 200);
        char path[100];
        snprintf(path, sizeof path, "/v1/jobs/%s", exec_id);
        CHECK_INT(ask(f, "GET", path, NULL, NULL), ==, 404);
        fixture_free(f);
}

TEST(exec_goes_on_while_the_api_is_started_again)
{
        up("{}");
        struct fake_exec *e = begin("{\"argv\":[\"a\"]}"), *gone = begin("{\"argv\":[\"b\"]}");
        char second[ID_TEXT_LEN + 1];
        memcpy(second, exec_id, sizeof second);
        char first[ID_TEXT_LEN + 1];
        memcpy(first, e->asked.exec, sizeof first);
        CHECK_INT(write(e->out, "before ", 7), ==, 7);
        fixture_turns(f, 5);
        fixture_api_down(f);
        fake_exec_close(gone);
        gone->asked.exec[0] = '\0'; /* launch has forgotten it */
        CHECK_INT(write(e->out, "after", 5), ==, 5);
        fixture_api_up(f);
        auto_json json_t *lost = wait_for(second);
        CHECK_STR(reason_of(lost), "lost");
        fake_exec_end(f, e, BOX_EXITED, 0);
        auto_json json_t *o = wait_for(first);
        CHECK_STR(reason_of(o), "exited");
        CHECK_INT(json_integer_value(json_object_get(json_object_get(o, "result"), "output_bytes")),
                  ==, 12);
        fixture_free(f);
}

TEST(exec_that_nobody_here_knows_is_ended)
{
        up("{}");
        begin("{\"argv\":[\"a\"]}");
        fixture_api_down(f);
        memcpy(f->execs[0].asked.exec, id_new().s, ID_TEXT_LEN + 1);
        fixture_api_up(f);
        while (!f->execs[0].ended)
                fixture_turns(f, 1);
        CHECK_INT(f->last_signal, ==, SIGKILL);
        fixture_free(f);
}

/* ---- by its stream ---- */

static void open_stream(struct client *c)
{
        struct response r;
        char text[300];
        client_init(c, f->loop, connect_unix(f->sock));
        snprintf(text, sizeof text,
                 "GET /v1/sandboxes/%s/exec/%s/stream HTTP/1.1\r\nHost: x\r\n"
                 "Connection: Upgrade\r\nUpgrade: paddock-stream/1\r\n\r\n",
                 box, exec_id);
        client_send(c, text, strlen(text));
        CHECK_INT(client_head(c, &r), ==, 101);
        response_done(&r);
}

static void say(struct client *c, enum stream_type type, const void *p, size_t n)
{
        CLEANUP(buf_done) struct buf b;
        buf_init(&b, 1u << 17);
        CHECK_INT(stream_put(&b, type, p, n), ==, 0);
        client_send(c, b.data, b.len);
}

static void until_frame(struct client *c, enum stream_type type)
{
        struct stream_frame fr;
        for (;;) {
                int r = stream_next(&c->in, &fr);
                CHECK_INT(r, >=, 0);
                if (r == 1 && fr.type == type)
                        return;
                if (r == 1)
                        buf_consume(&c->in, STREAM_HEAD + fr.len);
                else
                        client_turn(c);
        }
}

TEST(exec_stream_carries_stdin_signals_and_output)
{
        up("{}");
        struct fake_exec *e = begin("{\"argv\":[\"cat\"],\"stdin\":true}");
        struct client c;
        char got[16] = {0};
        open_stream(&c);
        say(&c, STREAM_STDIN, "hello", 5);
        until_frame(&c, STREAM_STDIN_ACK);
        CHECK_INT(read(e->in, got, sizeof got), ==, 5);
        say(&c, STREAM_SIGNAL, "\x0f\0\0\0", 4);
        while (!f->exec_signals)
                client_turn(&c);
        CHECK_INT(f->last_signal, ==, 15);
        CHECK_INT(f->signals, ==, 0); /* the main command hears nothing */
        CHECK_INT(write(e->err, "oops", 4), ==, 4);
        until_frame(&c, STREAM_STDERR);
        fake_exec_end(f, e, BOX_EXITED, 0);
        until_frame(&c, STREAM_RESULT);
        CHECK_INT(f->touches, >=, 1);
        client_done(&c);
        fixture_free(f);
}

TEST(exec_terminal_is_one_descriptor_both_ways)
{
        up("{}");
        struct fake_exec *e =
                begin("{\"argv\":[\"sh\"],\"stdin\":true,\"tty\":true,\"rows\":30,\"cols\":99}");
        CHECK_INT(e->asked.tty, ==, 1);
        CHECK_INT(e->asked.rows * 1000 + e->asked.cols, ==, 30099);
        struct client c;
        char got[16] = {0};
        open_stream(&c);
        CHECK_INT(write(e->in, "$ ", 2), ==, 2);
        until_frame(&c, STREAM_STDOUT);
        say(&c, STREAM_STDIN, "ls\r", 3);
        say(&c, STREAM_STDIN_END, NULL, 0);
        until_frame(&c, STREAM_STDIN_ACK);
        CHECK_INT(recv(e->in, got, 4, MSG_WAITALL), ==, 4);
        CHECK_STR(got, "ls\r\x04"); /* the end of input is a key */
        fake_exec_end(f, e, BOX_EXITED, 0);
        until_frame(&c, STREAM_RESULT);
        client_done(&c);
        fixture_free(f);
}

TEST(exec_of_another_sandbox_is_404)
{
        up("{}");
        begin("{\"argv\":[\"a\"]}");
        json_t *o = NULL;
        CHECK_INT(ask(f, "POST", "/v1/sandboxes", "{}", &o), ==, 201);
        snprintf(box, sizeof box, "%s", text_of(o, "id"));
        json_decref(o);
        char suffix[100];
        snprintf(suffix, sizeof suffix, "/exec/%s", exec_id);
        CHECK_INT(ask_box("GET", suffix, NULL, NULL), ==, 404);
        snprintf(suffix, sizeof suffix, "/exec/%s/signal", exec_id);
        CHECK_INT(ask_box("POST", suffix, "{\"signal\":9}", NULL), ==, 404);
        CHECK_INT(f->exec_signals, ==, 0);
        fixture_free(f);
}

/* ---- output limits ---- */

TEST(output_limit_ends_the_sandbox_with_reason_output)
{
        up("{\"argv\":[\"yes\"],\"output_limit_bytes\":1000}");
        char block[4096] = {0};
        CHECK_INT(write(f->boxes[0].out, block, 1000), ==, 1000);
        fixture_turns(f, 10);
        CHECK_INT(f->stops, ==, 0);
        CHECK_INT(write(f->boxes[0].out, block, 1), ==, 1);
        auto_json json_t *o = wait_for(box);
        CHECK_INT(f->stops, ==, 1);
        CHECK_INT(f->stop_reason, ==, BOX_OUTPUT);
        CHECK_STR(reason_of(o), "output");
        fixture_free(f);
}

TEST(output_limit_of_an_exec_ends_it_alone)
{
        up("{}");
        struct fake_exec *e = begin("{\"argv\":[\"yes\"],\"output_limit_bytes\":10}");
        CHECK_INT(write(e->out, "more than ten bytes", 19), ==, 19);
        auto_json json_t *o = wait_for(exec_id);
        CHECK_STR(reason_of(o), "output");
        CHECK(!f->boxes[0].ended);
        fixture_free(f);
}

/* ---- figures, freezing, events, labels ---- */

TEST(sandbox_stats_freeze_and_events)
{
        up("{\"argv\":[\"a\"]}");
        auto_json json_t *s = NULL;
        CHECK_INT(ask_box("GET", "/stats", NULL, &s), ==, 200);
        CHECK_INT(json_integer_value(json_object_get(s, "cpu_us")), ==, 42);
        CHECK_INT(ask_box("POST", "/freeze", "{}", NULL), ==, 200);
        CHECK_INT(ask_box("POST", "/thaw", "{}", NULL), ==, 200);
        CHECK_INT(f->freezes * 10 + f->thaws, ==, 11);
        begin("{\"argv\":[\"b\"]}");
        fake_exec_end(f, &f->execs[0], BOX_EXITED, 0);
        json_decref(wait_for(exec_id));
        fake_end(f, &f->boxes[0], BOX_EXITED, 5);
        json_decref(wait_for(box));
        CHECK_INT(ask_box("GET", "/stats", NULL, NULL), ==, 409);
        struct client c;
        struct response r;
        char text[200];
        client_init(&c, f->loop, connect_unix(f->sock));
        snprintf(text, sizeof text, "GET /v1/sandboxes/%s/events HTTP/1.1\r\nHost: x\r\n\r\n", box);
        client_send(&c, text, strlen(text));
        CHECK_INT(client_response(&c, &r), ==, 200); /* it ends: so did the sandbox */
        static const char *const in_order[] = {"created",     "started",    "frozen",      "thawed",
                                               "event: exec", "exec-ended", "event: ended"};
        const char *at = buf_text(&r.body);
        for (size_t i = 0; i < ARRAY_LEN(in_order); i++) {
                at = strstr(at, in_order[i]);
                CHECK(at != NULL);
        }
        CHECK_CONTAINS(at, "\"exit_code\":5");
        response_done(&r);
        client_done(&c);
        fixture_free(f);
}

/* What an operator does to somebody's sandbox is told to whose it is. */
TEST(sandbox_events_of_an_operators_act_are_the_owners)
{
        char ann[80], boss[80], text[300], id[ID_TEXT_LEN + 1];
        struct client c;
        f = fixture_new();
        fixture_api_up(f);
        user_token(f, "ann", "member", ann);
        user_token(f, "boss", "operator", boss);
        client_init(&c, f->loop, connect_tcp(f->port));
        snprintf(text, sizeof text,
                 "GET /v1/sandboxes/events HTTP/1.1\r\nHost: localhost\r\n"
                 "Authorization: Bearer %s\r\n\r\n",
                 ann);
        client_send(&c, text, strlen(text));
        json_t *o = NULL;
        CHECK_INT(ask_as(f, ann, "POST", "/v1/sandboxes", "{\"argv\":[\"a\"]}", &o), ==, 201);
        snprintf(id, sizeof id, "%s", text_of(o, "id"));
        json_decref(o);
        snprintf(text, sizeof text, "/v1/sandboxes/%s/freeze", id);
        CHECK_INT(ask_as(f, boss, "POST", text, "{}", NULL), ==, 200);
        snprintf(text, sizeof text, "/v1/sandboxes/%s/exec", id);
        CHECK_INT(ask_as(f, boss, "POST", text, "{\"argv\":[\"b\"]}", &o), ==, 201);
        CHECK_STR(text_of(o, "owner"), "ann");
        json_decref(o);
        for (int i = 0; i < 1000 && !strstr(buf_text(&c.in), "event: exec"); i++)
                client_turn(&c);
        CHECK_CONTAINS(buf_text(&c.in), "event: frozen");
        CHECK_CONTAINS(buf_text(&c.in), "event: exec");
        client_done(&c);
        fixture_free(f);
}

TEST(sandbox_events_of_the_past_come_from_the_store)
{
        up("{\"argv\":[\"a\"]}");
        fake_end(f, &f->boxes[0], BOX_EXITED, 6);
        json_decref(wait_for(box));
        fixture_api_down(f);
        fixture_api_up(f);
        struct client c;
        struct response r;
        char text[200];
        client_init(&c, f->loop, connect_unix(f->sock));
        snprintf(text, sizeof text, "GET /v1/sandboxes/%s/events HTTP/1.1\r\nHost: x\r\n\r\n", box);
        client_send(&c, text, strlen(text));
        CHECK_INT(client_response(&c, &r), ==, 200);
        CHECK_CONTAINS(buf_text(&r.body), "\"exit_code\":6");
        response_done(&r);
        client_done(&c);
        fixture_free(f);
}

TEST(sandbox_labels_select)
{
        up("{\"argv\":[\"a\"],\"labels\":{\"app\":\"one\"}}");
        CHECK_INT(ask(f, "POST", "/v1/sandboxes", "{\"labels\":{\"app\":\"two\"}}", NULL), ==, 201);
        auto_json json_t *o = NULL;
        CHECK_INT(ask(f, "GET", "/v1/sandboxes?label=app%3Done", NULL, &o), ==, 200);
        json_t *list = json_object_get(o, "sandboxes");
        CHECK_INT(json_array_size(list), ==, 1);
        CHECK_STR(text_of(json_array_get(list, 0), "id"), box);
        CHECK_INT(ask(f, "GET", "/v1/sandboxes?label=app", NULL, NULL), ==, 400);
        CHECK_INT(ask(f, "GET", "/v1/sandboxes?label=%22%3D1", NULL, NULL), ==, 400);
        fixture_free(f);
}
