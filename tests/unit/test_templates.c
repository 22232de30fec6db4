/* Templates: the api with a launch that the test is. */
#include "api_fixture.h"
#include "api/warm.h"
#include "base/clock.h"
#include "store/images.h"
#include "store/templates.h"

static struct fixture *f;
static bool hold; /* a template does not become ready by itself */

static void on_create(struct fixture *x, struct fake_box *b)
{
        if (b->spec.profile == BOX_TEMPLATE && !hold)
                fake_ready(x, b);
}

static void up(void)
{
        f = fixture_new();
        fixture_set(f, "limits.queue_time", "60000");
        f->on_create = on_create;
        hold = false;
        fixture_api_up(f);
}

static void post(const char *body, int status)
{
        json_t *o = NULL;
        int got = ask(f, "POST", "/v1/templates", body, &o);
        if (got != status)
                test_failed(__FILE__, __LINE__, "%d for %s: %s", got, body, error_of(o));
        json_decref(o);
}

/* The status; the message of an error in why. */
static char why[ERR_TEXT_MAX];
static int run_from(const char *template)
{
        char body[128];
        json_t *o = NULL;
        snprintf(body, sizeof body, "{\"argv\":[\"python3\"],\"template\":\"%s\"}", template);
        int status = ask(f, "POST", "/v1/sandboxes", body, &o);
        snprintf(why, sizeof why, "%s", error_of(o));
        json_decref(o);
        return status;
}

static const char *state(const char *name)
{
        static char text[32];
        char path[64];
        json_t *o = NULL;
        snprintf(path, sizeof path, "/v1/templates/%s", name);
        CHECK_INT(ask(f, "GET", path, NULL, &o), ==, 200);
        snprintf(text, sizeof text, "%s", text_of(o, "state"));
        json_decref(o);
        return text;
}

TEST(a_template_starts_with_its_first_use_and_is_used_again)
{
        up();
        post("{\"name\":\"py\",\"imports\":[\"json\",\"os.path\"],\"memory_bytes\":67108864}", 201);
        CHECK_INT(f->creates, ==, 0);
        CHECK_STR(state("py"), "stopped");
        CHECK_INT(run_from("py"), ==, 201);
        CHECK_INT(f->creates, ==, 2);
        struct fake_box *t = &f->boxes[0], *b = &f->boxes[1];
        CHECK_INT(t->spec.profile, ==, BOX_TEMPLATE);
        CHECK_INT(t->spec.memory_bytes, ==, 67108864);
        CHECK_INT(t->spec.wall_ms, ==, 0);
        CHECK_STR(t->args,
                  "python3 /.paddock/warm/python.py /.paddock/warm/libwarm.so json os.path");
        CHECK_STR(b->spec.template, t->id);
        CHECK_INT(b->spec.profile, ==, BOX_RUN);
        CHECK_STR(state("py"), "ready");
        CHECK_INT(run_from("py"), ==, 201);
        CHECK_INT(f->creates, ==, 3);
        CHECK_STR(f->boxes[2].spec.template, t->id);
        fixture_free(f);
}

TEST(a_template_is_its_owners_alone)
{
        char token[80];
        json_t *o = NULL;
        const char *body = "{\"argv\":[\"a\"],\"template\":\"py\"}";
        up();
        post("{\"name\":\"py\"}", 201);
        CHECK_INT(run_from("py"), ==, 201);
        user_token(f, "bob", "member", token);
        CHECK_INT(ask_as(f, token, "GET", "/v1/templates/py", NULL, &o), ==, 404);
        json_decref(o);
        CHECK_INT(ask_as(f, token, "POST", "/v1/sandboxes", body, &o), ==, 404);
        json_decref(o);
        CHECK_INT(ask_as(f, token, "POST", "/v1/templates", "{\"name\":\"py\"}", &o), ==, 201);
        json_decref(o);
        CHECK_INT(ask_as(f, token, "POST", "/v1/sandboxes", body, &o), ==, 201);
        json_decref(o);
        CHECK_INT(f->creates, ==, 4); /* bob has a process of his own */
        CHECK_STR(f->boxes[3].spec.template, f->boxes[2].id);
        CHECK_INT(ask_as(f, token, "DELETE", "/v1/templates/py", NULL, &o), ==, 409);
        json_decref(o);
        fixture_free(f);
}

TEST(what_a_template_may_be)
{
        static const char *const bad[] = {
                "{\"name\":\"-x\"}",
                "{\"name\":\"x\",\"runtime\":\"node\"}",
                "{\"name\":\"x\",\"runtime\":\"perl\"}",
                "{\"name\":\"x\",\"imports\":[\"a b\"]}",
                "{\"name\":\"x\",\"imports\":[\"-c\"]}",
                "{\"name\":\"x\",\"imports\":[\"\"]}",
                "{\"name\":\"x\",\"imports\":[\".a\"]}",
                "{\"name\":\"x\",\"imports\":[\"/x\"]}",
                "{\"name\":\"x\",\"runtime\":\"shell\",\"imports\":[\"a\"]}",
                "{\"name\":\"x\",\"memory_bytes\":1}",
        };
        up();
        fixture_set(f, "templates.memory", "1073741824");
        for (size_t i = 0; i < ARRAY_LEN(bad); i++)
                post(bad[i], 400);
        post("{\"name\":\"x\",\"memory_bytes\":2147483648}", 400);
        post("{\"name\":\"x\",\"image\":\"none\"}", 404);
        post("{\"name\":\"x\"}", 201);
        post("{\"name\":\"x\"}", 200);
        post("{\"name\":\"x\",\"memory_bytes\":67108864}", 409);
        fixture_free(f);
}

TEST(what_cannot_be_forked_is_refused)
{
        static const char *const bad[] = {"\"tty\":true",
                                          "\"disk_bytes\":1073741824",
                                          "\"network\":\"proxy\"",
                                          "\"secrets\":[{\"secret\":\"s\"}]",
                                          "\"gpu\":[\"nvidia.com/gpu=0\"]",
                                          "\"driver\":\"runsc\"",
                                          "\"image\":\"other\""};
        up();
        post("{\"name\":\"py\"}", 201);
        for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
                char body[256];
                json_t *o = NULL;
                snprintf(body, sizeof body, "{\"argv\":[\"a\"],\"template\":\"py\",%s}", bad[i]);
                CHECK_INT(ask(f, "POST", "/v1/sandboxes", body, &o), ==, 400);
                CHECK_CONTAINS(error_of(o), "template");
                json_decref(o);
        }
        CHECK_INT(f->creates, ==, 0);
        fixture_free(f);
}

static void dies_at_once(struct fixture *x, struct fake_box *b)
{
        const char *text = "Traceback:\nNo module named 'nope'\n";
        CHECK_INT(write(b->err, text, strlen(text)), ==, (ssize_t)strlen(text));
        fake_end(x, b, BOX_EXITED, 1);
}

TEST(a_failing_import_is_told_and_kept)
{
        json_t *o = NULL;
        up();
        f->on_create = dies_at_once;
        post("{\"name\":\"py\",\"imports\":[\"nope\"]}", 201);
        CHECK_INT(run_from("py"), ==, 400);
        CHECK_CONTAINS(why, "Traceback:|No module named 'nope'");
        CHECK_INT(ask(f, "GET", "/v1/templates/py", NULL, &o), ==, 200);
        CHECK_CONTAINS(text_of(o, "error"), "nope");
        json_decref(o);
        f->on_create = on_create;
        CHECK_INT(run_from("py"), ==, 201);
        CHECK_INT(ask(f, "GET", "/v1/templates/py", NULL, &o), ==, 200);
        CHECK(json_is_null(json_object_get(o, "error")));
        json_decref(o);
        fixture_free(f);
}

static void talks(struct fixture *x, struct fake_box *b)
{
        static const char text[8000] = "warning";
        if (b->spec.profile != BOX_TEMPLATE)
                return;
        CHECK_INT(write(b->err, text, sizeof text), ==, (ssize_t)sizeof text);
        CHECK_INT(write(b->out, text, sizeof text), ==, (ssize_t)sizeof text);
        fake_ready(x, b);
}

TEST(one_that_talks_and_goes_on_stops_nobody)
{
        up();
        f->on_create = talks;
        post("{\"name\":\"py\"}", 201);
        CHECK_INT(run_from("py"), ==, 201);
        fixture_turns(f, 5);
        CHECK_STR(state("py"), "ready");
        fixture_free(f);
}

TEST(the_budget_ends_the_idle_one_that_was_used_longest_ago)
{
        up();
        fixture_set(f, "templates.memory", "1610612736"); /* three of 512 MiB */
        const char *names[] = {"a", "b", "c", "d"};
        for (int i = 0; i < 4; i++) {
                char body[64];
                snprintf(body, sizeof body, "{\"name\":\"%s\"}", names[i]);
                post(body, 201);
        }
        for (int i = 0; i < 3; i++) {
                CHECK_INT(run_from(names[i]), ==, 201);
                if (i) /* only a is in use */
                        fake_end(f, &f->boxes[f->n_boxes - 1], BOX_EXITED, 0);
                fixture_turns(f, 5);
        }
        CHECK_INT(run_from("d"), ==, 201);
        CHECK_STR(state("a"), "ready");
        CHECK_STR(state("b"), "stopped");
        CHECK_STR(state("c"), "ready");
        CHECK_INT(run_from("c"), ==, 201);
        CHECK_INT(run_from("b"), ==, 429); /* a, c and d are in use */
        CHECK_CONTAINS(why, "templates.memory");
        fixture_free(f);
}

TEST(templates_count_in_the_memory_of_the_host_and_make_room)
{
        up();
        fixture_set(f, "limits.memory", "1073741824");
        post("{\"name\":\"py\"}", 201);
        CHECK_INT(run_from("py"), ==, 201);
        fake_end(f, &f->boxes[1], BOX_EXITED, 0);
        fixture_turns(f, 5);
        json_t *o = NULL;
        CHECK_INT(ask(f, "POST", "/v1/sandboxes", "{\"argv\":[\"a\"]}", &o), ==, 201);
        json_decref(o);
        CHECK_STR(state("py"), "ready");
        CHECK_INT(ask(f, "POST", "/v1/sandboxes", "{\"argv\":[\"a\"]}", &o), ==, 201);
        json_decref(o);
        CHECK_STR(state("py"), "stopped");
        fixture_free(f);
}

TEST(a_restarted_api_finds_the_process_again)
{
        up();
        post("{\"name\":\"py\"}", 201);
        CHECK_INT(run_from("py"), ==, 201);
        fixture_api_down(f);
        fixture_api_up(f);
        fixture_turns(f, 5);
        CHECK_INT(f->stops, ==, 0);
        CHECK_STR(state("py"), "ready");
        CHECK_INT(run_from("py"), ==, 201);
        CHECK_INT(f->creates, ==, 3);
        CHECK_STR(f->boxes[2].spec.template, f->boxes[0].id);
        fixture_free(f);
}

TEST(what_launch_has_lost_is_started_anew)
{
        up();
        post("{\"name\":\"py\"}", 201);
        CHECK_INT(run_from("py"), ==, 201);
        fixture_down(&f->near_launch, &f->far_launch);
        f->boxes[0].id[0] = f->boxes[1].id[0] = '\0';
        fixture_launch_up(f);
        fixture_turns(f, 5);
        CHECK_STR(state("py"), "stopped");
        CHECK_INT(run_from("py"), ==, 201);
        CHECK_INT(f->creates, ==, 4);
        fixture_free(f);
}

TEST(one_that_died_is_started_again_unless_it_dies_at_once)
{
        up();
        post("{\"name\":\"py\"}", 201);
        CHECK_INT(run_from("py"), ==, 201);
        fake_end(f, &f->boxes[0], BOX_OOM, 9);
        fixture_turns(f, 5);
        CHECK_STR(state("py"), "stopped");
        CHECK_INT(run_from("py"), ==, 201);
        uint64_t until = clock_boot_ms() + 1100;
        while (clock_boot_ms() < until)
                fixture_turns(f, 1);
        int before = f->creates;
        fake_end(f, &f->boxes[2], BOX_OOM, 9);
        while (f->creates == before)
                fixture_turns(f, 1);
        fixture_turns(f, 5);
        CHECK_STR(state("py"), "ready");
        fixture_free(f);
}

static void put_image(const char *key)
{
        char manifest[256];
        json_t *o = NULL;
        CHECK_INT(ask(f, "GET", "/v1/images", NULL, &o), ==, 200); /* the caller is known now */
        json_decref(o);
        struct user u;
        CHECK_INT(users_of_uid(f->api->db, (uint32_t)getuid(), &u, NULL), ==, 0);
        snprintf(manifest, sizeof manifest, "{\"host\":true,\"layers\":[{\"key\":\"%s\"}]}", key);
        struct image_row row = {.name = "img", .owner = u.id, .manifest = manifest};
        CHECK_INT(images_put(f->api->db, &row, NULL), ==, 0);
}

TEST(another_image_under_the_name_needs_another_process)
{
        static const char one[] =
                "1111111111111111111111111111111111111111111111111111111111111111";
        static const char two[] =
                "2222222222222222222222222222222222222222222222222222222222222222";
        up();
        put_image(one);
        post("{\"name\":\"py\",\"image\":\"img\"}", 201);
        CHECK_INT(run_from("py"), ==, 201);
        CHECK_STR(f->boxes[0].spec.layers[0].key, one);
        CHECK_STR(f->boxes[1].spec.layers[0].key, one);
        put_image(two);
        CHECK_INT(run_from("py"), ==, 201);
        CHECK_INT(f->creates, ==, 4);
        CHECK_STR(f->boxes[2].spec.layers[0].key, two);
        CHECK_STR(f->boxes[3].spec.template, f->boxes[2].id);
        CHECK(!f->boxes[0].ended); /* a sandbox of it runs */
        fake_end(f, &f->boxes[1], BOX_EXITED, 0);
        fixture_turns(f, 5);
        CHECK_INT(run_from("py"), ==, 201);
        fixture_turns(f, 5);
        CHECK(f->boxes[0].ended);
        fixture_free(f);
}

TEST(a_client_that_leaves_while_it_starts)
{
        up();
        hold = true;
        post("{\"name\":\"py\"}", 201);
        struct client c;
        const char *rq = "POST /v1/sandboxes HTTP/1.1\r\nHost: localhost\r\nContent-Length: "
                         "33\r\n\r\n{\"argv\":[\"a\"], \"template\": \"py\" }";
        client_init(&c, f->loop, connect_unix(f->sock));
        client_send(&c, rq, strlen(rq));
        for (int i = 0; i < 500 && f->creates == 0; i++)
                fixture_turns(f, 1);
        CHECK_INT(f->creates, ==, 1);
        client_done(&c);
        fixture_turns(f, 20);
        fake_ready(f, &f->boxes[0]);
        fixture_turns(f, 20);
        CHECK_INT(f->creates, ==, 1);
        CHECK_STR(state("py"), "ready");
        fixture_free(f);
}

static void on_create_noisy(struct fixture *x, struct fake_box *b)
{
        x->out_from = NULL;
        on_create(x, b);
}

TEST(a_template_that_never_stops_writing_does_not_stop_the_api)
{
        up();
        f->on_create = on_create_noisy;
        f->out_from = "/dev/random";
        post("{\"name\":\"noisy\"}", 201);
        CHECK_INT(run_from("noisy"), ==, 201);
        CHECK_STR(state("noisy"), "ready");
        fixture_free(f);
}
