#include "api_fixture.h"
#include "api/outlog.h"
#include "net/stream.h"
#include "net/ws.h"
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>

static struct fixture *f;
static char id[ID_TEXT_LEN + 1];

static void up(const char *body)
{
        json_t *o = NULL;
        f = fixture_new();
        fixture_api_up(f);
        CHECK_INT(ask(f, "POST", "/v1/sandboxes", body, &o), ==, 201);
        snprintf(id, sizeof id, "%s", text_of(o, "id"));
        json_decref(o);
}
#define WITH_STDIN "{\"argv\":[\"cat\"],\"stdin\":true}"

/* ---- a client of the stream ---- */

struct tap {
        struct client c;
        struct buf text[2]; /* stdout, stderr */
        uint64_t offset;    /* behind the last byte seen */
        uint64_t acked, hello_offset, hello_stdin;
        json_t *result;
        char error[128];
        bool gap;
};

static int tap_open(struct tap *t, uint64_t offset)
{
        struct response r;
        char text[300];
        *t = (struct tap){.offset = offset};
        buf_init(&t->text[0], 64u << 20);
        buf_init(&t->text[1], 64u << 20);
        client_init(&t->c, f->loop, connect_unix(f->sock));
        snprintf(text, sizeof text,
                 "GET /v1/sandboxes/%s/stream?offset=%llu HTTP/1.1\r\nHost: x\r\n"
                 "Connection: Upgrade\r\nUpgrade: paddock-stream/1\r\n\r\n",
                 id, (unsigned long long)offset);
        client_send(&t->c, text, strlen(text));
        int status = client_head(&t->c, &r);
        response_done(&r);
        return status;
}

static void tap_close(struct tap *t)
{
        client_done(&t->c);
        buf_done(&t->text[0]);
        buf_done(&t->text[1]);
        json_decref(t->result);
}

static void tap_frame(struct tap *t, const struct stream_frame *fr)
{
        json_t *o;
        switch (fr->type) {
        case STREAM_HELLO:
                o = json_loadb(fr->data, fr->len, 0, NULL);
                CHECK_STR(text_of(o, "id"), id);
                t->hello_offset = (uint64_t)json_integer_value(json_object_get(o, "offset"));
                t->hello_stdin = (uint64_t)json_integer_value(json_object_get(o, "stdin_offset"));
                json_decref(o);
                return;
        case STREAM_STDOUT:
        case STREAM_STDERR:
                CHECK(!t->result); /* RESULT is the last frame */
                t->gap |= stream_u64(fr->data) != t->offset;
                t->offset = stream_u64(fr->data) + fr->len - 8;
                CHECK_INT(buf_add(&t->text[fr->type == STREAM_STDERR], fr->data + 8, fr->len - 8),
                          ==, 0);
                return;
        case STREAM_STDIN_ACK:
                t->acked = stream_u64(fr->data);
                return;
        case STREAM_RESULT:
                t->result = json_loadb(fr->data, fr->len, 0, NULL);
                return;
        case STREAM_ERROR:
                snprintf(t->error, sizeof t->error, "%.*s", (int)fr->len, fr->data);
                return;
        default:
                test_failed(__FILE__, __LINE__, "frame %d", fr->type);
        }
}

static void tap_turn(struct tap *t)
{
        struct stream_frame fr;
        int r;
        client_turn(&t->c);
        while ((r = stream_next(&t->c.in, &fr)) == 1) {
                tap_frame(t, &fr);
                buf_consume(&t->c.in, STREAM_HEAD + fr.len);
        }
        CHECK_INT(r, ==, 0);
}

static void tap_until_text(struct tap *t, int stream, size_t n)
{
        while (t->text[stream].len < n && !t->c.ended)
                tap_turn(t);
        CHECK_INT(t->text[stream].len, >=, n);
}

static void tap_until_result(struct tap *t)
{
        do
                tap_turn(t); /* all of it may have come with the head */
        while (!t->result && !t->c.ended);
        CHECK(t->result != NULL);
}

static void tap_send(struct tap *t, enum stream_type type, const void *p, size_t n)
{
        CLEANUP(buf_done) struct buf b;
        buf_init(&b, 1u << 20);
        CHECK_INT(stream_put(&b, type, p, n), ==, 0);
        client_send(&t->c, b.data, b.len);
}

/* ---- tests ---- */

TEST(stream_gives_output_and_result)
{
        up(WITH_STDIN);
        struct tap t;
        CHECK_INT(tap_open(&t, 0), ==, 101);
        CHECK_INT(write(f->boxes[0].out, "one ", 4), ==, 4);
        tap_until_text(&t, 0, 4);
        CHECK_INT(write(f->boxes[0].err, "two", 3), ==, 3);
        tap_until_text(&t, 1, 3);
        fake_end(f, &f->boxes[0], BOX_EXITED, 4);
        tap_until_result(&t);
        CHECK_STR(buf_text(&t.text[0]), "one ");
        CHECK_STR(buf_text(&t.text[1]), "two");
        CHECK_INT(json_integer_value(json_object_get(t.result, "exit_code")), ==, 4);
        CHECK(!t.gap);
        tap_close(&t);
        fixture_turns(f, 5);
        fixture_free(f);
}

TEST(stream_stdin_arrives_is_acknowledged_and_ends)
{
        up(WITH_STDIN);
        struct tap t;
        char got[16] = {0};
        CHECK_INT(tap_open(&t, 0), ==, 101);
        tap_send(&t, STREAM_STDIN, "hello", 5);
        while (t.acked < 5)
                tap_turn(&t);
        CHECK_INT(read(f->boxes[0].in, got, sizeof got), ==, 5);
        CHECK_STR(got, "hello");
        tap_send(&t, STREAM_STDIN_END, NULL, 0);
        fixture_turns(f, 20);
        /* also keep has let go of it: the sandbox sees the end */
        CHECK_INT(fd_nonblock(f->boxes[0].in, true), ==, 0);
        CHECK_INT(read(f->boxes[0].in, got, sizeof got), ==, 0);
        tap_close(&t);
        fixture_free(f);
}

TEST(stream_without_stdin_has_an_empty_one)
{
        up("{\"argv\":[\"cat\"]}");
        char got[16];
        fixture_turns(f, 20);
        CHECK_INT(fd_nonblock(f->boxes[0].in, true), ==, 0);
        CHECK_INT(read(f->boxes[0].in, got, sizeof got), ==, 0);
        fixture_free(f);
}

TEST(stream_stdin_waits_for_the_sandbox)
{
        up(WITH_STDIN);
        struct tap t;
        char block[32768], got[65536];
        size_t sent = 0, have = 0, total = 2u << 20;
        memset(block, 'i', sizeof block);
        CHECK_INT(tap_open(&t, 0), ==, 101);
        CHECK_INT(fd_nonblock(f->boxes[0].in, true), ==, 0);
        CLEANUP(buf_done) struct buf b;
        buf_init(&b, 1u << 20);
        CHECK_INT(stream_put(&b, STREAM_STDIN, block, sizeof block), ==, 0);
        /* Nobody reads: the client can send only what fits on the way. */
        int idle = 0;
        size_t at = 0;
        while (idle < 30) {
                ssize_t n = send(t.c.fd, b.data + at, b.len - at, MSG_NOSIGNAL | MSG_DONTWAIT);
                idle = n > 0 ? 0 : idle + 1;
                at += n > 0 ? (size_t)n : 0;
                if (at == b.len) {
                        sent += sizeof block;
                        at = 0;
                }
                tap_turn(&t);
        }
        CHECK_INT(sent, <, total);
        while (have < total) {
                if (sent < total) {
                        ssize_t n =
                                send(t.c.fd, b.data + at, b.len - at, MSG_NOSIGNAL | MSG_DONTWAIT);
                        at += n > 0 ? (size_t)n : 0;
                        if (at == b.len) {
                                sent += sizeof block;
                                at = 0;
                        }
                }
                tap_turn(&t);
                ssize_t n = read(f->boxes[0].in, got, sizeof got);
                for (ssize_t i = 0; i < n; i++)
                        CHECK(got[i] == 'i');
                have += n > 0 ? (size_t)n : 0;
        }
        CHECK_INT(have, ==, total);
        while (t.acked < total)
                tap_turn(&t);
        tap_close(&t);
        fixture_free(f);
}

TEST(stream_client_that_comes_back_sees_nothing_twice_and_misses_nothing)
{
        up(WITH_STDIN);
        struct tap t;
        char all[4000] = "", line[32];
        uint64_t offset = 0;
        for (int round = 0; round < 10; round++) {
                CHECK_INT(tap_open(&t, offset), ==, 101);
                snprintf(line, sizeof line, "round %d ", round);
                CHECK_INT(write(f->boxes[0].out, line, strlen(line)), ==, (ssize_t)strlen(line));
                tap_until_text(&t, 0, 1);
                snprintf(all + strlen(all), sizeof all - strlen(all), "%s", buf_text(&t.text[0]));
                offset = t.offset;
                tap_close(&t);
                /* while nobody is there */
                CHECK_INT(write(f->boxes[0].out, "away ", 5), ==, 5);
                fixture_turns(f, 3);
        }
        fake_end(f, &f->boxes[0], BOX_EXITED, 0);
        CHECK_INT(tap_open(&t, offset), ==, 101);
        tap_until_result(&t);
        snprintf(all + strlen(all), sizeof all - strlen(all), "%s", buf_text(&t.text[0]));
        const char *at = all;
        for (int round = 0; round < 10; round++) {
                snprintf(line, sizeof line, "round %d away ", round);
                CHECK(str_starts(at, line));
                at += strlen(line);
        }
        CHECK_STR(at, "");
        tap_close(&t);
        fixture_free(f);
}

/* A connection that was cut still has stdin on its way when the client is back and sends the same
 * bytes again: they reach the sandbox once. */
TEST(stream_stdin_of_a_cut_connection_is_not_given_twice)
{
        up(WITH_STDIN);
        struct tap old, new;
        static char block[65000], got[200000];
        for (size_t i = 0; i < sizeof block; i++)
                block[i] = (char)(i % 251);
        CHECK_INT(fd_nonblock(f->boxes[0].in, true), ==, 0);
        CHECK_INT(tap_open(&old, 0), ==, 101);
        tap_send(&old, STREAM_STDIN, block, sizeof block); /* fills the pipe */
        tap_send(&old, STREAM_STDIN, block, sizeof block); /* waits */
        while (old.acked < sizeof block)
                tap_turn(&old);
        CHECK_INT(tap_open(&new, 0), ==, 101);
        fixture_turns(f, 5);
        tap_turn(&new);
        CHECK_INT(new.hello_stdin, ==, sizeof block);
        tap_send(&new, STREAM_STDIN, block, sizeof block);
        size_t have = 0;
        for (int i = 0; i < 200; i++) {
                ssize_t n = read(f->boxes[0].in, got + have, sizeof got - have);
                have += n > 0 ? (size_t)n : 0;
                tap_turn(&old);
                tap_turn(&new);
        }
        CHECK_INT(have, ==, 2 * sizeof block);
        CHECK(memcmp(got, block, sizeof block) == 0);
        CHECK(memcmp(got + sizeof block, block, sizeof block) == 0);
        tap_close(&old);
        tap_close(&new);
        fixture_free(f);
}

TEST(stream_after_the_end_gives_all_again)
{
        up(WITH_STDIN);
        struct tap t;
        CHECK_INT(write(f->boxes[0].out, "abcdef", 6), ==, 6);
        fake_end(f, &f->boxes[0], BOX_EXITED, 0);
        fixture_turns(f, 20);
        CHECK_INT(tap_open(&t, 2), ==, 101);
        tap_until_result(&t);
        CHECK_STR(buf_text(&t.text[0]), "cdef");
        tap_close(&t);
        fixture_free(f);
}

/* The api is killed between any two bytes: the count of stdin and the output go on where they were.
 */
TEST(stream_survives_a_restart_of_the_api)
{
        up(WITH_STDIN);
        struct tap t;
        char got[64] = {0};
        CHECK_INT(tap_open(&t, 0), ==, 101);
        tap_send(&t, STREAM_STDIN, "first ", 6);
        while (t.acked < 6)
                tap_turn(&t);
        CHECK_INT(write(f->boxes[0].out, "shown ", 6), ==, 6);
        tap_until_text(&t, 0, 6);
        uint64_t offset = t.offset;
        fixture_api_down(f);
        tap_close(&t);
        CHECK_INT(write(f->boxes[0].out, "unread ", 7), ==, 7);
        fixture_api_up(f);
        CHECK_INT(tap_open(&t, offset), ==, 101);
        tap_send(&t, STREAM_STDIN, "second", 6);
        while (t.acked < 12)
                tap_turn(&t);
        CHECK_INT(t.hello_stdin, ==, 6);
        tap_until_text(&t, 0, 7);
        CHECK_STR(buf_text(&t.text[0]), "unread ");
        CHECK_INT(read(f->boxes[0].in, got, sizeof got), ==, 12);
        CHECK_STR(got, "first second");
        fake_end(f, &f->boxes[0], BOX_EXITED, 0);
        tap_until_result(&t);
        CHECK(!t.gap);
        tap_close(&t);
        fixture_free(f);
}

TEST(stream_client_that_leaves_does_not_end_the_sandbox)
{
        up(WITH_STDIN);
        struct tap t;
        CHECK_INT(tap_open(&t, 0), ==, 101);
        tap_turn(&t);
        tap_close(&t);
        fixture_turns(f, 20);
        CHECK_INT(f->stops + f->signals, ==, 0);
        CHECK(!f->boxes[0].ended);
        fixture_free(f);
}

TEST(stream_signal_reaches_launch)
{
        up(WITH_STDIN);
        struct tap t;
        CHECK_INT(tap_open(&t, 0), ==, 101);
        tap_send(&t, STREAM_SIGNAL, "\x02\0\0\0", 4);
        tap_send(&t, STREAM_RESIZE, "\x18\0\x50\0", 4);
        while (!f->signals)
                tap_turn(&t);
        CHECK_INT(f->last_signal, ==, 2);
        tap_close(&t);
        fixture_free(f);
}

TEST(stream_refuses_frames_that_are_none)
{
        static const struct {
                const char *p;
                size_t n;
        } bad[] = {{"\x10\0\0\0\0\0\0\0", 8},            /* HELLO is ours to send */
                   {"\x03\0\0\0\0\0\0\0", 8},            /* a signal of no bytes */
                   {"\x03\0\0\0\4\0\0\0\xff\0\0\0", 12}, /* signal 255 */
                   {"\x01\0\0\0\xff\xff\xff\xff", 8},    /* too long */
                   {"GET / HTTP/1.1\r\n", 16}};
        up(WITH_STDIN);
        for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
                struct tap t;
                CHECK_INT(tap_open(&t, 0), ==, 101);
                client_send(&t.c, bad[i].p, bad[i].n);
                while (!t.c.ended)
                        tap_turn(&t);
                CHECK(t.error[0] != '\0');
                tap_close(&t);
        }
        CHECK_INT(f->signals, ==, 0);
        fixture_free(f);
}

TEST(stream_frames_byte_by_byte)
{
        up(WITH_STDIN);
        struct tap t;
        CHECK_INT(tap_open(&t, 0), ==, 101);
        const char bytes[] = "\x01\0\0\0\5\0\0\0hello\x02\0\0\0\0\0\0\0";
        for (size_t i = 0; i + 1 < sizeof bytes; i++) {
                client_send(&t.c, bytes + i, 1);
                tap_turn(&t);
        }
        while (t.acked < 5)
                tap_turn(&t);
        char got[16] = {0};
        CHECK_INT(read(f->boxes[0].in, got, sizeof got), ==, 5);
        CHECK_STR(got, "hello");
        tap_close(&t);
        fixture_free(f);
}

TEST(stream_bad_upgrades_are_400)
{
        up(WITH_STDIN);
        char path[200];
        snprintf(path, sizeof path, "/v1/sandboxes/%s/stream", id);
        CHECK_INT(ask(f, "GET", path, NULL, NULL), ==, 400);
        CHECK_INT(ask_fd(f, connect_unix(f->sock), "GET", path,
                         "Connection: Upgrade\r\nUpgrade: websocket\r\n", NULL, NULL),
                  ==, 400);
        CHECK_INT(ask_fd(f, connect_unix(f->sock), "GET", path, "Upgrade: paddock-stream/1\r\n",
                         NULL, NULL),
                  ==, 400);
        snprintf(path, sizeof path, "/v1/sandboxes/%s/stream?offset=1", id);
        CHECK_INT(ask_fd(f, connect_unix(f->sock), "GET", path,
                         "Connection: Upgrade\r\nUpgrade: paddock-stream/1\r\n", NULL, NULL),
                  ==, 400);
        fixture_turns(f, 5);
        fixture_free(f);
}

TEST(stream_of_a_sandbox_whose_log_was_broken_ends_with_its_result)
{
        up(WITH_STDIN);
        char log[160];
        fixture_api_down(f);
        snprintf(log, sizeof log, "%s/logs/%s.log", f->dir, id);
        CHECK_INT(truncate(log, 0), ==, 0);
        CHECK_INT(truncate(log, 4096), ==, 0); /* a head that is none, and no record */
        fixture_api_up(f);
        fixture_turns(f, 10);
        struct tap t;
        CHECK_INT(tap_open(&t, 0), ==, 101);
        fixture_turns(f, 10);
        CHECK_INT(write(f->boxes[0].out, "seen by nobody", 14), ==, 14);
        fixture_turns(f, 10);
        fake_end(f, &f->boxes[0], BOX_EXITED, 0);
        tap_until_result(&t);
        tap_close(&t);
        fixture_free(f);
}

/* A pump of more than one log holds, and a client that reads it all. */
static void pour(size_t total, struct tap *t)
{
        char block[65536];
        size_t sent = 0;
        memset(block, 'o', sizeof block);
        CHECK_INT(fd_nonblock(f->boxes[0].out, true), ==, 0);
        while (sent < total) {
                size_t want = total - sent < sizeof block ? total - sent : sizeof block;
                ssize_t n = write(f->boxes[0].out, block, want);
                sent += n > 0 ? (size_t)n : 0;
                if (t)
                        tap_turn(t);
                else
                        fixture_turns(f, 1);
        }
}

TEST(stream_output_beyond_the_log_reaches_an_attached_client)
{
        up(WITH_STDIN);
        struct tap t;
        size_t total = BOX_LOG_MAX + (3u << 20);
        CHECK_INT(tap_open(&t, 0), ==, 101);
        pour(total, &t);
        fake_end(f, &f->boxes[0], BOX_EXITED, 0);
        tap_until_result(&t);
        CHECK_INT(t.text[0].len, ==, total);
        CHECK(!t.gap);
        CHECK_INT(json_integer_value(json_object_get(t.result, "output_bytes")), ==, total);
        CHECK_INT(json_integer_value(json_object_get(t.result, "output_dropped")), >, 2 << 20);
        tap_close(&t);
        fixture_free(f);
}

TEST(stream_output_beyond_the_log_is_counted_when_nobody_is_there)
{
        up(WITH_STDIN);
        struct tap t;
        size_t total = BOX_LOG_MAX + (3u << 20);
        pour(total, NULL);
        fake_end(f, &f->boxes[0], BOX_EXITED, 0);
        CHECK_INT(tap_open(&t, 0), ==, 101);
        tap_until_result(&t);
        CHECK_INT(t.text[0].len, <=, BOX_LOG_MAX);
        CHECK_INT(json_integer_value(json_object_get(t.result, "output_bytes")), ==, total);
        CHECK_INT((size_t)json_integer_value(json_object_get(t.result, "output_dropped")) +
                          t.text[0].len,
                  ==, total);
        tap_close(&t);
        fixture_free(f);
}

static size_t rss_kib(void)
{
        char line[256];
        size_t kib = 0;
        FILE *s = fopen("/proc/self/status", "r");
        while (s && fgets(line, sizeof line, s))
                if (str_starts(line, "VmRSS:"))
                        kib = strtoul(line + 6, NULL, 10);
        if (s)
                fclose(s);
        return kib;
}

/* A client that never reads: what it will not take stays in the log, not in memory. */
TEST(stream_slow_reader_costs_no_memory)
{
        up(WITH_STDIN);
        struct tap t;
        CHECK_INT(tap_open(&t, 0), ==, 101);
        size_t before = rss_kib();
        char block[65536] = {0};
        CHECK_INT(fd_nonblock(f->boxes[0].out, true), ==, 0);
        for (size_t sent = 0; sent < (12u << 20);) {
                ssize_t n = write(f->boxes[0].out, block, sizeof block);
                sent += n > 0 ? (size_t)n : 0;
                fixture_turns(f, 1);
        }
        CHECK_INT(rss_kib(), <, before + 4096);
        tap_close(&t);
        fixture_free(f);
}

/* Each of two streams in many small pieces, in an order that must come back. */
TEST(stream_keeps_the_order_of_the_two_streams)
{
        up(WITH_STDIN);
        struct tap t;
        for (int i = 0; i < 200; i++) {
                char c = (char)('a' + i % 26);
                CHECK_INT(write(i % 3 ? f->boxes[0].out : f->boxes[0].err, &c, 1), ==, 1);
                fixture_turns(f, 1);
        }
        fake_end(f, &f->boxes[0], BOX_EXITED, 0);
        CHECK_INT(tap_open(&t, 0), ==, 101);
        tap_until_result(&t);
        CHECK_INT(t.text[0].len + t.text[1].len, ==, 200);
        CHECK(!t.gap);
        CHECK_INT(t.text[1].len, ==, 67);
        CHECK(t.text[1].data[0] == 'a' && t.text[1].data[1] == 'd');
        tap_close(&t);
        fixture_free(f);
}

/* ---- by WebSocket ---- */

TEST(ws_accept_is_that_of_the_standard)
{
        char accept[29];
        ws_accept("dGhlIHNhbXBsZSBub25jZQ==", accept); /* RFC 6455, 1.3 */
        CHECK_STR(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

static int ws_open(struct client *c)
{
        struct response r;
        char text[500];
        client_init(c, f->loop, connect_unix(f->sock));
        snprintf(text, sizeof text,
                 "GET /v1/sandboxes/%s/stream HTTP/1.1\r\nHost: x\r\nConnection: keep-alive, "
                 "Upgrade\r\nUpgrade: WebSocket\r\nSec-WebSocket-Version: 13\r\n"
                 "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                 "Sec-WebSocket-Protocol: chat, paddock-stream.1\r\n\r\n",
                 id);
        client_send(c, text, strlen(text));
        int status = client_head(c, &r);
        CHECK_CONTAINS(r.head, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        response_done(&r);
        return status;
}

/* Short ones only; the mask is zero. */
static void ws_say(struct client *c, unsigned head, const void *p, size_t n)
{
        char b[200] = {(char)head, (char)(0x80 | n)};
        CHECK_INT(n, <, 126);
        memcpy(b + 6, p, n);
        client_send(c, b, 6 + n);
}

/* The next message of the server: its first byte; its payload appended. -1: closed. */
static int ws_hear(struct client *c, struct buf *ret)
{
        size_t head, n;
        for (;; client_turn(c)) {
                const unsigned char *p = (const unsigned char *)c->in.data;
                head = c->in.len < 2 ? 2 : p[1] == 127 ? 10 : p[1] == 126 ? 4 : 2;
                n = c->in.len < head ? 0 : head == 4 ? (size_t)p[2] << 8 | p[3] : p[1];
                CHECK_INT(head, <, 10);
                if (c->in.len >= head && c->in.len >= head + n && c->in.len >= 2)
                        break;
                if (c->ended)
                        return -1;
        }
        int first = (unsigned char)c->in.data[0];
        CHECK_INT(buf_add(ret, c->in.data + head, n), ==, 0);
        buf_consume(&c->in, head + n);
        return first;
}

TEST(websocket_carries_the_frames_both_ways)
{
        up(WITH_STDIN);
        struct client c;
        CLEANUP(buf_done) struct buf in;
        struct stream_frame fr;
        char got[16] = {0};
        buf_init(&in, 1 << 20);
        CHECK_INT(ws_open(&c), ==, 101);
        CHECK_INT(ws_hear(&c, &in), ==, 0x82);
        CHECK_INT(stream_next(&in, &fr), ==, 1);
        CHECK_INT(fr.type, ==, STREAM_HELLO);
        buf_clear(&in);
        /* one frame in two fragments with a ping between them */
        ws_say(&c, 0x02, "\x01\0\0", 3);
        ws_say(&c, 0x89, "ping", 4);
        ws_say(&c, 0x80, "\0\5\0\0\0hello", 10);
        CHECK_INT(ws_hear(&c, &in), ==, 0x8a);
        CHECK_STR(buf_text(&in), "ping");
        buf_clear(&in);
        CHECK_INT(ws_hear(&c, &in), ==, 0x82);
        CHECK_INT(stream_next(&in, &fr), ==, 1);
        CHECK_INT(fr.type, ==, STREAM_STDIN_ACK);
        CHECK_INT(read(f->boxes[0].in, got, sizeof got), ==, 5);
        CHECK_STR(got, "hello");
        buf_clear(&in);
        fake_end(f, &f->boxes[0], BOX_EXITED, 3);
        CHECK_INT(ws_hear(&c, &in), ==, 0x82);
        CHECK_CONTAINS(in.data + STREAM_HEAD, "\"exit_code\":3");
        buf_clear(&in);
        CHECK_INT(ws_hear(&c, &in), ==, 0x88);
        CHECK(in.len >= 2 && (unsigned char)in.data[0] == 3 && (unsigned char)in.data[1] == 0xe8);
        client_done(&c);
        fixture_free(f);
}

TEST(websocket_breaks_are_closed_with_their_code)
{
        static const struct {
                unsigned head;
                const char *p;
                size_t n;
                int code;
        } bad[] = {{0x81, "text", 4, 1003},
                   {0x80, "continues nothing", 17, 1002},
                   {0xc2, "reserved", 8, 1002},
                   {0x82, "no frame", 8, 1008},
                   {0x88, "\x03\xe8", 2, 1000}};
        up(WITH_STDIN);
        for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
                struct client c;
                CLEANUP(buf_done) struct buf in;
                int first;
                buf_init(&in, 1 << 20);
                CHECK_INT(ws_open(&c), ==, 101);
                ws_say(&c, bad[i].head, bad[i].p, bad[i].n);
                do
                        buf_clear(&in);
                while ((first = ws_hear(&c, &in)) == 0x82);
                CHECK_INT(first, ==, 0x88);
                CHECK_INT((unsigned char)in.data[0] << 8 | (unsigned char)in.data[1], ==,
                          bad[i].code);
                client_done(&c);
                fixture_turns(f, 5);
        }
        CHECK(!f->boxes[0].ended);
        fixture_free(f);
}

/* Answers to pings of a client that reads none of them are not gathered for ever. */
TEST(websocket_pings_without_reading_cost_no_memory)
{
        up(WITH_STDIN);
        struct client c;
        char many[131 * 100], *p = many;
        CHECK_INT(ws_open(&c), ==, 101);
        for (int i = 0; i < 100; i++, p += 131) {
                memset(p, 'p', 131);
                memcpy(p, "\x89\xfd\0\0\0\0", 6);
        }
        size_t before = rss_kib();
        for (int i = 0; i < 3000; i++) {
                (void)!send(c.fd, many, sizeof many, MSG_NOSIGNAL | MSG_DONTWAIT);
                fixture_turns(f, 1);
        }
        CHECK_INT(rss_kib(), <, before + 8192);
        client_done(&c);
        fixture_free(f);
}

TEST(logs_give_stored_output_as_frames)
{
        up(WITH_STDIN);
        struct client c;
        struct response r;
        struct stream_frame fr;
        char text[200];
        CHECK_INT(write(f->boxes[0].out, "abc", 3), ==, 3);
        fixture_turns(f, 5);
        client_init(&c, f->loop, connect_unix(f->sock));
        snprintf(text, sizeof text,
                 "GET /v1/jobs/%s/logs?offset=1&follow=true HTTP/1.1\r\nHost: x\r\n\r\n", id);
        client_send(&c, text, strlen(text));
        CHECK_INT(client_head(&c, &r), ==, 200);
        CHECK_CONTAINS(r.head, "application/vnd.paddock.stream");
        while (take_chunk(&c, &r.body) != 1)
                client_turn(&c);
        CHECK_INT(stream_next(&r.body, &fr), ==, 1);
        CHECK(fr.type == STREAM_STDOUT && stream_u64(fr.data) == 1 && fr.len == 10);
        buf_clear(&r.body);
        CHECK_INT(write(f->boxes[0].err, "d", 1), ==, 1);
        fake_end(f, &f->boxes[0], BOX_EXITED, 0);
        int k;
        while ((k = take_chunk(&c, &r.body)) >= 0)
                if (k == 0)
                        client_turn(&c);
        CHECK_INT(stream_next(&r.body, &fr), ==, 1);
        CHECK(fr.type == STREAM_STDERR && stream_u64(fr.data) == 3);
        buf_consume(&r.body, STREAM_HEAD + fr.len);
        CHECK_INT(stream_next(&r.body, &fr), ==, 1);
        CHECK_INT(fr.type, ==, STREAM_RESULT);
        response_done(&r);
        client_done(&c);
        fixture_free(f);
}

/* ---- the log by itself ---- */

/* A writer is killed at a random moment, again and again; no byte is lost, none comes twice. */
TEST(outlog_survives_kill_at_any_moment)
{
        char dir[] = "/tmp/test-outlog-XXXXXX";
        CHECK(mkdtemp(dir) != NULL);
        int dirfd = open(dir, O_RDONLY | O_DIRECTORY);
        int out[2], err[2];
        CHECK(pipe(out) == 0 && pipe(err) == 0);
        CHECK_INT(fd_nonblock(out[0], true), ==, 0);
        CHECK_INT(fd_nonblock(err[0], true), ==, 0);
        CHECK_INT(fd_nonblock(out[1], true), ==, 0);
        CHECK_INT(fd_nonblock(err[1], true), ==, 0);
        uint32_t next[2] = {0, 0}; /* each stream counts up in four-byte numbers */
        for (int round = 0; round < 60; round++) {
                pid_t pid = fork();
                if (pid == 0) {
                        struct outlog *o;
                        if (outlog_open(dirfd, "x", &o, NULL) < 0)
                                _exit(1);
                        for (int i = 0;; i++)
                                (void)!outlog_take(o, i % 2 ? STREAM_STDERR : STREAM_STDOUT,
                                                   i % 2 ? err[0] : out[0], 777);
                }
                for (int i = 0; i < 300; i++) {
                        int s = i % 2;
                        if (write(s ? err[1] : out[1], &next[s], 4) == 4)
                                next[s]++;
                }
                usleep((useconds_t)(round * 13 % 400));
                kill(pid, SIGKILL);
                int status;
                CHECK(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status));
        }
        struct outlog *o;
        CHECK_INT(outlog_open(dirfd, "x", &o, NULL), ==, 0);
        while (outlog_take(o, STREAM_STDOUT, out[0], 65536) > 0)
                ;
        while (outlog_take(o, STREAM_STDERR, err[0], 65536) > 0)
                ;
        CHECK_INT(outlog_stored(o), ==, 4ull * (next[0] + next[1]));
        struct outlog_cursor c;
        struct buf seen[2];
        buf_init(&seen[0], 1 << 24);
        buf_init(&seen[1], 1 << 24);
        CHECK_INT(outlog_read_open(dirfd, "x", &c), ==, 0);
        char chunk[100];
        enum stream_type stream;
        int64_t n;
        while ((n = outlog_read(&c, chunk, sizeof chunk, &stream)) > 0)
                CHECK_INT(buf_add(&seen[stream == STREAM_STDERR], chunk, (size_t)n), ==, 0);
        CHECK_INT(n, ==, 0);
        for (int s = 0; s < 2; s++) {
                CHECK_INT(seen[s].len, ==, 4ull * next[s]);
                for (uint32_t i = 0; i < next[s]; i++) {
                        uint32_t v;
                        memcpy(&v, seen[s].data + 4 * i, 4);
                        CHECK_INT(v, ==, i);
                }
        }
        buf_done(&seen[0]);
        buf_done(&seen[1]);
        outlog_read_close(&c);
        outlog_free(o);
        CHECK_INT(tree_remove_at(AT_FDCWD, dir), ==, 0);
}

TEST(outlog_file_that_is_none_is_refused)
{
        char dir[] = "/tmp/test-outlog-XXXXXX";
        CHECK(mkdtemp(dir) != NULL);
        int dirfd = open(dir, O_RDONLY | O_DIRECTORY);
        char junk[8192];
        struct outlog *o;
        struct err e = {0};
        memset(junk, 'j', sizeof junk);
        CHECK_INT(file_replace_at(dirfd, "x.log", junk, sizeof junk, 0600), ==, 0);
        CHECK_INT(outlog_open(dirfd, "x", &o, &e), ==, -EBADMSG);
        CHECK_INT(tree_remove_at(AT_FDCWD, dir), ==, 0);
}

/* A hole in a mapped file is filled when it is written to; on a full disk that is SIGBUS. */
TEST(outlog_on_a_full_disk_is_refused)
{
        char dir[] = "/tmp/test-outlog-XXXXXX", block[4096] = {0};
        struct outlog *o;
        struct err e = {0};
        CHECK(mkdtemp(dir) != NULL);
        if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
            mount("t", dir, "tmpfs", 0, "size=64k") < 0) {
                CHECK_INT(rmdir(dir), ==, 0);
                SKIP("no file system of our own can be mounted here");
        }
        int dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        int fd = openat(dirfd, "full", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        while (write(fd, block, sizeof block) > 0)
                ;
        CHECK_INT(outlog_open(dirfd, "x", &o, &e), ==, -ENOSPC);
        CHECK(umount2(dir, MNT_DETACH) == 0 && rmdir(dir) == 0);
}
