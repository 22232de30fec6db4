#include "cli/client.h"
#include "base/fd.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "cli/remote.h"
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#define READ_BYTES 65536

struct client {
        char *socket;          /* NULL: */
        struct remote *remote; /* elsewhere */
        int fd;
        bool parsing;    /* `h1` is initialised for this connection */
        bool in_body;    /* an answer is being read */
        bool keep;       /* the connection may be used again */
        bool chunked;    /* the upload is */
        unsigned status; /* of the answer being read */
        struct h1 h1;
        struct slice in; /* received and not yet parsed, in `bytes` */
        char bytes[READ_BYTES];
};

struct client *client_new(const char *socket_path)
{
        struct client *c = xcalloc(1, sizeof *c);
        c->socket = xstrdup(socket_path);
        c->fd = -1;
        return c;
}

struct client *client_new_remote(const struct remote *where)
{
        struct client *c = xcalloc(1, sizeof *c);
        c->remote = xmalloc(sizeof *where);
        *c->remote = *where;
        c->fd = -1;
        return c;
}

void client_drop(struct client *c)
{
        if (c->fd >= 0)
                close(c->fd);
        if (c->parsing)
                h1_done(&c->h1);
        c->fd = -1;
        c->parsing = c->in_body = false;
        c->in = (struct slice){0};
}

void client_free(struct client *c)
{
        if (!c)
                return;
        client_drop(c);
        if (c->remote)
                explicit_bzero(c->remote, sizeof *c->remote);
        free(c->remote);
        free(c->socket);
        free(c);
}

static int open_unix(const struct client *c, struct err *err)
{
        struct sockaddr_un a = {.sun_family = AF_UNIX};
        if (str_copy(a.sun_path, sizeof a.sun_path, c->socket) < 0)
                return err_set(
                        err, -EINVAL,
                        "the socket's path has %zu bytes, at most %zu can be used: %.128s...",
                        strlen(c->socket), sizeof a.sun_path - 1, c->socket);
        auto_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0)
                return err_sys(err, -errno, "socket");
        if (connect(fd, (struct sockaddr *)&a, sizeof a) < 0) {
                int e = errno;
                if (e == ENOENT || e == ECONNREFUSED || e == ENOTSOCK || e == ENOTDIR)
                        return err_set(err, -ECONNREFUSED,
                                       "no server answers at %s; start one with 'paddock serve'",
                                       c->socket);
                return err_sys(err, -e, "%s", c->socket);
        }
        return TAKE_FD(fd);
}

static int open_socket(struct client *c, struct err *err)
{
        int fd = c->remote ? remote_open(c->remote, err) : open_unix(c, err);
        if (fd < 0)
                return fd;
        c->fd = fd;
        h1_init(&c->h1, H1_RESPONSE, HTTP_HEAD_MAX);
        c->parsing = true;
        return 0;
}

/* A kept connection that the server has closed meanwhile is readable before we ask. */
static bool still_usable(const struct client *c)
{
        struct pollfd p = {.fd = c->fd, .events = POLLIN};
        return c->fd >= 0 && !c->in_body && c->keep && c->in.len == 0 && poll(&p, 1, 0) == 0;
}

static int broken(struct client *c, int r, struct err *err)
{
        client_drop(c);
        if (r == -EPROTO)
                return r;
        return err_set(err, -EPIPE, "the connection to the server broke (%s)", errno_text(r));
}

static int send_bytes(struct client *c, const char *p, size_t n, struct err *err)
{
        while (n > 0) {
                ssize_t r = send(c->fd, p, n, MSG_NOSIGNAL);
                if (r < 0 && errno == EINTR)
                        continue;
                if (r < 0 && errno == EPIPE) /* its answer may still be there to read */
                        return err_set(err, -EPIPE, "the server has ended the connection");
                if (r < 0)
                        return broken(c, -errno, err);
                p += r;
                n -= (size_t)r;
        }
        return 0;
}

/* Who asks, and which of its names the server is asked by. */
static int put_remote(struct buf *b, const struct remote *to)
{
        char text[sizeof to->token + 8];
        int r = h1_put_field(b, "Host", to->authority);
        if (r < 0 || !to->token[0])
                return r;
        snprintf(text, sizeof text, "Bearer %s", to->token);
        r = h1_put_field(b, "Authorization", text);
        explicit_bzero(text, sizeof text);
        return r;
}

static int put_head(struct buf *b, const struct remote *to, const struct client_request *rq)
{
        char length[24];
        bool has_body = rq->upload || rq->body.len;
        uint64_t n = rq->upload ? rq->upload_bytes : rq->body.len;
        snprintf(length, sizeof length, "%llu", (unsigned long long)n);
        int r = h1_put_request(b, rq->method, rq->target);
        if (r >= 0)
                r = to ? put_remote(b, to) : h1_put_field(b, "Host", "localhost");
        for (size_t i = 0; i < rq->n_fields && r >= 0; i++)
                r = h1_put_field(b, rq->fields[i].name, rq->fields[i].value);
        if (has_body && r >= 0)
                r = h1_put_field(b, "Content-Type",
                                 rq->content_type ? rq->content_type : "application/json");
        if (r >= 0 && rq->upload && n == UPLOAD_CHUNKED)
                r = h1_put_field(b, "Transfer-Encoding", "chunked");
        else if (r >= 0 && (has_body || !str_eq(rq->method, "GET")) && !rq->upgrade)
                r = h1_put_field(b, "Content-Length", length);
        if (rq->upgrade && r >= 0) {
                r = h1_put_field(b, "Connection", "Upgrade");
                r = r < 0 ? r : h1_put_field(b, "Upgrade", rq->upgrade);
        }
        return r < 0 ? r : h1_put_end(b);
}

int client_send(struct client *c, const struct client_request *rq, struct err *err)
{
        CLEANUP(buf_done) struct buf head = {0};
        buf_init(&head, HTTP_HEAD_MAX);
        int r = put_head(&head, c->remote, rq);
        if (r < 0)
                return err_set(err, -EINVAL, "the request cannot be written as HTTP");
        c->chunked = rq->upload && rq->upload_bytes == UPLOAD_CHUNKED;
        if (!still_usable(c)) {
                client_drop(c);
                r = open_socket(c, err);
        }
        r = r < 0 ? r : send_bytes(c, head.data, head.len, err);
        return r < 0 ? r : send_bytes(c, rq->body.data, rq->body.len, err);
}

int client_write(struct client *c, const void *p, size_t n, struct err *err)
{
        char size[24];
        if (c->fd < 0)
                return err_set(err, -EPIPE, "the connection to the server broke");
        if (!c->chunked || n == 0)
                return send_bytes(c, p, n, err);
        int len = snprintf(size, sizeof size, "%zx\r\n", n);
        int r = send_bytes(c, size, (size_t)len, err);
        r = r < 0 ? r : send_bytes(c, p, n, err);
        return r < 0 ? r : send_bytes(c, "\r\n", 2, err);
}

int client_write_end(struct client *c, struct err *err)
{
        return c->fd >= 0 && c->chunked ? send_bytes(c, "0\r\n\r\n", 5, err) : 0;
}

/* The next event of the parser, receiving as needed. 1, or 0 at the end of an until-EOF body. */
static int next_event(struct client *c, struct h1_event *ret, struct err *err)
{
        for (;;) {
                int r = h1_next(&c->h1, &c->in, ret, err);
                if (r != 0)
                        return r < 0 ? broken(c, r, err) : 1;
                ssize_t n = recv(c->fd, c->bytes, sizeof c->bytes, 0);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return broken(c, -errno, err);
                if (n == 0)
                        return h1_eof(&c->h1, NULL) == 0 && c->in_body
                                       ? 0
                                       : broken(c, -ECONNRESET, err);
                c->in = (struct slice){c->bytes, (size_t)n};
        }
}

int client_read(struct client *c, struct slice *ret, struct err *err)
{
        struct h1_event e;
        while (c->in_body) {
                int r = next_event(c, &e, err);
                if (r < 0)
                        return r;
                if (r > 0 && e.type == H1_DATA) {
                        *ret = e.data;
                        return 1;
                }
                if (r == 0 || e.type == H1_END) {
                        c->in_body = false;
                        if (r == 0 || (!c->keep && c->status != 101))
                                client_drop(c);
                }
        }
        return 0;
}

int client_read_to(struct client *c, int fd, struct err *err)
{
        struct slice part;
        int r;
        while ((r = client_read(c, &part, err)) == 1) {
                int w = fd_write_all(fd, part.data, part.len);
                if (w < 0) {
                        client_drop(c);
                        return err_sys(err, w, "writing it");
                }
        }
        return r;
}

static int read_whole(struct client *c, struct buf *b, struct err *err)
{
        struct slice part;
        int r;
        while ((r = client_read(c, &part, err)) == 1)
                if (buf_add(b, part.data, part.len) < 0) {
                        client_drop(c);
                        return err_set(err, -EMSGSIZE, "the server's answer is too long");
                }
        return r;
}

static int errno_for(unsigned status)
{
        switch (status) {
        case 400:
                return -EINVAL;
        case 401:
        case 403:
                return -EACCES;
        case 404:
                return -ENOENT;
        case 409:
                return -EEXIST;
        case 413:
                return -E2BIG;
        case 429:
        case 503:
                return -EAGAIN;
        case 507:
                return -ENOSPC;
        default:
                return -EIO;
        }
}

/* The body of a refusal: {"error":{"message":...}}. */
static int refusal(struct client *c, unsigned status, struct err *err)
{
        CLEANUP(buf_done) struct buf b = {0};
        auto_json json_t *j = NULL;
        buf_init(&b, 65536);
        int r = read_whole(c, &b, err);
        if (r < 0)
                return r;
        const char *message = NULL;
        if (json_parse(buf_text(&b), b.len, &j, NULL) == 0)
                message =
                        json_string_value(json_object_get(json_object_get(j, "error"), "message"));
        if (message)
                return err_set(err, errno_for(status), "%s", message);
        return err_set(err, errno_for(status), "the server answered %u", status);
}

int client_answer(struct client *c, const struct h1_head **ret, struct err *err)
{
        struct h1_event e;
        if (c->fd < 0)
                return err_set(err, -EPIPE, "the connection to the server broke");
        do {
                int r = next_event(c, &e, err);
                if (r <= 0)
                        return r < 0 ? r : broken(c, -ECONNRESET, err);
        } while (e.type != H1_HEAD || (e.head->status < 200 && e.head->status != 101));
        c->in_body = true;
        c->keep = e.head->keep_alive;
        c->status = e.head->status;
        if (c->status >= 400)
                return refusal(c, c->status, err);
        if (ret)
                *ret = e.head;
        return 0;
}

static int call_once(struct client *c, const struct client_request *rq, struct buf *answer,
                     struct err *err)
{
        int r = client_send(c, rq, err);
        r = r < 0 ? r : client_answer(c, NULL, err);
        return r < 0 ? r : read_whole(c, answer, err);
}

int client_call(struct client *c, const char *method, const char *target, const json_t *body,
                json_t **ret, struct err *err)
{
        CLEANUP(buf_done) struct buf b = {0};
        auto_free char *text = body ? json_text(body) : NULL;
        struct client_request rq = {.method = method, .target = target};
        if (text)
                rq.body = slice_of(text);
        buf_init(&b, 64u << 20); /* lists of documents can be long */
        /* The server may close a kept connection just as we ask; asking again does no harm here. */
        bool again = still_usable(c) && str_eq(method, "GET");
        int r = call_once(c, &rq, &b, err);
        if (r == -EPIPE && again && b.len == 0) {
                client_drop(c);
                r = call_once(c, &rq, &b, err);
        }
        if (r < 0)
                return r;
        json_t *j = NULL;
        if (b.len && (r = json_parse(b.data, b.len, &j, err)) < 0)
                return err_wrap(err, -EPROTO, "the server's answer");
        if (ret)
                *ret = j;
        else
                json_decref(j);
        return 0;
}

int client_take_upgraded(struct client *c, struct buf *rest, int *ret_fd, struct err *err)
{
        struct slice none;
        if (c->status != 101 || !c->in_body)
                return err_set(err, -EPROTO, "the server did not switch protocols");
        int r = client_read(c, &none, err); /* the end of the 101, nothing else */
        if (r < 0)
                return r;
        if (buf_add(rest, c->in.data, c->in.len) < 0)
                return err_set(err, -E2BIG, "the server sent too much at once");
        *ret_fd = TAKE_FD(c->fd);
        client_drop(c);
        return 0;
}

int url_put(struct buf *b, const char *text, bool keep_slashes)
{
        int r = 0;
        for (; *text && r >= 0; text++) {
                unsigned char ch = (unsigned char)*text;
                bool plain = (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') ||
                             (ch >= '0' && ch <= '9') || strchr("-._~", ch) ||
                             (ch == '/' && keep_slashes);
                r = plain ? buf_add(b, text, 1) : buf_addf(b, "%%%02X", ch);
        }
        return r;
}

int url_query(struct buf *b, const char *name, const char *value)
{
        if (!value || !*value)
                return 0;
        int r = buf_addf(b, "%c%s=", b->len && strchr(b->data, '?') ? '&' : '?', name);
        return r < 0 ? r : url_put(b, value, false);
}
