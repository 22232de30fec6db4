/* Builds and prunes of images, as api orders them; launch is the test. */
#include "api_fixture.h"

static struct fixture *f;

/* A layer that a build finds must not be on the list of those that are being removed. */
TEST(build_that_begins_while_layers_are_removed_waits)
{
        static const char body[] =
                "{\"name\":\"mine\",\"recipe\":{\"from\":\"host\",\"steps\":[{\"kind\":\"run\","
                "\"text\":\"true\"}]}}";
        if (getuid() != 0)
                SKIP("root");
        f = fixture_new();
        fixture_api_up(f);
        struct client c;
        client_init(&c, f->loop, connect_unix(f->sock));
        static const char prune[] = "POST /v1/images/prune HTTP/1.1\r\nHost: x\r\n"
                                    "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}";
        client_send(&c, prune, strlen(prune));
        while (!f->layer_list)
                client_turn(&c);
        auto_json json_t *job = NULL, *busy = NULL;
        CHECK_INT(ask(f, "POST", "/v1/images/builds", body, &job), ==, 202);
        fixture_turns(f, 20);
        CHECK_INT(f->layers_asked, ==, 0);
        peer_reply(f->layer_list, &(struct launch_layer){.size_bytes = 0}, NULL, 0, false);
        for (int i = 0; i < 2000 && !f->layers_asked; i++)
                client_turn(&c);
        CHECK_INT(f->layers_asked, ==, 1);
        struct response r;
        CHECK_INT(client_response(&c, &r), ==, 200);
        response_done(&r);
        fixture_turns(f, 20);
        CHECK_INT(ask(f, "GET", "/v1/images/mine", NULL, &busy), ==, 200);
        client_done(&c);
        fixture_free(f);
}
