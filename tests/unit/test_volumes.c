#include "files_fake.h"
#include "api/files_pool.h"

static struct fixture *f;

static void up(void)
{
        f = fixture_new();
        f->on_create = fake_program_start;
        fixture_api_up(f);
        CHECK_INT(ask(f, "POST", "/v1/volumes", "{\"name\":\"v\"}", NULL), ==, 201);
}

static void down(void)
{
        fixture_api_down(f);
        fake_programs_done();
        fixture_free(f);
}

static int put(const char *path, const char *text)
{
        char target[1400];
        snprintf(target, sizeof target, "/v1/volumes/v/files/%s", path);
        return ask_fd(f, connect_unix(f->sock), "PUT", target, "X-Paddock-Mtime-Ms: 12345\r\n",
                      text, NULL);
}

TEST(volume_is_made_listed_and_removed)
{
        up();
        auto_json json_t *list = NULL;
        CHECK_INT(f->volumes_made, ==, 1);
        CHECK_INT(ask(f, "POST", "/v1/volumes", "{\"name\":\"v\"}", NULL), ==, 409);
        CHECK_INT(ask(f, "POST", "/v1/volumes", "{\"name\":\"../v\"}", NULL), ==, 400);
        CHECK_INT(ask(f, "GET", "/v1/volumes", NULL, &list), ==, 200);
        CHECK_INT(json_array_size(json_object_get(list, "volumes")), ==, 1);
        CHECK_INT(ask(f, "DELETE", "/v1/volumes/v", NULL, NULL), ==, 200);
        CHECK_INT(f->volumes_removed, ==, 1);
        CHECK_INT(ask(f, "DELETE", "/v1/volumes/v", NULL, NULL), ==, 404);
        down();
}

static int unindexed;

static void fake_unindex(void *ctx UNUSED, struct peer_request *rq, const void *req UNUSED,
                         int *fds UNUSED, uint32_t n UNUSED)
{
        struct rag_count none = {0};
        unindexed++;
        peer_reply(rq, &none, NULL, 0, false);
}

TEST(volume_that_goes_while_rag_is_away_loses_its_index_later)
{
        static const struct peer_handler handlers[] = {{RAG_REMOVE, fake_unindex}, {0, NULL}};
        up();
        fixture_down(&f->near_rag, &f->far_rag);
        f->rag_handlers = handlers;
        CHECK_INT(ask(f, "DELETE", "/v1/volumes/v", NULL, NULL), ==, 200);
        CHECK_INT(unindexed, ==, 0);
        fixture_api_down(f); /* also when api goes down meanwhile */
        fixture_api_up(f);
        CHECK_INT(ask(f, "GET", "/v1/volumes", NULL, NULL), ==, 200);
        for (int i = 0; i < 100 && !unindexed; i++)
                CHECK_INT(ask(f, "GET", "/v1/health", NULL, NULL), ==, 200);
        CHECK_INT(unindexed, ==, 1);
        for (int i = 0; i < 5; i++)
                CHECK_INT(ask(f, "GET", "/v1/health", NULL, NULL), ==, 200);
        fixture_down(&f->near_rag, &f->far_rag);
        fixture_rag_up(f);
        for (int i = 0; i < 5; i++)
                CHECK_INT(ask(f, "GET", "/v1/health", NULL, NULL), ==, 200);
        CHECK_INT(unindexed, ==, 1);
        down();
}

TEST(volume_without_launch_is_not_made)
{
        up();
        fixture_down(&f->near_launch, &f->far_launch);
        CHECK_INT(ask(f, "POST", "/v1/volumes", "{\"name\":\"w\"}", NULL), ==, 503);
        fixture_launch_up(f);
        CHECK_INT(ask(f, "POST", "/v1/volumes", "{\"name\":\"w\"}", NULL), ==, 201);
        down();
}

TEST(volume_file_comes_back_as_it_was_put)
{
        up();
        struct client c;
        struct response r;
        char time[32];
        CHECK_INT(put("a/b%20c.txt", "content"), ==, 200);
        CHECK_INT(fake_files[0].mtime_ms, ==, 12345);
        CHECK_STR(fake_files[0].path, "a/b c.txt");
        client_init(&c, f->loop, connect_unix(f->sock));
        const char *rq = "GET /v1/volumes/v/files/a/b%20c.txt HTTP/1.1\r\nHost: x\r\n\r\n";
        client_send(&c, rq, strlen(rq));
        CHECK_INT(client_response(&c, &r), ==, 200);
        CHECK_STR(buf_text(&r.body), "content");
        CHECK(head_value(r.head, "X-Paddock-Mtime-Ms", time, sizeof time));
        CHECK_STR(time, "12345");
        response_done(&r);
        client_done(&c);
        CHECK_INT(ask(f, "GET", "/v1/volumes/v/files/none", NULL, NULL), ==, 404);
        CHECK_INT(ask(f, "DELETE", "/v1/volumes/v/files/a/b%20c.txt", NULL, NULL), ==, 200);
        CHECK_INT(ask(f, "DELETE", "/v1/volumes/v/files/a/b%20c.txt", NULL, NULL), ==, 404);
        /* one sandbox did all of it: it is kept warm */
        CHECK_INT(f->creates, ==, 1);
        CHECK_INT(fake_programs[0].ops, ==, 5);
        down();
}

TEST(volume_files_come_in_pages)
{
        up();
        auto_json json_t *a = NULL, *b = NULL, *p = NULL;
        CHECK_INT(put("a", "1"), ==, 200);
        CHECK_INT(put("b", "22"), ==, 200);
        CHECK_INT(put("c", ""), ==, 200);
        CHECK_INT(ask(f, "GET", "/v1/volumes/v/files?limit=2", NULL, &a), ==, 200);
        CHECK_INT(json_array_size(json_object_get(a, "files")), ==, 2);
        CHECK_STR(text_of(a, "next"), "b");
        CHECK_INT(ask(f, "GET", "/v1/volumes/v/files?limit=2&after=b", NULL, &b), ==, 200);
        CHECK_INT(json_array_size(json_object_get(b, "files")), ==, 1);
        CHECK(json_is_null(json_object_get(b, "next")));
        CHECK_INT(ask(f, "GET", "/v1/volumes/v/files?prefix=b", NULL, &p), ==, 200);
        const json_t *first = json_array_get(json_object_get(p, "files"), 0);
        CHECK_INT(json_integer_value(json_object_get(first, "size_bytes")), ==, 2);
        down();
}

TEST(volume_path_that_leaves_it_is_refused)
{
        static const char *const bad[] = {
                "..",    "../x",  "a/../../x",   "a//b",   "./a",        "a/.",   "%2e%2e/x",
                "a%00b", "a%0ab", "/etc/passwd", "%2Fetc", "a%2F..%2Fb", "%ff%fe"};
        up();
        for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
                char target[200];
                snprintf(target, sizeof target, "/v1/volumes/v/files/%s", bad[i]);
                int get = ask(f, "GET", target, NULL, NULL),
                    del = ask(f, "DELETE", target, NULL, NULL);
                if (put(bad[i], "x") != 400 || get != 400 || del != 400)
                        test_failed(__FILE__, __LINE__, "%s", bad[i]);
        }
        CHECK_INT(f->creates, ==, 0);
        CHECK_INT(n_fake_files, ==, 0);
        down();
}

TEST(volume_of_another_is_not_there)
{
        up();
        char mallory[80];
        user_token(f, "mallory", "member", mallory);
        CHECK_INT(put("secret", "x"), ==, 200);
        CHECK_INT(ask_as(f, mallory, "GET", "/v1/volumes/v/files", NULL, NULL), ==, 404);
        CHECK_INT(ask_as(f, mallory, "GET", "/v1/volumes/v/files/secret", NULL, NULL), ==, 404);
        CHECK_INT(ask_as(f, mallory, "PUT", "/v1/volumes/v/files/secret", "y", NULL), ==, 404);
        CHECK_INT(ask_as(f, mallory, "DELETE", "/v1/volumes/v/files/secret", NULL, NULL), ==, 404);
        CHECK_INT(ask_as(f, mallory, "DELETE", "/v1/volumes/v", NULL, NULL), ==, 404);
        CHECK_INT(ask_as(f, mallory, "POST", "/v1/sandboxes",
                         "{\"argv\":[\"a\"],\"volumes\":[{\"volume\":\"v\",\"target\":\"/v\"}]}",
                         NULL),
                  ==, 404);
        down();
}

TEST(volume_upload_of_a_client_that_goes_is_not_kept)
{
        up();
        struct client c;
        client_init(&c, f->loop, connect_unix(f->sock));
        const char *head = "PUT /v1/volumes/v/files/half HTTP/1.1\r\nHost: x\r\n"
                           "Content-Length: 100000\r\n\r\nonly this";
        client_send(&c, head, strlen(head));
        for (int i = 0; i < 30; i++)
                client_turn(&c);
        client_done(&c);
        fixture_turns(f, 50);
        CHECK(fake_file_find("half") == NULL);
        /* the same program takes the next one */
        CHECK_INT(put("whole", "x"), ==, 200);
        CHECK_INT(f->creates, ==, 1);
        down();
}

TEST(volume_upload_refused_early_says_why)
{
        up();
        char *big = malloc(3u << 20);
        memset(big, 'b', (3u << 20) - 1);
        big[(3u << 20) - 1] = '\0';
        fake_refuses_put = true;
        CHECK_INT(put("big", big), ==, 507);
        fake_refuses_put = false;
        CHECK_INT(put("big", big), ==, 200);
        CHECK_INT(fake_files[0].bytes.len, ==, (3u << 20) - 1);
        CHECK_INT(f->creates, ==, 1);
        free(big);
        down();
}

TEST(volume_upload_that_is_too_large_is_413)
{
        up();
        struct client c;
        struct response r;
        client_init(&c, f->loop, connect_unix(f->sock));
        const char *head = "PUT /v1/volumes/v/files/x HTTP/1.1\r\nHost: x\r\n"
                           "Content-Length: 9000000000\r\n\r\n";
        client_send(&c, head, strlen(head));
        CHECK_INT(client_response(&c, &r), ==, 413);
        response_done(&r);
        client_done(&c);
        CHECK_INT(f->creates, ==, 0);
        down();
}

/* The program is slow: what the client sends waits in the sockets. */
TEST(volume_upload_waits_for_the_program)
{
        up();
        struct client c;
        struct response r;
        char block[65536];
        memset(block, 'w', sizeof block);
        CHECK_INT(put("warm", "x"), ==, 200);
        fake_stalls = true;
        client_init(&c, f->loop, connect_unix(f->sock));
        const char *head = "PUT /v1/volumes/v/files/slow HTTP/1.1\r\nHost: x\r\n"
                           "Content-Length: 8388608\r\n\r\n";
        client_send(&c, head, strlen(head));
        size_t sent = 0;
        for (int idle = 0; idle < 40;) {
                ssize_t n = send(c.fd, block, sizeof block, MSG_NOSIGNAL | MSG_DONTWAIT);
                idle = n > 0 ? 0 : idle + 1;
                sent += n > 0 ? (size_t)n : 0;
                fixture_turns(f, 1);
        }
        CHECK_INT(sent, <, 2u << 20);
        fake_stalls = false;
        while (sent < 8388608) {
                size_t n = 8388608 - sent < sizeof block ? 8388608 - sent : sizeof block;
                client_send(&c, block, n);
                sent += n;
        }
        CHECK_INT(client_response(&c, &r), ==, 200);
        response_done(&r);
        CHECK_INT(fake_file_find("slow")->bytes.len, ==, 8388608);
        client_done(&c);
        down();
}

TEST(volume_program_that_breaks_is_replaced)
{
        up();
        auto_json json_t *o = NULL;
        fake_breaks_protocol = true;
        CHECK_INT(ask(f, "GET", "/v1/volumes/v/files", NULL, &o), ==, 500);
        CHECK_CONTAINS(error_of(o), "protocol");
        fake_breaks_protocol = false;
        CHECK_INT(ask(f, "GET", "/v1/volumes/v/files", NULL, NULL), ==, 200);
        CHECK_INT(f->creates, ==, 2);
        CHECK_INT(f->stops, ==, 1);
        down();
}

TEST(volume_program_that_dies_is_replaced)
{
        up();
        fake_dies = true;
        CHECK_INT(put("x", "y"), ==, 500);
        fake_dies = false;
        CHECK_INT(put("x", "y"), ==, 200);
        fixture_turns(f, 10);
        CHECK_INT(f->forgets, ==, 1);
        down();
}

TEST(volume_removal_sends_its_programs_away_first)
{
        up();
        CHECK_INT(put("x", "y"), ==, 200);
        CHECK_INT(ask(f, "DELETE", "/v1/volumes/v", NULL, NULL), ==, 200);
        CHECK_INT(f->stops, ==, 1);
        CHECK(fake_find(f, f->boxes[0].id) == NULL || f->boxes[0].ended);
        down();
}

/* Programs of an earlier life of the api are not left behind. */
TEST(volume_programs_of_a_killed_api_are_stopped)
{
        up();
        CHECK_INT(put("x", "y"), ==, 200);
        fixture_api_down(f);
        fixture_api_up(f);
        fixture_turns(f, 30);
        CHECK_INT(f->stops, ==, 1);
        CHECK_INT(f->forgets, ==, 1);
        CHECK_INT(put("x", "y"), ==, 200);
        CHECK_INT(f->creates, ==, 2);
        down();
}
