/* rag_host.h - index jobs in a test: a host that starts the real parse program on a folder. */
#pragma once
#include "spawn.h"
#include "base/str.h"
#include "rag/index.h"

struct test_host {
        const char *docs;
        int opened;
};

static inline int host_open(void *ctx, const char *volume, struct index_box *ret, struct err *err)
{
        struct test_host *h = ctx;
        struct spawned *s = xmalloc(sizeof *s);
        (void)volume;
        (void)err;
        *s = spawn_program("parse", h->docs);
        __atomic_add_fetch(&h->opened, 1, __ATOMIC_RELAXED);
        *ret = (struct index_box){s->to, s->from, s};
        return 0;
}

static inline void host_close(void *ctx, struct index_box *box, char reason[128])
{
        struct spawned *s = box->handle;
        int status = 0;
        (void)ctx;
        kill(s->pid, SIGKILL);
        waitpid(s->pid, &status, 0);
        free(s);
        snprintf(reason, 128, "signal %d", WIFSIGNALED(status) ? WTERMSIG(status) : 0);
}

struct reports {
        int n, files;
        char last_path[PATH_TEXT_MAX + 1], last_reason[256];
};

static inline void on_progress(void *ctx, const struct rag_progress *p)
{
        struct reports *r = ctx;
        r->n++;
        if (!p->path[0])
                return;
        r->files++;
        snprintf(r->last_path, sizeof r->last_path, "%s", p->path);
        snprintf(r->last_reason, sizeof r->last_reason, "%s", p->reason);
}

struct indexed {
        int r;
        struct rag_progress end;
        struct reports reports;
        int boxes;
        struct err err;
};

static inline struct indexed index_folder(const char *docs, struct spaces *spaces,
                                          const char *prefix, bool force)
{
        struct indexed x = {0};
        struct rag_index rq = {.force = force, .volume = "v", .space = "s"};
        CHECK_INT(str_copy(rq.prefix, sizeof rq.prefix, prefix), ==, 0);
        struct test_host h = {.docs = docs};
        struct index_host host = {&h, host_open, host_close};
        struct index_job job = {.rq = &rq,
                                .spaces = spaces,
                                .host = &host,
                                .progress = on_progress,
                                .ctx = &x.reports};
        signal(SIGPIPE, SIG_IGN);
        x.r = index_run(&job, &x.end, &x.err);
        x.boxes = h.opened;
        return x;
}
