/* parse_host.h - the real parse program on a folder of the test's own: what it makes of a file. */
#pragma once
#include "spawn.h"
#include "base/clock.h"
#include "base/str.h"
#include "rag/parser.h"
#include <sys/resource.h>

struct parsing {
        char *docs;
        struct spawned program;
        struct parser parser;
        struct parse_end end;
        struct buf text; /* "H1 Title\nP words\nL item\nT a | b\nC code\n"; a page before: "[2]" */
        uint32_t blocks;
        char paths[4096];
        struct parse_scanned scanned;
};

static inline struct parsing parsing_new(void)
{
        struct parsing p = {.docs = temp_dir()};
        signal(SIGPIPE, SIG_IGN);
        p.program = spawn_program("parse", p.docs);
        parser_init(&p.parser, p.program.to, p.program.from);
        buf_init(&p.text, 256u << 20);
        return p;
}

/* The program must have survived whatever it was given. */
static inline void parsing_done(struct parsing *p)
{
        CHECK_INT(spawned_end(&p->program), ==, 0);
        parser_done(&p->parser);
        buf_done(&p->text);
        remove_temp(&p->docs);
}
#define auto_parsing CLEANUP(parsing_done)

static inline int note_block(void *ctx, const struct parse_block *b, struct err *err)
{
        struct parsing *p = ctx;
        static const char letters[] = "?.HPLTC";
        (void)err;
        p->blocks++;
        if (b->page)
                CHECK_INT(buf_addf(&p->text, "[%u]", b->page), ==, 0);
        CHECK_INT(buf_addf(&p->text, "%c", letters[b->kind]), ==, 0);
        if (b->kind == PARSE_HEADING)
                CHECK_INT(buf_addf(&p->text, "%u", b->level), ==, 0);
        CHECK_INT(buf_adds(&p->text, " "), ==, 0);
        CHECK_INT(buf_add(&p->text, b->text.data, b->text.len), ==, 0);
        CHECK_INT(buf_adds(&p->text, "\n"), ==, 0);
        return 0;
}

/* Parses docs/path; everything that came is in p. */
static inline const char *parse_path(struct parsing *p, const char *path)
{
        struct err err = {0};
        buf_clear(&p->text);
        p->blocks = 0;
        if (parser_file(&p->parser, path, "", note_block, p, &p->end, &err) < 0)
                test_failed(__FILE__, __LINE__, "%s: %s", path, err_text(&err));
        return buf_text(&p->text);
}

static inline const char *parse_bytes(struct parsing *p, const char *path, const void *bytes,
                                      size_t n)
{
        put_bytes(p->docs, path, bytes, n);
        return parse_path(p, path);
}

static inline const char *parse_text(struct parsing *p, const char *path, const char *text)
{
        return parse_bytes(p, path, text, strlen(text));
}

#define CHECK_PARSED(p, path, text, expected)                                                      \
        do {                                                                                       \
                const char *parsed_ = parse_text(p, path, text);                                   \
                CHECK_STR(parsed_, expected);                                                      \
                CHECK_STR(parse_status_text((p)->end.status), "indexed");                          \
        } while (0)
#define CHECK_STATUS(p, expected, part)                                                            \
        do {                                                                                       \
                CHECK_STR(parse_status_text((p)->end.status), expected);                           \
                CHECK_CONTAINS((p)->end.reason, part);                                             \
        } while (0)

static inline int note_entry(void *ctx, const struct parse_entry *e, struct err *err)
{
        struct parsing *p = ctx;
        size_t n = strlen(p->paths);
        (void)err;
        snprintf(p->paths + n, sizeof p->paths - n, "%s%s", n ? " " : "", e->path);
        return 0;
}

static inline const char *scan_paths(struct parsing *p, const char *prefix)
{
        struct err err = {0};
        p->paths[0] = '\0';
        if (parser_scan(&p->parser, prefix, note_entry, p, &p->scanned, &err) < 0)
                test_failed(__FILE__, __LINE__, "%s", err_text(&err));
        return p->paths;
}

/* Most memory that the program has held, in bytes. */
static inline uint64_t program_peak(const struct parsing *p)
{
        char path[64];
        CLEANUP(buf_done) struct buf b;
        buf_init(&b, 65536);
        snprintf(path, sizeof path, "/proc/%d/status", p->program.pid);
        CHECK_INT(file_read_at(AT_FDCWD, path, &b), ==, 0);
        const char *at = strstr(buf_text(&b), "VmHWM:");
        CHECK(at != NULL);
        return strtoull(at + 6, NULL, 10) * 1024;
}
