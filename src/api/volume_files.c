#include "api/box.h"
#include "api/files_pool.h"
#include "api/handlers.h"
#include "base/mem.h"
#include "base/str.h"

#define LIST_DEFAULT 1000
#define HOLD_ENOUGH  (128u << 10) /* of a download: then the program is not read for a while */
#define HOLD_MAX     (512u << 10)

/* One request on a file, until its client has all or has gone. */
struct access {
        struct call *c;
        struct files_op *op; /* NULL once it is done */
        char path[PATH_TEXT_MAX + 1];
        json_t *list;
        char last[PATH_TEXT_MAX + 1];
        struct buf hold; /* GET: bytes on their way to the client */
        bool failed, archive;
        uint64_t stored; /* PUT: bytes given to the program */
};

static void access_over(void *ctx)
{
        struct access *x = ctx;
        files_drop(x->op);
        json_decref(x->list);
        buf_done(&x->hold);
        free(x);
}

/* Where files are: a volume, or a sandbox that runs and sees them from its root. */
struct place {
        bool is_box;
        char id[ID_TEXT_LEN + 1];
};

static bool place_of_call(struct call *c, bool is_box, bool need, struct place *ret)
{
        ret->is_box = is_box;
        if (!is_box) {
                struct volume v;
                const char *name = call_param(c, "name");
                if (!(need ? volume_need(c, name, &v) : volume_of_call(c, name, &v)))
                        return false;
                memcpy(ret->id, v.id, sizeof ret->id);
                return true;
        }
        json_t *o = job_of_call(c, "sandbox", ret->id);
        json_decref(o);
        if (o && !box_find(c->api, ret->id)) {
                call_fail(c, -EALREADY, "the sandbox has ended");
                return false;
        }
        return o != NULL;
}

static struct files_op *start(struct call *c, const struct place *p, uint32_t verb, const void *req,
                              const struct files_calls *calls, void *ctx)
{
        return p->is_box ? files_start_in(c->api->pool, p->id, verb, req, calls, ctx)
                         : files_start(c->api->pool, p->id, verb, req, calls, ctx);
}

/* The place and the path are good: the rest of the request, ended with the request itself. */
static struct access *access_new(struct call *c, bool is_box, struct place *ret)
{
        const char *path = call_param(c, "path"), *archive = call_query(c, "archive");
        if (archive && !str_eq(archive, "tar")) {
                call_fail(c, -EINVAL, "archive: tar is the only kind");
                return NULL;
        }
        if (!str_is_subpath(path) && !(archive && str_eq(path, "."))) {
                call_fail(c, -EINVAL, "path: not a path below the root: no \"..\", no empty part");
                return NULL;
        }
        if (!place_of_call(c, is_box, str_eq(http_method(c->rq), "PUT"), ret))
                return NULL;
        struct access *x = xcalloc(1, sizeof *x);
        x->c = c;
        x->archive = archive != NULL;
        snprintf(x->path, sizeof x->path, "%s", str_eq(path, ".") ? "" : path);
        buf_init(&x->hold, HOLD_MAX);
        c->over_fn = access_over;
        c->over_ctx = x;
        return x;
}

/* ---- list ---- */

static void list_file(void *ctx, const struct files_file *f)
{
        struct access *x = ctx;
        json_array_append_new(x->list,
                              json_pack("{s:o,s:I,s:I}", "path",
                                        json_str_lossy(f->path, strlen(f->path)), "size_bytes",
                                        (json_int_t)f->size, "mtime_ms", (json_int_t)f->mtime_ms));
        memcpy(x->last, f->path, sizeof x->last);
}

static void list_done(void *ctx, const struct files_done *d, const struct err *err)
{
        struct access *x = ctx;
        x->op = NULL;
        if (err)
                call_fail_err(x->c, err);
        else
                call_json(x->c, 200,
                          json_pack("{s:O,s:o,s:I}", "files", x->list, "next",
                                    d->more ? json_string(x->last) : json_null(), "skipped",
                                    (json_int_t)d->skipped));
}

static void list(struct call *c, bool is_box)
{
        static const struct files_calls calls = {.file = list_file, .done = list_done};
        const char *prefix = call_query(c, "prefix"), *after = call_query(c, "after");
        struct place place;
        uint64_t limit;
        if (!call_query_u64(c, "limit", LIST_DEFAULT, 1, FILES_LIST_MAX, &limit) ||
            !place_of_call(c, is_box, false, &place))
                return;
        auto_free struct files_list *req = xcalloc(1, sizeof *req);
        if (str_copy(req->prefix, sizeof req->prefix, prefix ? prefix : "") < 0 ||
            str_copy(req->after, sizeof req->after, after ? after : "") < 0) {
                call_fail(c, -EINVAL, "prefix, after: longer than %d bytes", PATH_TEXT_MAX);
                return;
        }
        req->limit = (uint32_t)limit;
        struct access *x = xcalloc(1, sizeof *x);
        x->c = c;
        x->list = json_array();
        buf_init(&x->hold, 1);
        c->over_fn = access_over;
        c->over_ctx = x;
        x->op = start(c, &place, FILES_LIST, req, &calls, x);
}

/* ---- get ---- */

static ssize_t get_source(void *ctx, char *dst, size_t max)
{
        struct access *x = ctx;
        if (x->hold.len == 0)
                return x->failed ? HTTP_SOURCE_ABORT : x->op ? 0 : HTTP_SOURCE_END;
        size_t n = x->hold.len < max ? x->hold.len : max;
        memcpy(dst, x->hold.data, n);
        buf_consume(&x->hold, n);
        if (x->op && x->hold.len < HOLD_ENOUGH)
                files_pause(x->op, false);
        return (ssize_t)n;
}

static void get_file(void *ctx, const struct files_file *f)
{
        struct access *x = ctx;
        char mtime[24], mode[8];
        if (http_answered(x->c->rq))
                return; /* a second one: the program is broken, its bytes are cut by the length */
        snprintf(mtime, sizeof mtime, "%llu", (unsigned long long)f->mtime_ms);
        snprintf(mode, sizeof mode, "%04o", f->mode & 0777);
        http_add_header(x->c->rq, "X-Paddock-Mtime-Ms", mtime);
        http_add_header(x->c->rq, "X-Paddock-Mode", mode);
        /* A file of a user's is never shown by a browser as a page of ours. */
        http_add_header(x->c->rq, "Content-Disposition", "attachment");
        http_reply_stream(x->c->rq, 200,
                          x->archive ? "application/x-tar" : "application/octet-stream",
                          x->archive ? HTTP_UNKNOWN : (int64_t)f->size, get_source, x);
}

static void get_data(void *ctx, const char *p, size_t n)
{
        struct access *x = ctx;
        if (buf_add(&x->hold, p, n) < 0)
                x->failed = true;
        if (x->hold.len >= HOLD_ENOUGH)
                files_pause(x->op, true);
        http_reply_more(x->c->rq);
}

static void get_done(void *ctx, const struct files_done *d UNUSED, const struct err *err)
{
        struct access *x = ctx;
        x->op = NULL;
        x->failed |= err != NULL;
        if (err && !http_answered(x->c->rq))
                call_fail_err(x->c, err);
        else if (!http_answered(x->c->rq))
                call_fail(x->c, -EIO, "the program that holds the volume said nothing");
        else
                http_reply_more(x->c->rq);
}

static void get(struct call *c, bool is_box)
{
        static const struct files_calls calls = {get_file, get_data, NULL, get_done};
        struct place place;
        struct access *x = access_new(c, is_box, &place);
        if (!x)
                return;
        auto_free struct files_get *req = xcalloc(1, sizeof *req);
        memcpy(req->path, x->path, sizeof req->path);
        x->op = start(c, &place, x->archive ? FILES_PACK : FILES_GET, req, &calls, x);
}

/* ---- put ---- */

static size_t put_data(void *ctx, const char *p, size_t n)
{
        struct access *x = ctx;
        size_t taken = 0;
        while (x->op && taken < n) {
                size_t m = files_put(x->op, p + taken, n - taken);
                if (m == 0)
                        break;
                taken += m;
        }
        if (!x->op)
                return n; /* the answer is given; what still comes is dropped */
        x->stored += taken;
        return taken;
}

static void put_end(void *ctx)
{
        struct access *x = ctx;
        if (x->op)
                files_put_end(x->op, true);
}

static void put_writable(void *ctx)
{
        struct access *x = ctx;
        http_body_more(x->c->rq);
}

static void put_done(void *ctx, const struct files_done *d, const struct err *err)
{
        struct access *x = ctx;
        x->op = NULL;
        if (err)
                call_fail_err(x->c, err);
        else
                call_json(x->c, 200,
                          json_pack("{s:o,s:I}", "path", json_str_lossy(x->path, strlen(x->path)),
                                    x->archive ? "entries" : "size_bytes", (json_int_t)d->count));
}

/* Octal, as chmod has it. */
static bool read_mode(const struct call *c, uint32_t *ret)
{
        const char *text = http_header(c->rq, "X-Paddock-Mode");
        size_t n = text ? strspn(text, "01234567") : 0;
        if (!text)
                return true;
        unsigned long mode = strtoul(text, NULL, 8);
        *ret = (uint32_t)mode;
        return n > 0 && n <= 4 && !text[n] && mode <= 0777;
}

static bool read_put(struct call *c, struct files_put *ret)
{
        const char *mtime = http_header(c->rq, "X-Paddock-Mtime-Ms");
        int64_t length = http_body_length(c->rq);
        if (mtime && (str_to_u64(mtime, &ret->mtime_ms) < 0 || ret->mtime_ms > INT64_MAX)) {
                call_fail(c, -EINVAL, "X-Paddock-Mtime-Ms: expected milliseconds since 1970");
                return false;
        }
        if (!read_mode(c, &ret->mode)) {
                call_fail(c, -EINVAL, "X-Paddock-Mode: expected an octal number up to 0777");
                return false;
        }
        if (length > (int64_t)UPLOAD_BYTES_MAX) {
                call_fail(c, -EFBIG, "a file may have %llu bytes", UPLOAD_BYTES_MAX);
                return false;
        }
        ret->size = length == HTTP_UNKNOWN ? FILES_SIZE_ANY : (uint64_t)length;
        return true;
}

static void put(struct call *c, bool is_box)
{
        static const struct files_calls calls = {NULL, NULL, put_writable, put_done};
        static const struct http_sink sink = {put_data, put_end};
        struct place place;
        auto_free struct files_put *req = xcalloc(1, sizeof *req);
        auto_free struct files_get *into = xcalloc(1, sizeof *into);
        if (!read_put(c, req))
                return;
        struct access *x = access_new(c, is_box, &place);
        if (!x)
                return;
        memcpy(req->path, x->path, sizeof req->path);
        memcpy(into->path, x->path, sizeof into->path);
        x->op = x->archive ? start(c, &place, FILES_UNPACK, into, &calls, x)
                           : start(c, &place, FILES_PUT, req, &calls, x);
        http_take_stream(c->rq, &sink, x);
}

/* ---- delete ---- */

static void delete_done(void *ctx, const struct files_done *d, const struct err *err)
{
        struct access *x = ctx;
        x->op = NULL;
        if (err)
                call_fail_err(x->c, err);
        else
                call_json(x->c, 200,
                          json_pack("{s:o,s:I}", "path", json_str_lossy(x->path, strlen(x->path)),
                                    "files", (json_int_t)d->count));
}

static void delete_file(struct call *c, bool is_box)
{
        static const struct files_calls calls = {.done = delete_done};
        struct place place;
        struct access *x = access_new(c, is_box, &place);
        if (!x)
                return;
        auto_free struct files_remove *req = xcalloc(1, sizeof *req);
        memcpy(req->path, x->path, sizeof req->path);
        x->op = start(c, &place, FILES_REMOVE, req, &calls, x);
}

/* ---- the routes ---- */

void volume_files(struct call *c)
{
        list(c, false);
}

void volume_file_get(struct call *c)
{
        get(c, false);
}

void volume_file_put(struct call *c)
{
        put(c, false);
}

void volume_file_delete(struct call *c)
{
        delete_file(c, false);
}

void sandbox_files(struct call *c)
{
        list(c, true);
}

void sandbox_file_get(struct call *c)
{
        get(c, true);
}

void sandbox_file_put(struct call *c)
{
        put(c, true);
}

void sandbox_file_delete(struct call *c)
{
        delete_file(c, true);
}
