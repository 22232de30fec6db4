#include "net/relay.h"

#define LINGER_MS   2000
#define SLICE_LEAST 1024 /* room for framing beside the bytes of a body */

void relay_init(struct relay *r, struct conn *down, const struct relay_ops *ops, void *ctx)
{
        *r = (struct relay){.ops = ops, .ctx = ctx, .down = down};
        h1_init(&r->req, H1_REQUEST, HTTP_HEAD_MAX);
        h1_init(&r->rsp, H1_RESPONSE, HTTP_HEAD_MAX);
        conn_callback(down, relay_run, r);
}

void relay_done(struct relay *r)
{
        loop_timer_remove(r->linger);
        conn_free(r->down);
        conn_free(r->up);
        h1_done(&r->req);
        h1_done(&r->rsp);
        r->down = r->up = NULL;
}

/* ---- heads ---- */

bool relay_is_hop(const struct h1_head *h, const char *name)
{
        static const char *const names[] = {
                "connection",         "keep-alive", "proxy-connection",  "proxy-authorization",
                "proxy-authenticate", "te",         "transfer-encoding", "upgrade"};
        for (size_t i = 0; i < ARRAY_LEN(names); i++)
                if ((name[0] | 0x20) == names[i][0] && strcasecmp(name, names[i]) == 0)
                        return true;
        /* What frames or names the message stays, whatever Connection says. */
        if (strcasecmp(name, "content-length") == 0 || strcasecmp(name, "host") == 0)
                return false;
        return h1_has_token(h, "connection", name);
}

/* A length where there can be no body: who counts by it takes the next response for this one's. */
static bool is_no_length(const struct h1_head *h, const char *name)
{
        bool bodiless = (h->status && h->status < 200) || h->status == 204;
        return bodiless && strcasecmp(name, "content-length") == 0;
}

int relay_put_fields(const struct h1_head *h, struct buf *out,
                     bool (*skip)(void *ctx, const char *name), void *ctx)
{
        int r = 0;
        for (size_t i = 0; i < h->n_fields && r == 0; i++) {
                const char *name = h->fields[i].name;
                if (!relay_is_hop(h, name) && !is_no_length(h, name) && !(skip && skip(ctx, name)))
                        r = h1_put_field(out, name, h->fields[i].value);
        }
        return r;
}

int relay_put_request_end(const struct h1_head *h, struct buf *out)
{
        int r = h->framing == H1_CHUNKED ? h1_put_field(out, "transfer-encoding", "chunked") : 0;
        return r < 0 ? r : h1_put_end(out);
}

int relay_put_response_end(struct relay *r, const struct h1_head *h, struct buf *out)
{
        bool interim = h->status < 200 && h->status != 101;
        bool old_client = r->req.head.minor == 0;
        int bad = 0;
        if (!interim) {
                /* A body that lasts until the connection ends is sent in chunks: so a cut is seen. */
                bool open_end = h->framing == H1_CHUNKED || h->framing == H1_UNTIL_EOF;
                r->rsp_chunked = open_end && !old_client;
                if (open_end && old_client)
                        r->keep_down = false;
        }
        if (!interim && r->rsp_chunked)
                bad = h1_put_field(out, "transfer-encoding", "chunked");
        if (bad == 0 && !interim && !r->keep_down)
                bad = h1_put_field(out, "connection", "close");
        else if (bad == 0 && !interim && old_client)
                bad = h1_put_field(out, "connection", "keep-alive");
        return bad < 0 ? bad : h1_put_end(out);
}

/* ---- ends ---- */

void relay_refuse(struct relay *r, const void *p, size_t n)
{
        r->state = RELAY_CLOSING;
        r->keep_down = false;
        if (r->down && buf_add(conn_out(r->down), p, n) < 0)
                relay_cut(r);
        conn_free(r->up);
        r->up = NULL;
}

void relay_cut(struct relay *r)
{
        /* What came before the cut goes out first; behind it comes no end of the message, and where
         * the message has none of its own, a reset. */
        if (r->down)
                conn_push(r->down);
        if (r->down && (r->rsp_chunked || !r->rsp_begun || r->rsp.head.framing == H1_LENGTH))
                conn_free(r->down);
        else
                conn_abort(r->down);
        conn_free(r->up);
        r->down = r->up = NULL;
        r->state = RELAY_CLOSING;
}

/* The connection to upstream is of no more use and a response was expected. */
static void upstream_lost(struct relay *r, const struct err *err)
{
        if (r->rsp_begun) {
                relay_cut(r);
                return;
        }
        r->ops->failed(r->ctx, err); /* which may look at up */
        if (r->state == RELAY_ASKED) /* it is sent again */
                return;
        conn_free(r->up);
        r->up = NULL;
        if (r->state == RELAY_BODIES) /* the owner did not answer */
                relay_cut(r);
}

/* ---- bodies ---- */

/* Some programs take trailers for fields of the head: what is kept out there is kept out here. */
static int put_trailers(struct relay *r, bool up, const struct h1_head *h, struct buf *out)
{
        int bad = h1_put_last_chunk(out);
        for (size_t i = 0; bad == 0 && i < h->n_fields; i++) {
                const char *name = h->fields[i].name;
                if (!relay_is_hop(h, name) &&
                    !(r->ops->trailer && r->ops->trailer(r->ctx, up, name)))
                        bad = h1_put_field(out, name, h->fields[i].value);
        }
        return bad < 0 ? bad : h1_put_end(out);
}

static int put_event(struct relay *r, bool up, const struct h1_event *ev)
{
        bool chunked = up ? r->req_chunked : r->rsp_chunked;
        struct buf *out = conn_out(up ? r->up : r->down);
        switch (ev->type) {
        case H1_DATA:
                return chunked ? h1_put_chunk(out, ev->data.data, ev->data.len)
                               : buf_add(out, ev->data.data, ev->data.len);
        case H1_TRAILER:
                return chunked ? put_trailers(r, up, ev->head, out) : 0;
        case H1_HEAD:
        case H1_END:
                break;
        }
        return 0;
}

static int put_end(struct conn *to, bool chunked, bool had_trailers)
{
        if (!chunked || had_trailers)
                return 0;
        int r = h1_put_last_chunk(conn_out(to));
        return r < 0 ? r : h1_put_end(conn_out(to));
}

/* One event of at most `room` bytes: 1 + the bytes to be declared used once it is dealt with (its
 * data lies there); 0: needs more; *ret_used: consumed without an event. */
static int one_event(struct conn *from, size_t room, struct h1 *p, struct h1_event *ev,
                     size_t *ret_used, struct err *err)
{
        struct slice in = conn_in(from);
        if (in.len > room)
                in.len = room;
        size_t before = in.len;
        int r = h1_next(p, &in, ev, err);
        *ret_used = before - in.len;
        if (r == 0)
                conn_used(from, *ret_used);
        return r <= 0 ? r : (int)*ret_used + 1;
}

/* The next event of what has come, no larger than there is room for at the other side. */
static int next_event(struct conn *from, struct conn *to, struct h1 *p, struct h1_event *ev,
                      struct err *err)
{
        size_t room = conn_room(to), used;
        int r;
        if (room < SLICE_LEAST)
                return 0;
        do
                r = one_event(from, room - SLICE_LEAST / 2, p, ev, &used, err);
        while (r == 0 && used && conn_in(from).len);
        return r;
}

/* Moves the request on. */
static bool pump_request(struct relay *r, struct err *err)
{
        bool moved = false;
        while (!r->req_done && r->up && r->state == RELAY_BODIES) {
                struct h1_event ev;
                int n = next_event(r->down, r->up, &r->req, &ev, err);
                if (n < 0) {
                        relay_cut(r); /* the upstream must not take it for whole */
                        return true;
                }
                if (n == 0)
                        return moved;
                moved = true;
                int bad = 0;
                if (ev.type == H1_END) {
                        bad = put_end(r->up, r->req_chunked, r->req_trailers);
                        r->req_done = true;
                } else {
                        r->req_trailers |= ev.type == H1_TRAILER;
                        r->bytes_up += ev.type == H1_DATA ? ev.data.len : 0;
                        if (ev.type == H1_DATA && r->ops->body)
                                bad = r->ops->body(r->ctx, true, ev.data);
                        if (bad == 0 && r->state == RELAY_BODIES)
                                bad = put_event(r, true, &ev);
                }
                if (r->down)
                        conn_used(r->down, (size_t)n - 1);
                if (bad < 0 && r->state == RELAY_BODIES)
                        relay_cut(r);
        }
        return moved;
}

static int response_event(struct relay *r, const struct h1_event *ev)
{
        if (ev->type == H1_HEAD) {
                bool interim = ev->head->status < 200;
                if (ev->head->status == 101) /* nobody was let ask for another protocol */
                        return -EPROTO;
                int bad = r->ops->response(r->ctx, ev->head, conn_out(r->down));
                if (bad == 0 && !interim) {
                        r->rsp_begun = true;
                        r->up_keeps = ev->head->keep_alive;
                }
                return bad;
        }
        if (ev->type != H1_DATA)
                return put_event(r, false, ev);
        int bad = r->ops->body ? r->ops->body(r->ctx, false, ev->data) : 0;
        r->bytes_down += ev->data.len;
        return bad < 0 ? bad : put_event(r, false, ev);
}

/* The upstream has ended: fine for a body that lasts until then, a loss for all others. */
static void response_eof(struct relay *r)
{
        struct err err = {0};
        if (h1_eof(&r->rsp, &err) < 0 || conn_broken(r->up) || !r->rsp_begun) {
                if (!r->rsp_begun || !err.code)
                        err_set(&err, -EPIPE, "the upstream closed the connection");
                upstream_lost(r, &err);
                return;
        }
        r->up_keeps = false;
        r->rsp_done = true;
        if (put_end(r->down, r->rsp_chunked, false) < 0)
                relay_cut(r);
}

static bool pump_response(struct relay *r)
{
        bool moved = false;
        while (!r->rsp_done && r->up && r->state == RELAY_BODIES) {
                struct err err = {0};
                struct h1_event ev;
                bool full = conn_room(r->down) < SLICE_LEAST;
                int n = next_event(r->up, r->down, &r->rsp, &ev, &err);
                if (n < 0) {
                        upstream_lost(r, &err);
                        return true;
                }
                if (n == 0) {
                        if (full || !conn_ended(r->up) || conn_in(r->up).len)
                                return moved;
                        response_eof(r);
                        return true;
                }
                moved = true;
                int bad = 0;
                if (ev.type == H1_END) {
                        bad = put_end(r->down, r->rsp_chunked, r->rsp_trailers);
                        r->rsp_done = true;
                } else {
                        r->rsp_trailers |= ev.type == H1_TRAILER;
                        bad = response_event(r, &ev);
                }
                if (r->up)
                        conn_used(r->up, (size_t)n - 1);
                if (bad < 0 && r->state == RELAY_BODIES) {
                        err_set(&err, bad, "the response is not acceptable");
                        upstream_lost(r, &err);
                }
        }
        return moved;
}

/* ---- one exchange ---- */

void relay_go(struct relay *r, struct conn *up)
{
        r->up = up;
        r->req_chunked = r->req.head.framing == H1_CHUNKED;
        r->rsp_begun = r->rsp_done = r->rsp_chunked = false;
        r->req_done = r->repeated;
        r->repeated = false;
        r->req_trailers = r->rsp_trailers = false;
        r->bytes_up = r->bytes_down = 0;
        r->state = RELAY_BODIES;
        if (strcmp(r->req.head.method, "HEAD") == 0)
                h1_no_body(&r->rsp);
        conn_callback(up, relay_run, r);
}

bool relay_can_repeat(const struct relay *r)
{
        return r->req_done && !r->rsp_begun && r->bytes_up == 0 && r->down;
}

void relay_repeat(struct relay *r)
{
        conn_free(r->up);
        r->up = NULL;
        h1_done(&r->rsp);
        h1_init(&r->rsp, H1_RESPONSE, HTTP_HEAD_MAX);
        r->repeated = true;
        r->state = RELAY_ASKED;
}

static void exchange_over(struct relay *r)
{
        bool whole = r->req_done;
        bool reusable = whole && r->up_keeps && !conn_ended(r->up) && conn_in(r->up).len == 0;
        r->keep_down = r->keep_down && whole;
        r->ops->done(r->ctx, reusable);
        if (!reusable) {
                conn_free(r->up);
                r->up = NULL;
        }
        r->state = r->keep_down ? RELAY_HEAD : RELAY_CLOSING;
        if (r->state == RELAY_HEAD &&
            r->rsp.state != H1S_IDLE) { /* the codec's memory of a response that was cut by EOF */
                h1_done(&r->rsp);
                h1_init(&r->rsp, H1_RESPONSE, HTTP_HEAD_MAX);
        }
}

static bool take_head(struct relay *r)
{
        struct err err = {0};
        struct h1_event ev;
        struct slice in = conn_in(r->down);
        size_t before = in.len;
        int n = h1_next(&r->req, &in, &ev, &err);
        if (n == 0) {
                conn_used(r->down, before - in.len);
                return false;
        }
        if (n < 0) {
                static const char bad[] = "HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain\r\n"
                                          "connection: close\r\ncontent-length: 13\r\n\r\n"
                                          "bad request\r\n";
                conn_used(r->down, before);
                relay_refuse(r, bad, sizeof bad - 1);
                return true;
        }
        conn_used(r->down, before - in.len);
        if (ev.type != H1_HEAD)
                return true;
        r->keep_down = ev.head->keep_alive;
        r->state = RELAY_ASKED;
        r->ops->request(r->ctx, ev.head);
        return true;
}

static void lingered(void *ctx)
{
        struct relay *r = ctx;
        r->linger = NULL;
        r->lingered = true;
        relay_run(r);
}

/* The answer is out, but closing now would take it away from a client that still sends. */
static bool closed_softly(struct relay *r)
{
        if (conn_unsent(r->down))
                return false;
        conn_shut(r->down);
        conn_used(r->down, conn_in(r->down).len);
        if (conn_ended(r->down) || r->lingered)
                return true;
        if (!r->linger)
                r->linger = loop_timer_add(conn_loop(r->down), LINGER_MS, lingered, r);
        return false;
}

/* The client has gone, or there is nothing left to send it: true when all is over. */
static bool over(struct relay *r)
{
        if (!r->down || conn_broken(r->down))
                return true;
        if (r->state == RELAY_CLOSING)
                return closed_softly(r);
        if (!conn_ended(r->down))
                return false;
        /* A client that closes has no more interest in an answer: upstream stops at once. */
        return r->state != RELAY_HEAD || conn_unsent(r->down) == 0;
}

static bool step(struct relay *r)
{
        struct err err = {0};
        if (r->state == RELAY_HEAD && r->down)
                return take_head(r);
        if (r->state != RELAY_BODIES)
                return false;
        bool moved = pump_request(r, &err);
        if (r->state == RELAY_BODIES)
                moved |= pump_response(r);
        if (r->state == RELAY_BODIES && r->rsp_done) {
                exchange_over(r);
                moved = true;
        }
        return moved;
}

void relay_run(void *relay)
{
        struct relay *r = relay;
        if (r->running)
                return;
        r->running = true;
        do {
                while (step(r))
                        ;
                if (r->up)
                        conn_push(r->up);
                if (r->down)
                        conn_push(r->down);
                /* Pushing made room for bytes that are here already. */
        } while (step(r));
        if (r->up && r->state != RELAY_BODIES && conn_ended(r->up)) {
                conn_free(r->up);
                r->up = NULL;
        }
        r->running = false;
        if (over(r))
                r->ops->ended(r->ctx);
}
