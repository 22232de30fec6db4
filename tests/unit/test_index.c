#include "files_fake.h"

static struct fixture *f;

/* ---- rag ---- */

static struct peer_request *asked[16];
static struct rag_index last_index;
static struct rag_query last_query;
static struct rag_list last_list;
static int indexes, searches, removes;

static void rag_on_index(void *ctx UNUSED, struct peer_request *rq, const void *req,
                         int *fds UNUSED, uint32_t n UNUSED)
{
        last_index = *(const struct rag_index *)req;
        CHECK_INT(indexes, <, 16);
        asked[indexes++] = rq;
}

static void say(int i, uint32_t state, uint32_t done, const char *path, const char *reason)
{
        struct rag_progress p = {.state = state, .total = 10, .done = done, .passages = 3 * done};
        snprintf(p.path, sizeof p.path, "%s", path);
        snprintf(p.reason, sizeof p.reason, "%s", reason);
        peer_reply(asked[i], &p, NULL, 0, state < RAG_DONE);
}

static void rag_on_search(void *ctx UNUSED, struct peer_request *rq, const void *req,
                          int *fds UNUSED, uint32_t n UNUSED)
{
        struct rag_hit h = {.path = "a.txt", .page = 2, .score_e6 = 1500000, .text = {"found", 5}};
        last_query = *(const struct rag_query *)req;
        searches++;
        snprintf(h.heading, sizeof h.heading, "A > B");
        peer_reply(rq, &h, NULL, 0, true);
        h = (struct rag_hit){.text = {"", 0}};
        peer_reply(rq, &h, NULL, 0, false);
}

static void rag_on_docs(void *ctx UNUSED, struct peer_request *rq, const void *req, int *fds UNUSED,
                        uint32_t n UNUSED)
{
        struct rag_doc d = {.status = "indexed", .passages = 2};
        last_list = *(const struct rag_list *)req;
        if (!last_list.path[0] || str_eq(last_list.path, "a.txt")) {
                snprintf(d.path, sizeof d.path, "a.txt");
                peer_reply(rq, &d, NULL, 0, true);
        }
        d = (struct rag_doc){0};
        peer_reply(rq, &d, NULL, 0, false);
}

static void rag_on_passages(void *ctx UNUSED, struct peer_request *rq, const void *req,
                            int *fds UNUSED, uint32_t n UNUSED)
{
        const struct rag_list *l = req;
        struct rag_hit h = {.text = {"passage", 7}};
        /* 700 of them, at most `limit` at once */
        uint32_t from = l->after_ordinal ? l->after_ordinal + 1 : 0;
        for (uint32_t i = from; i < 700 && i < from + l->limit; i++) {
                snprintf(h.path, sizeof h.path, "%s", l->path);
                h.ordinal = i;
                peer_reply(rq, &h, NULL, 0, true);
        }
        h = (struct rag_hit){.text = {"", 0}};
        peer_reply(rq, &h, NULL, 0, false);
}

static void rag_on_remove(void *ctx UNUSED, struct peer_request *rq, const void *req,
                          int *fds UNUSED, uint32_t n UNUSED)
{
        const struct rag_list *l = req;
        struct rag_count c = {.docs = str_eq(l->path, "a.txt")};
        removes++;
        peer_reply(rq, &c, NULL, 0, false);
}

static void rag_on_status(void *ctx UNUSED, struct peer_request *rq, const void *req UNUSED,
                          int *fds UNUSED, uint32_t n UNUSED)
{
        struct rag_count c = {4, 40, 1};
        peer_reply(rq, &c, NULL, 0, false);
}

static void up(void)
{
        static const struct peer_handler handlers[] = {{RAG_INDEX, rag_on_index},
                                                       {RAG_SEARCH, rag_on_search},
                                                       {RAG_DOCS, rag_on_docs},
                                                       {RAG_PASSAGES, rag_on_passages},
                                                       {RAG_REMOVE, rag_on_remove},
                                                       {RAG_STATUS, rag_on_status},
                                                       {0, NULL}};
        f = fixture_new();
        f->rag_handlers = handlers;
        f->on_create = fake_program_start;
        fixture_api_up(f);
}

static void down(void)
{
        if (f->api)
                fixture_api_down(f);
        fake_programs_done();
        fixture_free(f);
}

static json_t *post(const char *body, int status)
{
        json_t *o = NULL;
        CHECK_INT(ask(f, "POST", "/v1/index/jobs", body, &o), ==, status);
        return o;
}

static json_t *wait_for(const json_t *job)
{
        char path[128];
        json_t *o = NULL;
        snprintf(path, sizeof path, "/v1/jobs/%s/wait?timeout_ms=20000", text_of(job, "id"));
        CHECK_INT(ask(f, "GET", path, NULL, &o), ==, 200);
        return o;
}

/* ---- events ---- */

struct events {
        struct client c;
        struct response r;
        bool over;
};

static void events_open(struct events *e, const json_t *job, const char *extra)
{
        char text[300];
        *e = (struct events){0};
        client_init(&e->c, f->loop, connect_unix(f->sock));
        snprintf(text, sizeof text, "GET /v1/index/jobs/%s/events HTTP/1.1\r\nHost: x\r\n%s\r\n",
                 text_of(job, "id"), extra);
        client_send(&e->c, text, strlen(text));
        CHECK_INT(client_head(&e->c, &e->r), ==, 200);
        CHECK_CONTAINS(e->r.head, "text/event-stream");
}

static void events_turn(struct events *e)
{
        int k = 1;
        client_turn(&e->c);
        while (!e->over && (k = take_chunk(&e->c, &e->r.body)) != 0)
                e->over = k < 0;
}

static void events_until(struct events *e, const char *what)
{
        while (!strstr(buf_text(&e->r.body), what) && !e->over)
                events_turn(e);
        CHECK_CONTAINS(buf_text(&e->r.body), what);
}

static void events_close(struct events *e)
{
        response_done(&e->r);
        client_done(&e->c);
}

/* ---- tests ---- */

TEST(index_runs_with_progress_and_ends)
{
        up();
        auto_json json_t *o = post("{}", 202);
        struct events e;
        CHECK_STR(text_of(o, "kind"), "index");
        CHECK_STR(text_of(o, "volume"), "docs");
        CHECK_INT(f->volumes_made, ==, 1);
        fixture_turns(f, 5);
        CHECK_INT(indexes, ==, 1);
        CHECK_STR(last_index.job, text_of(o, "id"));
        CHECK_STR(last_index.space, last_index.volume);
        events_open(&e, o, "");
        say(0, RAG_SCANNING, 1, "", "");
        events_until(&e, "\"done\":1");
        say(0, RAG_PARSING, 2, "bad.pdf", "is encrypted");
        events_until(&e, "is encrypted");
        say(0, RAG_DONE, 10, "", "");
        events_until(&e, "event: end");
        CHECK_CONTAINS(buf_text(&e.r.body), "\"state\":\"done\"");
        while (!e.over)
                events_turn(&e);
        events_close(&e);
        auto_json json_t *w = wait_for(o);
        CHECK_STR(text_of(json_object_get(w, "result"), "state"), "done");
        CHECK_INT(json_integer_value(json_object_get(json_object_get(w, "result"), "passages")), ==,
                  30);
        down();
}

TEST(index_late_subscriber_gets_problems_and_the_latest_state_first)
{
        up();
        auto_json json_t *o = post("{}", 202);
        struct events e, again;
        fixture_turns(f, 5);
        say(0, RAG_PARSING, 1, "one.pdf", "first problem");
        say(0, RAG_PARSING, 2, "", "");
        say(0, RAG_PARSING, 7, "", "");
        fixture_turns(f, 5);
        events_open(&e, o, "");
        events_until(&e, "\"done\":7");
        CHECK_CONTAINS(buf_text(&e.r.body), "first problem");
        CHECK(!strstr(buf_text(&e.r.body), "\"done\":2"));
        CHECK_CONTAINS(buf_text(&e.r.body), "id: 3\n");
        events_close(&e);
        /* who has seen number 1 does not get its problem again */
        events_open(&again, o, "Last-Event-ID: 1\r\n");
        events_until(&again, "\"done\":7");
        CHECK(!strstr(buf_text(&again.r.body), "first problem"));
        events_close(&again);
        say(0, RAG_DONE, 10, "", "");
        fixture_turns(f, 10);
        /* after the end: the end at once */
        events_open(&e, o, "");
        events_until(&e, "event: end");
        events_close(&e);
        down();
}

TEST(index_failure_says_why)
{
        up();
        auto_json json_t *o = post("{}", 202);
        fixture_turns(f, 5);
        peer_fail(asked[0], -ENOSPC, "the disk is full");
        auto_json json_t *w = wait_for(o);
        CHECK_STR(text_of(json_object_get(w, "result"), "state"), "failed");
        CHECK_STR(text_of(json_object_get(w, "result"), "reason"), "the disk is full");
        down();
}

/* Work without side effect: asked for again, under the same id, and it ends once. */
TEST(index_is_asked_again_when_rag_is_started_again)
{
        up();
        auto_json json_t *o = post("{}", 202);
        fixture_turns(f, 5);
        say(0, RAG_PARSING, 1, "", "");
        fixture_turns(f, 5);
        peer_free(f->far_rag);
        f->far_rag = NULL;
        peer_fail(asked[0], -EPIPE, "nobody hears this");
        fixture_turns(f, 5);
        peer_free(f->near_rag);
        fixture_rag_up(f);
        fixture_turns(f, 5);
        CHECK_INT(indexes, ==, 2);
        CHECK_STR(last_index.job, text_of(o, "id"));
        say(1, RAG_DONE, 10, "", "");
        auto_json json_t *w = wait_for(o);
        CHECK_STR(text_of(json_object_get(w, "result"), "state"), "done");
        down();
}

TEST(index_is_asked_again_when_the_api_is_started_again)
{
        up();
        auto_json json_t *o = post("{\"prefix\":\"sub/dir\",\"force\":true}", 202);
        fixture_turns(f, 5);
        fixture_api_down(f);
        peer_fail(asked[0], -EPIPE, "nobody hears this");
        memset(&last_index, 0, sizeof last_index);
        fixture_api_up(f);
        fixture_turns(f, 5);
        CHECK_INT(indexes, ==, 2);
        CHECK_STR(last_index.job, text_of(o, "id"));
        CHECK_STR(last_index.prefix, "sub/dir");
        CHECK_INT(last_index.force, ==, 1);
        say(1, RAG_DONE, 10, "", "");
        auto_json json_t *w = wait_for(o);
        CHECK_STR(text_of(w, "state"), "ended");
        down();
}

TEST(index_runs_one_at_a_time_and_shares_what_has_not_begun)
{
        up();
        auto_json json_t *a = post("{}", 202);
        fixture_turns(f, 5);
        auto_json json_t *b = post("{}", 202);
        auto_json json_t *c = post("{}", 202);
        auto_json json_t *d = post("{\"prefix\":\"x\"}", 202);
        fixture_turns(f, 5);
        CHECK(!str_eq(text_of(a, "id"), text_of(b, "id")));
        CHECK_STR(text_of(b, "id"), text_of(c, "id"));
        CHECK(!str_eq(text_of(b, "id"), text_of(d, "id")));
        CHECK_INT(indexes, ==, 1);
        say(0, RAG_DONE, 10, "", "");
        fixture_turns(f, 10);
        CHECK_INT(indexes, ==, 2);
        CHECK_STR(last_index.job, text_of(b, "id"));
        say(1, RAG_DONE, 10, "", "");
        fixture_turns(f, 10);
        CHECK_INT(indexes, ==, 3);
        CHECK_STR(last_index.prefix, "x");
        say(2, RAG_DONE, 10, "", "");
        fixture_turns(f, 10);
        down();
}

TEST(index_of_another_is_not_there)
{
        up();
        char mallory[80], path[128];
        auto_json json_t *o = post("{}", 202);
        user_token(f, "mallory", "member", mallory);
        snprintf(path, sizeof path, "/v1/index/jobs/%s/events", text_of(o, "id"));
        CHECK_INT(ask_as(f, mallory, "GET", path, NULL, NULL), ==, 404);
        fixture_turns(f, 5);
        say(0, RAG_DONE, 10, "", "");
        fixture_turns(f, 5);
        down();
}

TEST(search_and_ask_stay_in_the_volume_of_who_asks)
{
        up();
        char mallory[80], space[NAME_TEXT_MAX + 1];
        auto_json json_t *o = NULL, *a = NULL;
        CHECK_INT(ask(f, "POST", "/v1/search", "{\"query\":\"x y\",\"limit\":3,\"prefix\":\"p\"}",
                      &o),
                  ==, 200);
        const json_t *hit = json_array_get(json_object_get(o, "hits"), 0);
        CHECK_STR(text_of(hit, "path"), "a.txt");
        CHECK_STR(text_of(hit, "text"), "found");
        CHECK_STR(text_of(hit, "heading"), "A > B");
        CHECK(json_number_value(json_object_get(hit, "score")) == 1.5);
        CHECK_STR(text_of(o, "mode"), "lexical");
        CHECK(last_query.limit == 3 && str_eq(last_query.prefix, "p"));
        snprintf(space, sizeof space, "%s", last_query.space);
        CHECK_INT(ask(f, "POST", "/v1/ask", "{\"question\":\"why?\"}", &a), ==, 200);
        CHECK_STR(text_of(a, "mode"), "passages");
        CHECK_CONTAINS(text_of(a, "notice"), "No language model");
        CHECK_INT(json_array_size(json_object_get(a, "passages")), ==, 1);
        CHECK_STR(last_query.space, space);
        user_token(f, "mallory", "member", mallory);
        CHECK_INT(ask_as(f, mallory, "POST", "/v1/search", "{\"query\":\"x\"}", NULL), ==, 200);
        CHECK(!str_eq(last_query.space, space));
        CHECK_INT(ask_as(f, mallory, "POST", "/v1/search", "{\"query\":\"x\",\"volume\":\"other\"}",
                         NULL),
                  ==, 404);
        CHECK_INT(ask(f, "POST", "/v1/search", "{\"query\":\"  \"}", NULL), ==, 400);
        CHECK_INT(ask(f, "POST", "/v1/search", "{\"query\":\"x\",\"limit\":0}", NULL), ==, 400);
        CHECK_INT(ask(f, "POST", "/v1/search", "{\"query\":\"x\",\"limit\":101}", NULL), ==, 400);
        down();
}

TEST(search_without_rag_is_unavailable)
{
        up();
        CHECK_INT(ask(f, "POST", "/v1/volumes", "{\"name\":\"docs\"}", NULL), ==, 201);
        fixture_down(&f->near_rag, &f->far_rag);
        CHECK_INT(ask(f, "POST", "/v1/search", "{\"query\":\"x\"}", NULL), ==, 503);
        CHECK_INT(searches, ==, 0);
        auto_json json_t *o = NULL;
        CHECK_INT(ask(f, "GET", "/v1/status", NULL, &o), ==, 200);
        CHECK(json_is_null(json_object_get(o, "docs")));
        /* an index run waits for it */
        auto_json json_t *job = post("{}", 202);
        CHECK_STR(text_of(job, "state"), "accepted");
        fixture_rag_up(f);
        fixture_turns(f, 5);
        CHECK_INT(indexes, ==, 1);
        say(0, RAG_DONE, 1, "", "");
        auto_json json_t *w = wait_for(job);
        CHECK_STR(text_of(w, "state"), "ended");
        down();
}

TEST(documents_are_listed_shown_and_removed)
{
        up();
        auto_json json_t *none = NULL, *list = NULL, *doc = NULL, *status = NULL;
        CHECK_INT(ask(f, "GET", "/v1/documents", NULL, &none), ==, 200);
        CHECK_INT(f->volumes_made, ==, 0);
        CHECK_INT(ask(f, "POST", "/v1/volumes", "{\"name\":\"docs\"}", NULL), ==, 201);
        CHECK_INT(ask(f, "GET", "/v1/documents?limit=1", NULL, &list), ==, 200);
        CHECK_INT(json_array_size(json_object_get(list, "documents")), ==, 1);
        CHECK_STR(text_of(list, "next"), "a.txt");
        CHECK_INT(ask(f, "GET", "/v1/documents/a.txt", NULL, &doc), ==, 200);
        CHECK_STR(text_of(doc, "status"), "indexed");
        CHECK_INT(json_array_size(json_object_get(doc, "passages")), ==, 700);
        CHECK_INT(ask(f, "GET", "/v1/documents/b.txt", NULL, NULL), ==, 404);
        CHECK_INT(ask(f, "GET", "/v1/documents/../x", NULL, NULL), ==, 400);
        /* The volume cannot be reached: that is not the same as no such file. */
        f->create_status = -ENOENT;
        CHECK_INT(ask(f, "DELETE", "/v1/documents/a.txt", NULL, NULL), ==, 503);
        CHECK_INT(removes, ==, 0);
        f->create_status = 0;
        CHECK_INT(ask_fd(f, connect_unix(f->sock), "PUT", "/v1/volumes/docs/files/a.txt", NULL, "x",
                         NULL),
                  ==, 200);
        CHECK_INT(ask(f, "DELETE", "/v1/documents/a.txt", NULL, NULL), ==, 200);
        CHECK(fake_file_find("a.txt") == NULL);
        CHECK_INT(removes, ==, 1);
        CHECK_INT(ask(f, "DELETE", "/v1/documents/b.txt", NULL, NULL), ==, 404);
        CHECK_INT(ask(f, "GET", "/v1/status", NULL, &status), ==, 200);
        CHECK_INT(json_integer_value(json_object_get(json_object_get(status, "docs"), "docs")), ==,
                  4);
        down();
}
