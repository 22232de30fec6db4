/* client.h - HTTP to the server behind a Unix socket or elsewhere (cli/remote.h), blocking, one
 * connection.
 *
 *     struct client *c = client_new("/run/paddock/paddock.sock");
 *     r = client_call(c, "GET", "/v1/status", NULL, &j, err);
 *
 * An answer of 400 and above becomes a negative errno (see exit_code_for) and its message. No
 * server is -ECONNREFUSED; a connection that broke in the middle is -EPIPE and the next request
 * makes a new one. One request at a time: a body is read to its end or the connection is dropped.
 */
#pragma once
#include "base/json.h"
#include "net/h1.h"

struct client;

struct client *client_new(const char *socket); /* never NULL; connects at the first request */
/* The same with a server elsewhere; copied. */
struct remote;
struct client *client_new_remote(const struct remote *where);
void client_free(struct client *c); /* NULL is fine */
DEFINE_CLEANUP(struct client *, client_free);

/* A JSON request and its JSON answer. body is borrowed, NULL: none. *ret is NULL when the answer
 * has no body; ret may be NULL when nobody cares. */
MUST_CHECK int client_call(struct client *c, const char *method, const char *target,
                           const json_t *body, json_t **ret, struct err *err);

#define UPLOAD_CHUNKED UINT64_MAX

struct client_request {
        const char *method, *target;
        const char *content_type;      /* with body or upload; NULL: application/json */
        struct slice body;             /* sent at once */
        bool upload;                   /* upload_bytes follow by client_write */
        uint64_t upload_bytes;         /* UPLOAD_CHUNKED: not known beforehand */
        const struct h1_field *fields; /* further ones */
        size_t n_fields;
        const char *upgrade; /* protocol to switch to; NULL: none */
};
MUST_CHECK int client_send(struct client *c, const struct client_request *rq, struct err *err);
/* -EPIPE: the server reads no more; client_answer may say why. */
MUST_CHECK int client_write(struct client *c, const void *p, size_t n, struct err *err);
/* After the last client_write of an upload of unknown length. */
MUST_CHECK int client_write_end(struct client *c, struct err *err);
/* Waits for the answer's head. 0: its body follows by client_read. */
MUST_CHECK int client_answer(struct client *c, const struct h1_head **ret, struct err *err);
/* The next piece of the body, valid until the next call. 1: *ret; 0: the body has ended. */
MUST_CHECK int client_read(struct client *c, struct slice *ret, struct err *err);
/* The rest of the body, written to fd. */
MUST_CHECK int client_read_to(struct client *c, int fd, struct err *err);
/* After 101: the connection, and in *rest what of the new protocol came already. The caller closes
 * it. -EPROTO when the server did not switch. */
MUST_CHECK int client_take_upgraded(struct client *c, struct buf *rest, int *ret_fd,
                                    struct err *err);
void client_drop(struct client *c); /* closes the connection: the next request makes another */

/* "/v1/volumes/" + escaped: slashes stay only where keep_slashes. */
MUST_CHECK int url_put(struct buf *b, const char *text, bool keep_slashes);
/* "?name=value" or "&name=value"; NULL or "" adds nothing. */
MUST_CHECK int url_query(struct buf *b, const char *name, const char *value);
