/* files_fake.h - for tests: the program that holds a volume, on the test's own loop, with a few
 * files in memory. */
#pragma once
#include "api_fixture.h"
#include "link/files.h"

#define FAKE_FILES 8

struct fake_file {
        char path[PATH_TEXT_MAX + 1];
        struct buf bytes;
        uint64_t mtime_ms;
};
struct fake_program {
        struct fixture *f;
        struct fake_box *box;
        struct loop_io *io;
        struct frames in;
        struct files_put put;
        struct buf putting;
        bool in_put;
        int ops;
};
static struct fake_file fake_files[FAKE_FILES];
static size_t n_fake_files, n_fake_programs;
static struct fake_program fake_programs[FAKE_BOXES];
/* What a test may ask for. */
static bool fake_refuses_put, fake_breaks_protocol, fake_dies, fake_stalls;

static inline struct fake_file *fake_file_find(const char *path)
{
        for (size_t i = 0; i < n_fake_files; i++)
                if (str_eq(fake_files[i].path, path))
                        return &fake_files[i];
        return NULL;
}

static inline void fake_say(struct fake_program *p, uint32_t verb, const void *obj)
{
        struct err err = {0};
        if (frame_write(p->box->out, &files_frames, verb, obj, 0, &err) < 0)
                test_failed(__FILE__, __LINE__, "%s", err_text(&err));
}

static inline void fake_done(struct fake_program *p, uint32_t error, uint64_t count)
{
        struct files_done d = {.error = error, .count = count};
        if (error)
                snprintf(d.reason, sizeof d.reason, "the fake says %u", error);
        fake_say(p, FILES_DONE, &d);
}

static inline void fake_get_file(struct fake_program *p, const char *path)
{
        struct fake_file *file = fake_file_find(path);
        if (!file) {
                fake_done(p, ENOENT, 0);
                return;
        }
        struct files_file head = {.size = file->bytes.len, .mtime_ms = file->mtime_ms};
        snprintf(head.path, sizeof head.path, "%s", path);
        fake_say(p, FILES_FILE, &head);
        struct slice s = {file->bytes.data,
                          file->bytes.len < FRAME_MAX / 2 ? file->bytes.len : FRAME_MAX / 2};
        fake_say(p, FILES_DATA, &s);
        fake_done(p, 0, file->bytes.len);
}

static inline void fake_list_files(struct fake_program *p, const struct files_list *l)
{
        struct files_done d = {0};
        for (size_t i = 0; i < n_fake_files; i++) {
                struct files_file head = {.size = fake_files[i].bytes.len,
                                          .mtime_ms = fake_files[i].mtime_ms};
                if (strcmp(fake_files[i].path, l->after) <= 0 ||
                    !str_starts(fake_files[i].path, l->prefix))
                        continue;
                if (d.count == l->limit) {
                        d.more = 1;
                        break;
                }
                snprintf(head.path, sizeof head.path, "%s", fake_files[i].path);
                fake_say(p, FILES_FILE, &head);
                d.count++;
        }
        fake_say(p, FILES_DONE, &d);
}

static inline void fake_put_end(struct fake_program *p, bool keep)
{
        if (!p->in_put)
                return; /* it was refused before */
        p->in_put = false;
        if (!keep) {
                fake_done(p, ECANCELED, 0);
                return;
        }
        struct fake_file *file = fake_file_find(p->put.path);
        if (!file) {
                CHECK_INT(n_fake_files, <, FAKE_FILES);
                file = &fake_files[n_fake_files++];
                snprintf(file->path, sizeof file->path, "%s", p->put.path);
                buf_init(&file->bytes, 64u << 20);
        }
        buf_clear(&file->bytes);
        CHECK_INT(buf_add(&file->bytes, p->putting.data, p->putting.len), ==, 0);
        file->mtime_ms = p->put.mtime_ms;
        fake_done(p, 0, p->putting.len);
}

static inline void fake_op(struct fake_program *p, const struct frame *f)
{
        union {
                struct files_put put;
                struct files_get get;
                struct files_list list;
                struct files_remove remove;
                struct files_end end;
        } u;
        if (f->verb == FILES_DATA) {
                CHECK_INT(buf_add(&p->putting, f->body.data, f->body.len), ==, 0);
                return;
        }
        CHECK_INT(frames_decode(&p->in, f, &u, NULL), ==, 0);
        p->ops += f->verb < FILES_DATA;
        if (fake_dies && f->verb < FILES_DATA) {
                fake_end(p->f, p->box, BOX_OOM, 9);
                return;
        }
        if (fake_breaks_protocol && f->verb < FILES_DATA) {
                CHECK_INT(write(p->box->out, "\xff\xff\xff\xff\xff\xff\xff\xff", 8), ==, 8);
                return;
        }
        struct fake_file *file;
        switch (f->verb) {
        case FILES_PUT:
                p->put = u.put;
                buf_clear(&p->putting);
                p->in_put = !fake_refuses_put;
                if (fake_refuses_put)
                        fake_done(p, ENOSPC, 0);
                return;
        case FILES_END:
                fake_put_end(p, u.end.keep);
                return;
        case FILES_GET:
                fake_get_file(p, u.get.path);
                return;
        case FILES_LIST:
                fake_list_files(p, &u.list);
                return;
        case FILES_REMOVE:
                file = fake_file_find(u.remove.path);
                if (file)
                        snprintf(file->path, sizeof file->path, "\xff");
                fake_done(p, file ? 0 : ENOENT, file != NULL);
                return;
        }
}

static inline void fake_program_ready(void *ctx, uint32_t events UNUSED)
{
        struct fake_program *p = ctx;
        char chunk[32768];
        struct frame f;
        if (fake_stalls)
                return;
        ssize_t n = read(p->box->in, chunk, sizeof chunk);
        if (n <= 0) {
                loop_io_remove(p->io);
                p->io = NULL;
                return;
        }
        CHECK_INT(frames_feed(&p->in, chunk, (size_t)n), ==, 0);
        while (p->box->in >= 0 && frames_next(&p->in, &f, NULL) > 0)
                fake_op(p, &f);
        if (p->box->in < 0) {
                loop_io_remove(p->io);
                p->io = NULL;
        }
}

/* fixture.on_create */
static inline void fake_program_start(struct fixture *f, struct fake_box *b)
{
        if (b->spec.profile != BOX_FILES)
                return;
        CHECK_STR(b->args, "/.paddock/files");
        CHECK_STR(b->spec.mounts[0].target, "/volume");
        struct fake_program *p = &fake_programs[n_fake_programs++];
        *p = (struct fake_program){.f = f, .box = b};
        frames_init(&p->in, &files_frames);
        buf_init(&p->putting, 64u << 20);
        p->io = loop_io_add(f->loop, b->in, EPOLLIN, fake_program_ready, p);
}

static inline void fake_programs_done(void)
{
        for (size_t i = 0; i < n_fake_programs; i++) {
                loop_io_remove(fake_programs[i].io);
                frames_done(&fake_programs[i].in);
                buf_done(&fake_programs[i].putting);
        }
        for (size_t i = 0; i < n_fake_files; i++)
                buf_done(&fake_files[i].bytes);
}
