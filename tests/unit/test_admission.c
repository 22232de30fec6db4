/* Who may start a sandbox now, who waits, in which order: the api with a launch that the test is. */
#include "api_fixture.h"
#include "api/admission.h"
#include "api/live.h"

static struct fixture *f;

static void up(const char *setting, const char *value)
{
        f = fixture_new();
        fixture_set(f, "limits.queue_time", "60000");
        fixture_set(f, setting, value);
        fixture_api_up(f);
}

#define MAX_ASKED 16
static struct asked {
        struct ticket *t;
        int called, status, order;
        char why[ERR_TEXT_MAX];
} asked[MAX_ASKED];
static int order;

static void told(void *ctx, int status, const struct err *err)
{
        struct asked *a = ctx;
        a->called++;
        a->status = status;
        a->order = ++order;
        snprintf(a->why, sizeof a->why, "%s", err ? err->text : "");
}

static void want(struct asked *a, int64_t owner, uint64_t memory)
{
        struct want w = {.owner = owner, .memory_bytes = memory};
        a->t = admission_ask(f->api, &w, told, a);
}

static char *create(int status)
{
        static char id[ID_TEXT_LEN + 1];
        json_t *o = NULL;
        CHECK_INT(ask(f, "POST", "/v1/sandboxes", "{\"argv\":[\"a\"]}", &o), ==, status);
        snprintf(id, sizeof id, "%s", text_of(o, "id"));
        json_decref(o);
        return id;
}

TEST(admission_waits_for_room_and_goes_on_when_one_ends)
{
        up("limits.running", "1");
        create(201);
        want(&asked[0], 1, 0);
        fixture_turns(f, 5);
        CHECK_INT(asked[0].called, ==, 0);
        fake_end(f, &f->boxes[0], BOX_EXITED, 0);
        while (!asked[0].called)
                fixture_turns(f, 1);
        CHECK_INT(asked[0].status, ==, 0);
        fixture_free(f);
}

TEST(admission_memory_must_fit_the_host)
{
        up("limits.memory", "1073741824"); /* two of 512 MiB */
        create(201);
        create(201);
        fixture_set(f, "limits.queue_time", "1");
        json_t *o = NULL;
        CHECK_INT(ask(f, "POST", "/v1/sandboxes", "{\"argv\":[\"a\"]}", &o), ==, 429);
        CHECK_CONTAINS(text_of(json_object_get(o, "error"), "message"), "limits.memory");
        CHECK_CONTAINS(text_of(json_object_get(o, "error"), "message"), "place 1");
        json_decref(o);
        CHECK_INT(f->creates, ==, 2);
        o = NULL; /* what can never fit does not wait */
        CHECK_INT(ask(f, "POST", "/v1/sandboxes", "{\"argv\":[\"a\"],\"memory_bytes\":2147483648}",
                      &o),
                  ==, 400);
        json_decref(o);
        fixture_free(f);
}

TEST(admission_one_owner_at_his_limit_does_not_delay_another)
{
        up("limits.owner_running", "1");
        create(201);
        size_t place;
        int64_t me = f->api->jobs->owner;
        want(&asked[0], me, 0);
        want(&asked[1], me, 0);
        fixture_turns(f, 5);
        CHECK_INT(asked[0].called + asked[1].called, ==, 0);
        want(&asked[2], me + 1, 0);
        while (!asked[2].called)
                fixture_turns(f, 1);
        CHECK_INT(asked[2].status, ==, 0);
        CHECK_INT(asked[0].called, ==, 0);
        CHECK_INT(admission_waiting(f->api, me, &place), ==, 2);
        CHECK_INT(place, ==, 1);
        fixture_free(f);
}

/* One has asked for many, another comes later: he is next, for he has fewer running. */
TEST(admission_is_fair_between_owners)
{
        up("limits.running", "1");
        create(201);
        int64_t me = f->api->jobs->owner;
        fixture_set(f, "limits.running", "2");
        create(201);
        for (int i = 0; i < 3; i++)
                want(&asked[i], me, 0);
        want(&asked[3], me + 1, 0);
        fixture_turns(f, 5);
        fake_end(f, &f->boxes[0], BOX_EXITED, 0);
        while (!asked[3].called)
                fixture_turns(f, 1);
        CHECK_INT(asked[3].order, ==, 1);
        fixture_free(f);
}

TEST(admission_has_a_deadline_and_a_longest_queue)
{
        up("limits.owner_running", "1");
        create(201);
        int64_t me = f->api->jobs->owner;
        fixture_set(f, "limits.owner_waiting", "1");
        want(&asked[0], me, 0);
        want(&asked[1], me, 0);
        CHECK_INT(asked[1].status, ==, -EAGAIN);
        CHECK_CONTAINS(asked[1].why, "limits.owner_waiting");
        admission_cancel(asked[0].t);
        fixture_set(f, "limits.queue_time", "1");
        want(&asked[2], me, 0);
        while (!asked[2].called)
                fixture_turns(f, 1);
        CHECK_INT(asked[2].status, ==, -EAGAIN);
        CHECK_CONTAINS(asked[2].why, "limits.owner_running");
        fixture_free(f);
}

TEST(admission_creates_a_second)
{
        up("limits.owner_creates", "2");
        int refused = 0;
        for (int i = 0; i < 8; i++) { /* at most two whole seconds pass */
                want(&asked[i], 7, 0);
                refused += asked[i].status == -EAGAIN;
        }
        CHECK_INT(refused, >=, 2);
        CHECK_INT(asked[0].status, ==, 0);
        fixture_free(f);
}

TEST(admission_owners_do_not_reset_each_other)
{
        up("limits.owner_creates", "2");
        int refused = 0;
        for (int i = 0; i < 16; i++) { /* eight of each */
                want(&asked[i], i % 2 ? 7 : 7 + 256, 0);
                refused += asked[i].status == -EAGAIN;
        }
        CHECK_INT(refused, >=, 4);
        fixture_free(f);
}

TEST(admission_counts_again_after_a_restart_of_the_api)
{
        up("limits.memory", "1073741824");
        create(201);
        create(201);
        fixture_api_down(f);
        fixture_api_up(f);
        fixture_set(f, "limits.queue_time", "1");
        create(429);
        fake_end(f, &f->boxes[0], BOX_EXITED, 0);
        fixture_turns(f, 20);
        create(201);
        fixture_free(f);
}

TEST(admission_of_a_client_that_has_gone_is_forgotten)
{
        up("limits.running", "1");
        create(201);
        struct client c;
        size_t place;
        client_init(&c, f->loop, connect_unix(f->sock));
        static const char text[] = "POST /v1/sandboxes HTTP/1.1\r\nHost: x\r\nContent-Length: "
                                   "14\r\n\r\n{\"argv\":[\"b\"]}";
        client_send(&c, text, sizeof text - 1);
        while (admission_waiting(f->api, 0, &place) == 0)
                fixture_turns(f, 1);
        client_done(&c);
        while (admission_waiting(f->api, 0, &place) > 0)
                fixture_turns(f, 1);
        fake_end(f, &f->boxes[0], BOX_EXITED, 0);
        fixture_turns(f, 20);
        CHECK_INT(f->creates, ==, 1);
        fixture_free(f);
}

TEST(admission_memory_of_the_host_is_the_limit_when_none_is_given)
{
        json_t *o = NULL;
        const char *body = "{\"argv\":[\"a\"]}";
        up("host.sandbox_memory", "1073741824"); /* two of 512 MiB */
        create(201);
        create(201);
        fixture_set(f, "limits.queue_time", "1");
        CHECK_INT(ask(f, "POST", "/v1/sandboxes", body, &o), ==, 429);
        CHECK_CONTAINS(error_of(o), "limits.memory");
        json_decref(o);
        o = NULL;
        fixture_set(f, "limits.memory", "1610612736"); /* what is said counts */
        CHECK_INT(ask(f, "POST", "/v1/sandboxes", body, &o), ==, 201);
        json_decref(o);
        fixture_free(f);
}

/* Of the owners whose names begin so. */
static size_t kept_of(const char *owner)
{
        json_t *o = NULL;
        CHECK_INT(ask(f, "GET", "/v1/sandboxes?limit=1000&all=true", NULL, &o), ==, 200);
        size_t i, n = 0;
        json_t *v;
        json_array_foreach(json_object_get(o, "sandboxes"), i, v)
        {
                n += str_starts(text_of(v, "owner"), owner);
        }
        json_decref(o);
        return n;
}

TEST(the_kept_jobs_of_one_owner_do_not_push_out_those_of_another)
{
        char token[80];
        json_t *o = NULL;
        up("limits.owner_jobs", "3");
        user_token(f, "bob", "member", token);
        CHECK_INT(ask_as(f, token, "POST", "/v1/sandboxes", "{\"argv\":[\"a\"]}", &o), ==, 201);
        json_decref(o);
        for (int i = 0; i < 5; i++)
                create(201);
        for (size_t i = 0; i < f->n_boxes; i++)
                fake_end(f, &f->boxes[i], BOX_EXITED, 0);
        fixture_turns(f, 50);
        fixture_api_down(f);
        fixture_api_up(f); /* prunes */
        CHECK_INT(kept_of("u"), ==, 3);
        CHECK_INT(kept_of("bob"), ==, 1);
        fixture_free(f);
}

TEST(the_connections_of_one_user_are_not_all)
{
        struct client c[9];
        struct response r;
        const char *rq = "GET /v1/health HTTP/1.1\r\nHost: localhost\r\n\r\n";
        up("limits.owner_connections", "8");
        for (int i = 0; i < 9; i++) {
                client_init(&c[i], f->loop, connect_unix(f->sock));
                client_send(&c[i], rq, strlen(rq));
                CHECK_INT(client_response(&c[i], &r), ==, i < 8 ? 200 : 429);
                response_done(&r);
        }
        client_done(&c[0]);
        fixture_turns(f, 20);
        client_done(&c[8]);
        client_init(&c[8], f->loop, connect_unix(f->sock));
        client_send(&c[8], rq, strlen(rq));
        CHECK_INT(client_response(&c[8], &r), ==, 200);
        response_done(&r);
        for (int i = 1; i < 9; i++)
                client_done(&c[i]);
        fixture_free(f);
}
