/* What passes between two connections, and what does not. The test is the client and the upstream. */
#include "base/fd.h"
#include "base/str.h"
#include "http_client.h"
#include "net/relay.h"

static struct world {
        struct loop *loop;
        struct relay relay;
        struct client down, up; /* the other ends */
        int up_fd;              /* of ours, until it is used */
        bool ended;
} w;

static bool drops(void *ctx UNUSED, bool up, const char *name)
{
        return strcasecmp(name, up ? "authorization" : "set-cookie") == 0;
}

static bool drops_up(void *ctx, const char *name)
{
        return drops(ctx, true, name);
}

static bool drops_down(void *ctx, const char *name)
{
        return drops(ctx, false, name);
}

static void request(void *ctx UNUSED, const struct h1_head *h)
{
        struct conn *up = conn_new(w.loop, w.up_fd, NULL, NULL, relay_run, &w.relay);
        struct buf *out = conn_out(up);
        CHECK_INT(h1_put_request(out, h->method, h->target), ==, 0);
        CHECK_INT(relay_put_fields(h, out, drops_up, NULL), ==, 0);
        CHECK_INT(relay_put_request_end(h, out), ==, 0);
        relay_go(&w.relay, up);
}

static int response(void *ctx UNUSED, const struct h1_head *h, struct buf *out)
{
        CHECK_INT(h1_put_status(out, h->status, h->reason), ==, 0);
        CHECK_INT(relay_put_fields(h, out, drops_down, NULL), ==, 0);
        return relay_put_response_end(&w.relay, h, out);
}

static void done(void *ctx UNUSED, bool reusable UNUSED)
{
}

static void failed(void *ctx UNUSED, const struct err *err UNUSED)
{
        static const char text[] = "HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n";
        relay_refuse(&w.relay, text, sizeof text - 1);
}

static void ended(void *ctx UNUSED)
{
        w.ended = true;
}

static void begin(void)
{
        static const struct relay_ops ops = {.request = request,
                                             .response = response,
                                             .trailer = drops,
                                             .done = done,
                                             .failed = failed,
                                             .ended = ended};
        int down[2], up[2];
        w = (struct world){.loop = loop_new()};
        CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, down), ==, 0);
        CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, up), ==, 0);
        w.up_fd = up[0];
        client_init(&w.down, w.loop, down[1]);
        client_init(&w.up, w.loop, up[1]);
        relay_init(&w.relay, conn_new(w.loop, down[0], NULL, NULL, relay_run, &w.relay), &ops,
                   NULL);
}

static void end(void)
{
        relay_done(&w.relay);
        client_done(&w.down);
        client_done(&w.up);
        loop_free(w.loop);
}

static const char *arrives(struct client *at, const char *last)
{
        for (int i = 0; i < 500 && !strstr(buf_text(&at->in), last); i++)
                client_turn(at);
        CHECK_CONTAINS(buf_text(&at->in), last);
        return buf_text(&at->in);
}

static void says(struct client *c, const char *text)
{
        client_send(c, text, strlen(text));
}

/* A field that is kept out of a head does not come in as a trailer. */
TEST(relay_trailers_pass_as_fields_of_the_head_would)
{
        begin();
        says(&w.down, "POST /x HTTP/1.1\r\nHost: a\r\nAuthorization: mine\r\n"
                      "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n"
                      "X-Sum: 1\r\nAuthorization: mine\r\nProxy-Authorization: x\r\nTE: x\r\n\r\n");
        const char *got = arrives(&w.up, "X-Sum: 1\r\n\r\n");
        CHECK(!strcasestr(got, "authorization") && !strcasestr(got, "te: x"));
        CHECK_CONTAINS(got, "3\r\nabc\r\n0\r\n");
        says(&w.up, "HTTP/1.1 200 OK\r\nSet-Cookie: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                    "2\r\nhi\r\n0\r\nSet-Cookie: a\r\nX-Sum: 2\r\nKeep-Alive: 9\r\n\r\n");
        got = arrives(&w.down, "X-Sum: 2\r\n\r\n");
        CHECK(!strcasestr(got, "cookie") && !strcasestr(got, "keep-alive"));
        end();
}

/* Only dropped ones: the body has its end all the same. */
TEST(relay_trailers_that_all_stay_behind_end_the_body)
{
        begin();
        says(&w.down, "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                      "1\r\na\r\n0\r\nAuthorization: mine\r\n\r\n");
        CHECK(str_ends(arrives(&w.up, "0\r\n\r\n"), "1\r\na\r\n0\r\n\r\n"));
        end();
}

/* A status that has no body has no length of one: whoever counts bytes by it would take the next
 * response for a part of this one. */
TEST(relay_204_carries_no_length)
{
        begin();
        says(&w.down, "GET /x HTTP/1.1\r\nHost: a\r\n\r\n");
        arrives(&w.up, "\r\n\r\n");
        says(&w.up, "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\nX-A: b\r\n\r\n");
        const char *got = arrives(&w.down, "\r\n\r\n");
        CHECK(!strcasestr(got, "content-length"));
        CHECK_CONTAINS(got, "X-A: b");
        end();
}
