#include "net/h1.h"
#include "base/limits.h"
#include "base/mem.h"
#include "test.h"

/* What a stream parses to, as text; a run byte by byte must give the same. */
struct trace {
        struct buf text, body;
        int r;
        struct err err;
};

static void trace_done(struct trace *t)
{
        buf_done(&t->text);
        buf_done(&t->body);
}

static void note_fields(struct trace *t, const struct h1_head *h)
{
        for (size_t i = 0; i < h->n_fields; i++)
                CHECK_INT(buf_addf(&t->text, "%s=%s;", h->fields[i].name, h->fields[i].value), ==,
                          0);
}

static void note_event(struct trace *t, const struct h1_event *e)
{
        const struct h1_head *h = e->head;
        int r = 0;
        switch (e->type) {
        case H1_HEAD:
                r = h->method ? buf_addf(&t->text, "[%s %s 1.%u f%d", h->method, h->target,
                                         h->minor, h->framing)
                              : buf_addf(&t->text, "[%u %s 1.%u f%d", h->status, h->reason,
                                         h->minor, h->framing);
                CHECK_INT(r, ==, 0);
                r = buf_adds(&t->text, h->keep_alive ? " keep " : " close ");
                note_fields(t, h);
                break;
        case H1_DATA:
                CHECK(e->data.len > 0);
                r = buf_add(&t->body, e->data.data, e->data.len);
                break;
        case H1_TRAILER:
                r = buf_adds(&t->text, "|trailers ");
                note_fields(t, h);
                break;
        case H1_END:
                r = buf_addf(&t->text, "|%s]", buf_text(&t->body));
                buf_clear(&t->body);
                break;
        }
        CHECK_INT(r, ==, 0);
}

static struct trace run(enum h1_side side, const char *s, size_t n, size_t step, bool no_body)
{
        struct trace t = {0};
        struct h1 *p = xmalloc(sizeof *p);
        buf_init(&t.text, 1 << 20);
        buf_init(&t.body, 1 << 20);
        h1_init(p, side, 4096);
        if (no_body)
                h1_no_body(p);
        for (size_t i = 0; i < n && t.r >= 0; i += step) {
                size_t len = n - i < step ? n - i : step;
                auto_free char *exact = xmalloc(len); /* so that ASan sees a read past the end */
                memcpy(exact, s + i, len);
                struct slice in = {exact, len};
                struct h1_event e;
                while ((t.r = h1_next(p, &in, &e, &t.err)) == 1)
                        note_event(&t, &e);
                CHECK(t.r < 0 || in.len == 0);
        }
        if (t.r >= 0) {
                t.r = h1_eof(p, &t.err);
                CHECK_INT(t.r < 0 || buf_addf(&t.text, "eof%s", buf_text(&t.body)), >=, 0);
        }
        h1_done(p);
        free(p);
        return t;
}

static void check_same(enum h1_side side, const char *s, size_t n, bool no_body, const char *want)
{
        static const size_t steps[] = {1, 2, 3, 7, 1 << 20};
        for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
                CLEANUP(trace_done) struct trace t = run(side, s, n, steps[i], no_body);
                if (!want && t.r >= 0)
                        test_failed(__FILE__, __LINE__, "accepted in steps of %zu: %s -> %s",
                                    steps[i], s, buf_text(&t.text));
                if (!want) {
                        CHECK_INT(t.r, ==, -EPROTO);
                        CHECK_CONTAINS(t.err.text, "HTTP: ");
                        continue;
                }
                if (t.r < 0)
                        test_failed(__FILE__, __LINE__, "refused: %s (%s)", s, err_text(&t.err));
                CHECK_STR(buf_text(&t.text), want);
        }
}

#define GOOD(side, s, want) check_same(side, s, strlen(s), false, want)
#define BAD(side, s)        check_same(side, s, strlen(s), false, NULL)

TEST(h1_requests)
{
        GOOD(H1_REQUEST, "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "[GET / 1.1 f0 keep Host=a;|]eof");
        GOOD(H1_REQUEST, "GET / HTTP/1.1\r\nHost:\t a b \t\r\nX:\r\n\r\n",
             "[GET / 1.1 f0 keep Host=a b;X=;|]eof");
        GOOD(H1_REQUEST,
             "PUT /x?y=%20 HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\nabc"
             "GET /2 HTTP/1.1\r\nHost: b\r\nConnection: foo , Close\r\n\r\n",
             "[PUT /x?y=%20 1.1 f1 keep host=a;content-length=3;|abc]"
             "[GET /2 1.1 f0 close Host=b;Connection=foo , Close;|]eof");
        GOOD(H1_REQUEST,
             "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n"
             "3\r\nabc\r\n0000a;x=\"y\"\r\n0123456789\r\n0\r\nT: 1\r\n\r\n",
             "[POST / 1.1 f2 keep Host=a;Transfer-Encoding=Chunked;|trailers "
             "T=1;|abc0123456789]eof");
        GOOD(H1_REQUEST, "GET / HTTP/1.0\r\n\r\n", "[GET / 1.0 f0 close |]eof");
        GOOD(H1_REQUEST, "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n",
             "[CONNECT a:443 1.1 f0 keep Host=a:443;|]eof");
        GOOD(H1_REQUEST, "", "eof");
}

TEST(h1_responses)
{
        GOOD(H1_RESPONSE, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi",
             "[200 OK 1.1 f1 keep Content-Length=2;|hi]eof");
        GOOD(H1_RESPONSE, "HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n",
             "[200  1.1 f1 keep Content-Length=0;|]eof");
        GOOD(H1_RESPONSE,
             "HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 304 x\r\nContent-Length: 9\r\n\r\n",
             "[204 No Content 1.1 f0 keep |][304 x 1.1 f0 keep Content-Length=9;|]eof");
        GOOD(H1_RESPONSE, "HTTP/1.1 200 OK\r\n\r\nuntil the end",
             "[200 OK 1.1 f3 close eofuntil the end");
        GOOD(H1_RESPONSE,
             "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx",
             "[100 Continue 1.1 f0 keep [200 OK 1.1 f1 keep Content-Length=1;|x]eof");
        GOOD(H1_RESPONSE, "HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n",
             "[101 Switching 1.1 f0 keep Upgrade=x;|]eof");
        const char *head = "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nHTTP/1.1 200 OK\r\n"
                           "Content-Length: 1\r\n\r\nx";
        check_same(H1_RESPONSE, head, strlen(head), true,
                   "[200 OK 1.1 f0 keep Content-Length=99;|]"
                   "[200 OK 1.1 f1 keep Content-Length=1;|x]eof");
}

TEST(h1_leaves_the_bytes_behind_an_upgrade)
{
        const char *s = "HTTP/1.1 101 x\r\n\r\n\1\2\3";
        struct slice in = {s, strlen(s)};
        struct h1_event e;
        struct h1 p;
        h1_init(&p, H1_RESPONSE, 4096);
        CHECK_INT(h1_next(&p, &in, &e, NULL), ==, 1);
        CHECK_INT(e.type, ==, H1_HEAD);
        CHECK_INT(h1_next(&p, &in, &e, NULL), ==, 1);
        CHECK_INT(e.type, ==, H1_END);
        CHECK_INT(in.len, ==, 3);
        h1_done(&p);
}

#define REQ "POST / HTTP/1.1\r\nHost: a\r\n"

TEST(h1_refuses_bad_start_lines)
{
        static const char *const bad[] = {
                "GET / HTTP/1.1\nHost: a\r\n\r\n",
                "GET  / HTTP/1.1\r\nHost: a\r\n\r\n",
                "GET / HTTP/1.2\r\nHost: a\r\n\r\n",
                "GET / HTTP/2.0\r\nHost: a\r\n\r\n",
                "GET / http/1.1\r\nHost: a\r\n\r\n",
                "GET /\r\n\r\n",
                "GET / x HTTP/1.1\r\nHost: a\r\n\r\n",
                "G(T / HTTP/1.1\r\nHost: a\r\n\r\n",
                "GET /\x7f HTTP/1.1\r\nHost: a\r\n\r\n",
                "GET /\xc3\xa9 HTTP/1.1\r\nHost: a\r\n\r\n",
                "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
                " GET / HTTP/1.1\r\nHost: a\r\n\r\n",
                "GET / HTTP/1.1 \r\nHost: a\r\n\r\n",
                "GET / HTTP/1.1\r\r\nHost: a\r\n\r\n",
                "GET / HTTP/1.11\r\nHost: a\r\n\r\n",
                "\n",
                "GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n",
        };
        for (size_t i = 0; i < ARRAY_LEN(bad); i++)
                BAD(H1_REQUEST, bad[i]);
        static const char *const replies[] = {
                "HTTP/1.1 099 x\r\n\r\n",  "HTTP/1.1 600 x\r\n\r\n",  "HTTP/1.1 20 x\r\n\r\n",
                "HTTP/1.1  200 x\r\n\r\n", "HTTP/1.1 2000 x\r\n\r\n", "HTTP/1.1 200 \1\r\n\r\n",
                "ICY 200 OK\r\n\r\n",      "HTTP/1.1\r\n\r\n",        "HTTP/1.1 2x0 x\r\n\r\n",
        };
        for (size_t i = 0; i < ARRAY_LEN(replies); i++)
                BAD(H1_RESPONSE, replies[i]);
}

TEST(h1_refuses_bad_fields)
{
        static const char *const bad[] = {
                REQ "X: a\r\n b\r\n\r\n",
                REQ "X : a\r\n\r\n",
                REQ ": a\r\n\r\n",
                REQ "X\r\n\r\n",
                REQ "X: a\nY: b\r\n\r\n",
                REQ "X: a\rb\r\n\r\n",
                REQ "X: a\x01\r\n\r\n",
                REQ "X: \x7f\r\n\r\n",
                REQ "X y: a\r\n\r\n",
                REQ "Host: b\r\n\r\n",
                "GET / HTTP/1.1\r\n\r\n",
                REQ "\tX: a\r\n\r\n",
                REQ "X: a\r\n",
                REQ "X: a",
                REQ "X\xc3\xa9: a\r\n\r\n",
        };
        for (size_t i = 0; i < ARRAY_LEN(bad); i++)
                BAD(H1_REQUEST, bad[i]);
        static const char nul[] = REQ "X: a\0b\r\n\r\n";
        check_same(H1_REQUEST, nul, sizeof nul - 1, false, NULL);
}

TEST(h1_refuses_what_smuggles)
{
        static const char *const bad[] = {
                REQ "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                REQ "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
                REQ "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabc",
                REQ "Content-Length: 3, 3\r\n\r\nabc",
                REQ "Content-Length: +3\r\n\r\nabc",
                REQ "Content-Length: -3\r\n\r\nabc",
                REQ "Content-Length: 0x3\r\n\r\nabc",
                REQ "Content-Length:\r\n\r\n",
                REQ "Content-Length: 3 \t 4\r\n\r\nabc",
                REQ "Content-Length: 9223372036854775808\r\n\r\n",
                REQ "Content-Length: 18446744073709551617\r\n\r\na",
                REQ "Content-Length: 3\r\n\r\nab",
                REQ "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
                REQ "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
                REQ "Transfer-Encoding: identity\r\n\r\n",
                REQ "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
                REQ "Transfer-Encoding:\x0b"
                    "chunked\r\n\r\n0\r\n\r\n",
                REQ "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        };
        for (size_t i = 0; i < ARRAY_LEN(bad); i++)
                BAD(H1_REQUEST, bad[i]);
        BAD(H1_RESPONSE,
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n");
        BAD(H1_RESPONSE, "HTTP/1.1 200 OK\r\nTransfer-Encoding: deflate\r\n\r\n");
}

#define CHUNKED REQ "Transfer-Encoding: chunked\r\n\r\n"

TEST(h1_refuses_bad_chunks)
{
        static const char *const bad[] = {
                CHUNKED "\r\n",
                CHUNKED "g\r\n",
                CHUNKED "-1\r\n",
                CHUNKED "0x3\r\nabc\r\n",
                CHUNKED " 3\r\nabc\r\n",
                CHUNKED "3 \r\nabc\r\n",
                CHUNKED "3\nabc\r\n",
                CHUNKED "3\r\nabcd\r\n",
                CHUNKED "3\r\nabc\n0\r\n\r\n",
                CHUNKED "3\r\nab\r\n",
                CHUNKED "3\r\nabc",
                CHUNKED "0\r\n",
                CHUNKED "1000000000000000\r\n",
                CHUNKED "0000000000000000\r\n\r\n",
                CHUNKED "3;x=\x01\r\nabc\r\n0\r\n\r\n",
                CHUNKED "0\r\nContent-Length: 3\r\n\r\n",
                CHUNKED "0\r\nTransfer-Encoding: chunked\r\n\r\n",
                CHUNKED "0\r\nHost: b\r\n\r\n",
                CHUNKED "0\r\n folded\r\n\r\n",
                CHUNKED "0\r\nX: 1\n\r\n",
        };
        for (size_t i = 0; i < ARRAY_LEN(bad); i++)
                BAD(H1_REQUEST, bad[i]);
}

TEST(h1_refuses_more_than_its_limits)
{
        CLEANUP(buf_done) struct buf b;
        buf_init(&b, 1 << 20);
        CHECK_INT(buf_adds(&b, "GET /"), ==, 0);
        for (int i = 0; i < 5000; i++)
                CHECK_INT(buf_adds(&b, "a"), ==, 0);
        BAD(H1_REQUEST, buf_text(&b));
        buf_clear(&b);
        CHECK_INT(buf_adds(&b, REQ), ==, 0);
        for (int i = 0; i < H1_FIELDS_MAX; i++)
                CHECK_INT(buf_adds(&b, "a: b\r\n"), ==, 0);
        CHECK_INT(buf_adds(&b, "\r\n"), ==, 0);
        BAD(H1_REQUEST, buf_text(&b));
        buf_clear(&b);
        CHECK_INT(buf_adds(&b, CHUNKED "1;"), ==, 0);
        for (int i = 0; i < H1_CHUNK_LINE; i++)
                CHECK_INT(buf_adds(&b, "x"), ==, 0);
        BAD(H1_REQUEST, buf_text(&b));
}

TEST(h1_refuses_a_cut_connection)
{
        BAD(H1_RESPONSE, "HTTP/1.1 100 Continue\r\n\r\n");
        BAD(H1_RESPONSE, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc");
        BAD(H1_RESPONSE, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n");
        BAD(H1_RESPONSE, "HTTP/1.1 200 O");
}

TEST(h1_a_broken_parser_stays_broken)
{
        struct h1 p;
        struct h1_event e;
        struct slice bad = {"\n", 1}, good = {"GET / HTTP/1.1\r\nHost: a\r\n\r\n", 27};
        h1_init(&p, H1_REQUEST, 4096);
        CHECK_INT(h1_next(&p, &bad, &e, NULL), ==, -EPROTO);
        CHECK_INT(h1_next(&p, &good, &e, NULL), ==, -EPROTO);
        h1_done(&p);
}

TEST(h1_fields_are_found_whatever_their_case)
{
        struct h1_field f[] = {{"Connection", "Keep-Alive , Upgrade"}, {"A", "1"}, {"a", "2"}};
        struct h1_head h = {.fields = f, .n_fields = 3};
        CHECK(h1_has_token(&h, "connection", "upgrade"));
        CHECK(h1_has_token(&h, "CONNECTION", "keep-alive"));
        CHECK(!h1_has_token(&h, "connection", "keep"));
        CHECK_STR(h1_find(&h, "connection"), "Keep-Alive , Upgrade");
        CHECK(!h1_find(&h, "a")); /* twice: no single answer */
}

TEST(h1_writes_only_what_reads_back)
{
        CLEANUP(buf_done) struct buf b;
        buf_init(&b, 4096);
        CHECK_INT(h1_put_request(&b, "GET", "/a b"), ==, -EINVAL);
        CHECK_INT(h1_put_request(&b, "GE T", "/"), ==, -EINVAL);
        CHECK_INT(h1_put_request(&b, "GET", ""), ==, -EINVAL);
        CHECK_INT(h1_put_field(&b, "X", "a\r\nY: b"), ==, -EINVAL);
        CHECK_INT(h1_put_field(&b, "X:", "a"), ==, -EINVAL);
        CHECK_INT(h1_put_status(&b, 99, "x"), ==, -EINVAL);
        CHECK_INT(h1_put_chunk(&b, "", 0), ==, -EINVAL);
        CHECK_INT(b.len, ==, 0);
        CHECK_INT(h1_put_request(&b, "POST", "/x"), ==, 0);
        CHECK_INT(h1_put_field(&b, "Host", "a"), ==, 0);
        CHECK_INT(h1_put_field(&b, "Transfer-Encoding", "chunked"), ==, 0);
        CHECK_INT(h1_put_end(&b), ==, 0);
        CHECK_INT(h1_put_chunk(&b, "hello world 12345", 17), ==, 0);
        CHECK_INT(h1_put_last_chunk(&b), ==, 0);
        CHECK_INT(h1_put_end(&b), ==, 0);
        GOOD(H1_REQUEST, buf_text(&b),
             "[POST /x 1.1 f2 keep Host=a;Transfer-Encoding=chunked;|hello world 12345]eof");
}
