#include "rag/parser.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/str.h"

void parser_init(struct parser *p, int to, int from)
{
        p->to = to;
        p->from = from;
        p->file_ms = FILE_MS;
        frames_init(&p->in, &parse_frames);
}

void parser_done(struct parser *p)
{
        frames_done(&p->in);
}

static int next(struct parser *p, uint64_t deadline, struct frame *f, struct err *err)
{
        int r = frames_read(&p->in, p->from, deadline, f, err);
        return r == 0 ? err_set(err, -EPIPE, "the parser ended") : r;
}

static int hostile(struct err *err, const char *what)
{
        return err_set(err, -EPROTO, "the parser sent %s", what);
}

static bool valid_text(struct slice s)
{
        for (size_t i = 0; i < s.len; i++)
                if ((unsigned char)s.data[i] < 0x20 && s.data[i] != '\n' && s.data[i] != '\t')
                        return false;
        return utf8_valid(s.data, s.len);
}

int parser_scan(struct parser *p, const char *prefix, entry_fn fn, void *ctx,
                struct parse_scanned *ret, struct err *err)
{
        struct parse_scan rq = {0};
        uint64_t deadline = clock_boot_ms() + SCAN_MS, n = 0;
        char last[PATH_TEXT_MAX + 1] = "";
        struct frame f;
        int r = str_copy(rq.prefix, sizeof rq.prefix, prefix);
        if (r == 0)
                r = frame_write(p->to, &parse_frames, PARSE_SCAN, &rq, deadline, err);
        while (r >= 0 && (r = next(p, deadline, &f, err)) >= 0 && f.verb == PARSE_ENTRY) {
                struct parse_entry e;
                r = frames_decode(&p->in, &f, &e, err);
                if (r < 0)
                        return r;
                if (!str_is_subpath(e.path) || strcmp(e.path, last) <= 0 || ++n > SCAN_FILES_MAX)
                        return hostile(err, "a list of files that cannot be");
                memcpy(last, e.path, sizeof last);
                r = fn(ctx, &e, err);
        }
        if (r < 0)
                return r;
        struct parse_scanned end;
        if (f.verb != PARSE_SCANNED)
                return hostile(err, "another answer than a scan's");
        r = frames_decode(&p->in, &f, &end, err);
        if (r < 0)
                return r;
        if (end.error)
                return err_set(err, -EIO, "%s",
                               valid_text(slice_of(end.reason)) ? end.reason : "the scan failed");
        *ret = end;
        return 0;
}

static bool valid_hash(const char *s)
{
        size_t n = strspn(s, "0123456789abcdef");
        return s[n] == '\0' && (n == 0 || n == PARSE_HASH_LEN);
}

static int check_end(const struct parse_end *e, const char *unless_hash, struct err *err)
{
        if (e->status < PARSE_INDEXED || e->status > PARSE_SAME ||
            (e->status == PARSE_SAME && (!*unless_hash || !str_eq(e->hash, unless_hash))))
                return hostile(err, "a status that cannot be");
        if (!valid_hash(e->hash) || !valid_text(slice_of(e->title)) ||
            !valid_text(slice_of(e->reason)) || !valid_text(slice_of(e->type)))
                return hostile(err, "an end that is not text");
        return 0;
}

int parser_file(struct parser *p, const char *path, const char *unless_hash, block_fn fn, void *ctx,
                struct parse_end *ret, struct err *err)
{
        struct parse_file rq = {0};
        uint64_t deadline = clock_boot_ms() + p->file_ms, bytes = 0, n = 0;
        struct frame f;
        int r = str_copy(rq.path, sizeof rq.path, path);
        if (r == 0)
                r = str_copy(rq.unless_hash, sizeof rq.unless_hash, unless_hash);
        if (r == 0)
                r = frame_write(p->to, &parse_frames, PARSE_FILE, &rq, deadline, err);
        while (r >= 0 && (r = next(p, deadline, &f, err)) >= 0 && f.verb == PARSE_BLOCK) {
                struct parse_block b;
                r = frames_decode(&p->in, &f, &b, err);
                if (r < 0)
                        return r;
                bytes += b.text.len;
                if (b.kind < PARSE_TITLE || b.kind > PARSE_CODE || !valid_text(b.text) ||
                    bytes > DOC_TEXT_MAX || ++n > DOC_BLOCKS_MAX)
                        return hostile(err, "a block that cannot be");
                r = fn(ctx, &b, err);
        }
        if (r < 0)
                return r;
        struct parse_end end;
        if (f.verb != PARSE_END)
                return hostile(err, "another answer than a file's");
        r = frames_decode(&p->in, &f, &end, err);
        if (r == 0)
                r = check_end(&end, unless_hash, err);
        if (r == 0)
                *ret = end;
        return r;
}
