/* Random messages, whole and damaged, read by our codec and by another one. */
#include "../../fuzz/h1_other.h"
#include "test.h"

#define MESSAGES 200000

static uint64_t state = 0x9e3779b97f4a7c15ull;
static unsigned draw(unsigned below)
{
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        return (unsigned)(state >> 33) % below;
}

#define PICK(list) list[draw(ARRAY_LEN(list))]

static void put(struct buf *b, const char *text)
{
        CHECK_INT(buf_adds(b, text), ==, 0);
}

static void put_fields(struct buf *b)
{
        static const char *const fields[] = {"Host: a\r\n",
                                             "X-Empty:\r\n",
                                             "x-blanks: \t a b \t\r\n",
                                             "Accept: */*\r\n",
                                             "X-High: \xc3\xa9\xff\r\n",
                                             "Cookie: a=b; c=\"d\"\r\n",
                                             "Via: 1.1 x\r\n",
                                             "X-Colon: a:b::c\r\n",
                                             "Connection: keep-alive\r\n",
                                             "Connection: x\r\n"};
        for (unsigned n = draw(5); n; n--)
                put(b, PICK(fields));
}

static void put_body(struct buf *b)
{
        static const char *const lengths[] = {"Content-Length: 5\r\n", "content-length:0005\r\n",
                                              "Content-Length: 0\r\n", "Content-Length: 5 \r\n"};
        static const char *const chunks[] = {
                "5\r\nhello\r\n0\r\n\r\n", "A;x=y\r\n0123456789\r\n0\r\n\r\n", "0\r\n\r\n",
                "1\r\na\r\n002\r\nbc\r\n0\r\nX-T: 1\r\n\r\n", "0\r\nA: b\r\nC:\r\n\r\n"};
        switch (draw(3)) {
        case 0:
                put(b, PICK(lengths));
                put_fields(b);
                put(b, "\r\nhello");
                break;
        case 1:
                put(b, "Transfer-Encoding: chunked\r\n");
                put_fields(b);
                put(b, "\r\n");
                put(b, PICK(chunks));
                break;
        default:
                put(b, "\r\n");
        }
        if (draw(4) == 0)
                put(b, "GET /next HTTP/1.1\r\nHost: b\r\n\r\n");
}

static void message(struct buf *b, enum h1_side side)
{
        static const char *const lines[] = {"GET / HTTP/1.1\r\n",
                                            "POST /a?b=%20c HTTP/1.1\r\n",
                                            "HEAD http://a.b:80/x HTTP/1.1\r\n",
                                            "PUT * HTTP/1.1\r\n",
                                            "OPTIONS * HTTP/1.0\r\n",
                                            "DELETE //../x HTTP/1.1\r\n"};
        static const char *const statuses[] = {"HTTP/1.1 200 OK\r\n", "HTTP/1.1 204 No Content\r\n",
                                               "HTTP/1.0 404 \r\n", "HTTP/1.1 304 Not Modified\r\n",
                                               "HTTP/1.1 500 \xc3\xa9\r\n"};
        put(b, side == H1_REQUEST ? PICK(lines) : PICK(statuses));
        put_fields(b);
        if (side == H1_REQUEST)
                put(b, "Host: a\r\n");
        put_body(b);
}

/* A byte in the place of another, put between, or taken away; or a piece twice. */
static void damage(struct buf *b)
{
        static const char bytes[] = "\r\n\t :;,0159afFx+-\"\0\x7f\xff\x0b\x0c";
        for (unsigned n = 1 + draw(3); n && b->len; n--) {
                size_t at = draw((unsigned)b->len);
                char c = bytes[draw(sizeof bytes - 1)];
                switch (draw(3)) {
                case 0:
                        b->data[at] = c;
                        break;
                case 1:
                        CHECK_INT(buf_add(b, "", 1), ==, 0);
                        memmove(b->data + at + 1, b->data + at, b->len - 1 - at);
                        b->data[at] = c;
                        break;
                default:
                        memmove(b->data + at, b->data + at + 1, b->len - 1 - at);
                        b->len--;
                }
        }
}

static void compare(enum h1_side side, bool damaged)
{
        CLEANUP(buf_done) struct buf b;
        buf_init(&b, 1u << 16);
        for (int i = 0; i < MESSAGES; i++) {
                buf_clear(&b);
                message(&b, side);
                if (damaged)
                        damage(&b);
                const char *what = h1_differs(side, b.data, b.len);
                if (what)
                        test_failed(__FILE__, __LINE__, "%d: %s:\n%.*s", i, what, (int)b.len,
                                    b.data);
        }
}

TEST(requests_are_read_as_another_reads_them)
{
        compare(H1_REQUEST, false);
}

TEST(damaged_requests_too_or_not_at_all)
{
        compare(H1_REQUEST, true);
}

TEST(responses_are_read_as_another_reads_them)
{
        compare(H1_RESPONSE, false);
}

TEST(damaged_responses_too_or_not_at_all)
{
        compare(H1_RESPONSE, true);
}

/* What it is worth: the other one does take what ours refuses. */
TEST(ours_is_the_stricter_one)
{
        static const char lax[] = "GET / HTTP/1.1\nHost: a\n\n";
        struct h1_seen ours, other;
        seen_init(&ours);
        seen_init(&other);
        read_ours(&ours, H1_REQUEST, lax, sizeof lax - 1);
        CHECK(!ours.whole);
        read_other(&other, H1_REQUEST, lax, sizeof lax - 1);
        CHECK(other.whole);
        seen_done(&ours);
        seen_done(&other);
}
