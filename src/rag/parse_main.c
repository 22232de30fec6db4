/* The program `parse`: link/parse.h says what it answers. It runs in a sandbox without network,
 * with the documents of one volume read-only at /docs (or at the folder that is its argument). */
#include "rag/parse/doc.h"
#include "rag/parse/model.h"
#include "rag/parse/read.h"
#include "base/str.h"
#include "base/walk.h"
#include <fcntl.h>
#include <libxml/parser.h>
#include <malloc.h>
#include <stdio.h>

struct parser {
        int root;
        struct frames in;
        struct doc doc;
};
struct scan {
        struct parser *p;
        const char *prefix;
        uint64_t files, skipped;
        struct err *err;
};

/* Hidden files and folders (.git, .cache) are no documents. */
static bool hidden(const char *path)
{
        return path[0] == '.' || strstr(path, "/.") != NULL;
}

static int on_file(void *ctx, const struct walk_file *f)
{
        struct scan *s = ctx;
        size_t n = strlen(s->prefix);
        if (n && f->path[n] != '/' && f->path[n] != '\0')
                return 0; /* "ab" is not below "a" */
        if (hidden(f->path)) {
                s->skipped++;
                return 0;
        }
        struct parse_entry e = {.size = f->size,
                                .inode = f->inode,
                                .mtime_ns = f->mtime_ns,
                                .ctime_ns = f->ctime_ns};
        int r = str_copy(e.path, sizeof e.path, f->path);
        if (r == 0)
                r = frame_put(&s->p->doc.out, &parse_frames, PARSE_ENTRY, &e, s->err);
        s->files++;
        return r < 0 ? r : doc_flush(&s->p->doc, FRAME_MAX, s->err);
}

static int answer_scan(struct parser *p, const struct parse_scan *rq, struct err *err)
{
        struct err why = {0};
        struct parse_scanned end = {0};
        struct scan s = {.p = p, .prefix = rq->prefix, .err = &why};
        uint64_t skipped = 0;
        int r = rq->prefix[0] && !str_is_subpath(rq->prefix)
                        ? err_set(&why, -EINVAL, "not a path: '%s'", rq->prefix)
                        : walk_files(p->root, rq->prefix, "", on_file, &s, &skipped, &why);
        if (r < 0) {
                end.error = (uint32_t)-r;
                snprintf(end.reason, sizeof end.reason, "%s", err_text(&why));
        }
        end.files = s.files;
        end.skipped = s.skipped + skipped;
        r = frame_put(&p->doc.out, &parse_frames, PARSE_SCANNED, &end, err);
        return r < 0 ? r : doc_flush(&p->doc, 1, err);
}

static int answer_file(struct parser *p, const struct parse_file *rq, struct err *err)
{
        struct err why = {0};
        CLEANUP(buf_done) struct buf bytes;
        buf_init(&bytes, DOC_BYTES_MAX);
        doc_begin(&p->doc, rq->path);
        int r = read_document(p->root, rq->path, &bytes, &p->doc.end, &why);
        bool same = r == 0 && rq->unless_hash[0] && str_eq(rq->unless_hash, p->doc.end.hash);
        if (same)
                p->doc.end.status = PARSE_SAME;
        else if (r == 0)
                r = sniff_parse(&p->doc, (struct slice){buf_text(&bytes), bytes.len}, &why);
        if (r == -EPIPE)
                return err_set(err, r, "%s", err_text(&why));
        /* a limit that cut the text set its status already */
        if (r < 0 && p->doc.end.status != PARSE_PARTIAL)
                doc_status(&p->doc, PARSE_FAILED, "%s", err_text(&why));
        if (bytes.len > (16u << 20))
                malloc_trim(0);
        return doc_end(&p->doc, err);
}

static int put_part(void *ctx, const void *bytes, size_t n)
{
        struct doc *d = ctx;
        for (size_t at = 0; at < n; at += FRAME_MAX) {
                size_t some = n - at < FRAME_MAX ? n - at : FRAME_MAX;
                struct slice part = {(const char *)bytes + at, some};
                int r = frame_put(&d->out, &parse_frames, PARSE_PART, &part, NULL);
                r = r < 0 ? r : doc_flush(d, FRAME_MAX, NULL);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int answer_pack(struct parser *p, const struct parse_pack *rq, struct err *err)
{
        struct err why = {0};
        struct parse_packed end = {0};
        int r = model_pack_folder(p->root, rq, put_part, &p->doc, &why);
        if (r < 0) {
                end.error = (uint32_t)-r;
                snprintf(end.reason, sizeof end.reason, "%s", err_text(&why));
        }
        r = frame_put(&p->doc.out, &parse_frames, PARSE_PACKED, &end, err);
        return r < 0 ? r : doc_flush(&p->doc, 1, err);
}

static int answer(struct parser *p, const struct frame *f, struct err *err)
{
        struct parse_pack pack;
        struct parse_scan scan;
        struct parse_file file;
        int r = -EPROTO;
        if (f->verb == PARSE_SCAN) {
                r = frames_decode(&p->in, f, &scan, err);
                return r < 0 ? r : answer_scan(p, &scan, err);
        }
        if (f->verb == PARSE_FILE) {
                r = frames_decode(&p->in, f, &file, err);
                return r < 0 ? r : answer_file(p, &file, err);
        }
        if (f->verb == PARSE_PACK) {
                r = frames_decode(&p->in, f, &pack, err);
                return r < 0 ? r : answer_pack(p, &pack, err);
        }
        return err_set(err, r, "parse: frame %u is no request", f->verb);
}

int main(int argc, char **argv)
{
        struct err err = {0};
        struct parser p;
        struct frame f;
        const char *docs = argc > 1 ? argv[1] : "/docs";
        auto_close int root = open(docs, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (root < 0) {
                fprintf(stderr, "parse: %s: %s\n", docs, errno_text(errno));
                return 1;
        }
        xmlInitParser();
        p.root = root;
        frames_init(&p.in, &parse_frames);
        doc_init(&p.doc, STDOUT_FILENO);
        int r;
        while ((r = frames_read(&p.in, STDIN_FILENO, 0, &f, &err)) > 0) {
                r = answer(&p, &f, &err);
                if (r < 0)
                        break;
        }
        if (r < 0)
                fprintf(stderr, "parse: %s\n", err_text(&err));
        doc_done(&p.doc);
        frames_done(&p.in);
        xmlCleanupParser();
        return r < 0;
}
