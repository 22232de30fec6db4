/* The verbs of link/rag.h end to end on one loop: an asker, the service, and a launch that starts
 * the real parse program on a folder. */
#include "rag_host.h"
#include "base/id.h"
#include "link/rag.h"
#include "rag/jobs.h"
#include "rag/service.h"
#include <sys/mman.h>

#define SPACE  "01k00000000000000000000000"
#define VOLUME "01k00000000000000000000001"

static struct loop *loop;
static char *docs, *state;
static struct service *service;
static struct peer *api, *launch; /* the other roles' ends */
static struct peer *from_api, *to_launch;
static struct spawned running[32];
static char running_id[32][ID_TEXT_LEN + 1];
static int n_running, alive, most_running, created, forgotten, stopped;
static int refuse; /* CREATEs to refuse */

static void on_create(void *ctx UNUSED, struct peer_request *rq, const void *req, int *fds,
                      uint32_t n_fds)
{
        const struct launch_spec *s = req;
        char argv[64];
        CHECK_INT(n_fds, ==, 1);
        CHECK_INT(memfd_sealed_size(fds[0]), <, sizeof argv);
        ssize_t n = pread(fds[0], argv, sizeof argv, 0);
        CHECK(n > 8 && argv[0] == 1 && argv[4] == 0 && argv[n - 1] == '\0');
        CHECK_STR(argv + 8, "/.paddock/parse");
        CHECK_INT(s->profile, ==, BOX_PARSE);
        CHECK_INT(s->n_mounts, ==, 1);
        CHECK_INT(s->mounts[0].read_only, ==, 1);
        CHECK_STR(s->mounts[0].volume, VOLUME);
        CHECK_STR(s->mounts[0].target, "/docs");
        CHECK(id_valid(s->id));
        if (refuse > 0) {
                refuse--;
                peer_fail(rq, -EPERM, "not today");
                return;
        }
        struct spawned *p = &running[n_running];
        memcpy(running_id[n_running++], s->id, sizeof s->id);
        created++;
        most_running = ++alive > most_running ? alive : most_running;
        *p = spawn_program("parse", docs);
        int err = memfd_create("stderr", MFD_CLOEXEC);
        int out[3] = {p->to, p->from, err};
        struct launch_created done = {.start_us = 1};
        peer_reply(rq, &done, out, 3, false);
        close(p->to);
        close(p->from);
        close(err);
}

static void reap(void *ctx UNUSED)
{
        for (int i = 0; i < n_running; i++) {
                int status;
                if (running[i].pid <= 0 || waitpid(running[i].pid, &status, WNOHANG) <= 0)
                        continue;
                running[i].pid = 0;
                alive--;
                struct launch_result r = {.state = BOX_ENDED, .reason = BOX_EXITED};
                memcpy(r.id, running_id[i], sizeof r.id);
                if (WIFSIGNALED(status)) {
                        r.reason = BOX_OOM;
                        r.signal = (uint32_t)WTERMSIG(status);
                }
                peer_event(launch, LAUNCH_EXITED, &r, NULL, 0);
        }
        loop_timer_add(loop, 5, reap, NULL);
}

static void on_forget(void *ctx UNUSED, struct peer_request *rq, const void *req UNUSED,
                      int *fds UNUSED, uint32_t n_fds UNUSED)
{
        forgotten++;
        peer_reply(rq, &(struct launch_empty){0}, NULL, 0, false);
}

static void on_stop(void *ctx UNUSED, struct peer_request *rq, const void *req, int *fds UNUSED,
                    uint32_t n_fds UNUSED)
{
        const struct launch_stop *s = req;
        stopped++;
        for (int i = 0; i < n_running; i++)
                if (str_eq(running_id[i], s->id) && running[i].pid > 0)
                        kill(running[i].pid, SIGKILL);
        peer_reply(rq, &(struct launch_empty){0}, NULL, 0, false);
}

static const struct peer_handler fake_handlers[] = {
        {LAUNCH_CREATE, on_create}, {LAUNCH_FORGET, on_forget}, {LAUNCH_STOP, on_stop}, {0, NULL}};
static const struct peer_ops fake_launch = {&launch_link, fake_handlers, NULL};
static const struct peer_ops asker = {&rag_link, NULL, NULL};

static struct peer *launch_now(void *ctx UNUSED)
{
        return to_launch;
}

static void setup(void)
{
        int a[2], l[2];
        struct err err = {0};
        signal(SIGPIPE, SIG_IGN);
        docs = temp_dir();
        state = temp_dir();
        CHECK(chdir(state) == 0);
        loop = loop_new();
        CHECK_INT(link_pair(a), ==, 0);
        CHECK_INT(link_pair(l), ==, 0);
        service = service_new(loop, launch_now, NULL, &err);
        CHECK(service != NULL);
        api = peer_new(loop, a[0], &asker, NULL);
        from_api = peer_new(loop, a[1], &service_api, service);
        launch = peer_new(loop, l[0], &fake_launch, NULL);
        to_launch = peer_new(loop, l[1], &service_launch, service);
        loop_timer_add(loop, 5, reap, NULL);
}

static void teardown(void)
{
        for (int i = 0; i < 400 && (!service_idle(service) || forgotten < created); i++)
                CHECK_INT(loop_once(loop, 10, NULL), ==, 0);
        CHECK(service_idle(service));
        CHECK_INT(forgotten, ==, created); /* no sandbox is left behind */
        peer_free(api);
        peer_free(from_api);
        peer_free(launch);
        peer_free(to_launch);
        service_free(service);
        loop_free(loop);
        remove_temp(&docs);
        remove_temp(&state);
}

/* What one question was answered. */
struct answer {
        int status, parts, ends;
        struct rag_progress progress;
        struct rag_count count;
        char text[2048]; /* paths of docs or hits */
        char why[ERR_TEXT_MAX];
        uint32_t verb;
};

static void on_answer(void *ctx, const struct peer_answer *p)
{
        struct answer *a = ctx;
        size_t used = strlen(a->text);
        a->parts++;
        a->status = p->status;
        a->ends += !p->more;
        if (p->status < 0) {
                snprintf(a->why, sizeof a->why, "%s", err_text(p->err));
                return;
        }
        if (a->verb == RAG_INDEX)
                a->progress = *(const struct rag_progress *)p->rep;
        else if (a->verb == RAG_DOCS)
                snprintf(a->text + used, sizeof a->text - used, "%s:%s ",
                         ((const struct rag_doc *)p->rep)->path,
                         ((const struct rag_doc *)p->rep)->status);
        else if (a->verb == RAG_SEARCH || a->verb == RAG_PASSAGES)
                snprintf(a->text + used, sizeof a->text - used, "%s#%u ",
                         ((const struct rag_hit *)p->rep)->path,
                         ((const struct rag_hit *)p->rep)->ordinal);
        else
                a->count = *(const struct rag_count *)p->rep;
}

static void wait_end(const struct answer *a)
{
        for (int i = 0; i < 3000 && !a->ends; i++)
                CHECK_INT(loop_once(loop, 10, NULL), ==, 0);
        CHECK_INT(a->ends, ==, 1);
}

static void ask(struct answer *a, uint32_t verb, const void *rq)
{
        *a = (struct answer){.verb = verb};
        peer_call(api, verb, rq, NULL, 0, on_answer, a);
}

static struct answer list(uint32_t verb, const char *path)
{
        struct rag_list rq = {.space = SPACE};
        struct answer a;
        snprintf(rq.path, sizeof rq.path, "%s", path);
        ask(&a, verb, &rq);
        wait_end(&a);
        return a;
}

static struct answer search(const char *space, const char *text)
{
        auto_free struct rag_query *rq = xcalloc(1, sizeof *rq);
        struct answer a;
        snprintf(rq->space, sizeof rq->space, "%s", space);
        snprintf(rq->text, sizeof rq->text, "%s", text);
        rq->limit = 10;
        ask(&a, RAG_SEARCH, rq);
        wait_end(&a);
        return a;
}

static const struct rag_index everything = {.job = VOLUME, .space = SPACE, .volume = VOLUME};

TEST(role_indexes_lists_finds_and_removes)
{
        setup();
        put_file(docs, "a.md", "# One\n\nalpha beta\n\n# Two\n\nalpha gamma\n");
        put_bytes(docs, "b.bin", "\0\1\2\3", 4);
        struct answer a = search(SPACE, "alpha");
        CHECK_INT(a.status, ==, 0);
        CHECK_STR(a.text, "#0 "); /* the empty last part alone */
        ask(&a, RAG_INDEX, &everything);
        wait_end(&a);
        CHECK_INT(a.progress.state, ==, RAG_DONE);
        CHECK_INT(a.progress.total, ==, 2);
        CHECK_INT(a.progress.failed, ==, 1);
        a = search(SPACE, "gamma");
        CHECK_STR(a.text, "a.md#1 #0 ");
        a = search("another", "gamma");
        CHECK_STR(a.text, "#0 ");
        a = list(RAG_DOCS, "");
        CHECK_STR(a.text, "a.md:indexed b.bin:unsupported : ");
        a = list(RAG_PASSAGES, "a.md");
        CHECK_STR(a.text, "a.md#0 a.md#1 #0 ");
        a = list(RAG_STATUS, "");
        CHECK_INT(a.count.docs, ==, 2);
        CHECK_INT(a.count.passages, ==, 2);
        CHECK_INT(a.count.failed, ==, 1);
        a = list(RAG_REMOVE, "a.md");
        CHECK_INT(a.count.docs, ==, 1);
        CHECK_INT(a.count.passages, ==, 2);
        a = search(SPACE, "gamma");
        CHECK_STR(a.text, "#0 ");
        a = list(RAG_REMOVE, "a.md");
        CHECK_INT(a.status, ==, -ENOENT);
        a = list(RAG_PASSAGES, "a.md");
        CHECK_INT(a.status, ==, -ENOENT);
        a = list(RAG_REMOVE, "");
        CHECK_INT(a.count.docs, ==, 1);
        CHECK(access(SPACE, F_OK) != 0);
        a = list(RAG_DOCS, "");
        CHECK_STR(a.text, ": ");
        a = list(RAG_REMOVE, "");
        CHECK_INT(a.count.docs, ==, 0);
        ask(&a, RAG_INDEX, &everything);
        wait_end(&a);
        CHECK_INT(a.progress.changed, ==, 2);
        a = search(SPACE, "gamma");
        CHECK_STR(a.text, "a.md#1 #0 ");
        teardown();
}

TEST(role_second_index_joins_and_sees_what_came_meanwhile)
{
        setup();
        struct answer a, b, c;
        char name[32];
        for (int i = 0; i < 200; i++) {
                snprintf(name, sizeof name, "%03d.txt", i);
                put_file(docs, name, "alpha beta gamma\n");
        }
        ask(&a, RAG_INDEX, &everything);
        while (a.parts == 0) /* it has scanned */
                CHECK_INT(loop_once(loop, 10, NULL), ==, 0);
        put_file(docs, "late.txt", "delta\n");
        ask(&b, RAG_INDEX, &everything);
        ask(&c, RAG_INDEX, &everything);
        wait_end(&b);
        wait_end(&c);
        CHECK_INT(a.ends, ==, 1);
        CHECK_INT(a.progress.changed, >=, 200);
        CHECK_INT(b.progress.total, ==, 201);
        CHECK_INT(b.progress.state, ==, RAG_DONE);
        a = search(SPACE, "delta");
        CHECK_STR(a.text, "late.txt#0 #0 ");
        teardown();
}

TEST(role_many_spaces_take_turns)
{
        setup();
        enum { SPACES = 2 * JOBS_MAX + 1 };
        struct answer a[SPACES];
        put_file(docs, "a.txt", "alpha\n");
        for (int i = 0; i < SPACES; i++) {
                struct rag_index rq = everything;
                snprintf(rq.space, sizeof rq.space, "space-%d", i);
                ask(&a[i], RAG_INDEX, &rq);
        }
        for (int i = 0; i < SPACES; i++) {
                wait_end(&a[i]);
                CHECK_INT(a[i].progress.state, ==, RAG_DONE);
        }
        CHECK_INT(created, ==, SPACES);
        CHECK_INT(most_running, <=, JOBS_MAX);
        teardown();
}

TEST(role_refused_sandbox_fails_the_job_with_the_reason)
{
        setup();
        struct answer a;
        put_file(docs, "a.txt", "alpha\n");
        refuse = 1;
        ask(&a, RAG_INDEX, &everything);
        wait_end(&a);
        CHECK_INT(a.progress.state, ==, RAG_FAILED);
        CHECK_CONTAINS(a.progress.reason, "not today");
        ask(&a, RAG_INDEX, &everything);
        wait_end(&a);
        CHECK_INT(a.progress.state, ==, RAG_DONE);
        teardown();
}

TEST(role_killed_sandbox_gives_the_job_one_end)
{
        setup();
        struct answer a;
        put_file(docs, "a.txt", "alpha\n");
        ask(&a, RAG_INDEX, &everything);
        while (n_running == 0)
                CHECK_INT(loop_once(loop, 10, NULL), ==, 0);
        kill(running[0].pid, SIGKILL);
        wait_end(&a);
        CHECK_INT(a.ends, ==, 1);
        CHECK(a.progress.state == RAG_DONE || a.progress.state == RAG_FAILED);
        teardown();
}

TEST(role_bad_requests_are_refused)
{
        setup();
        struct answer a;
        struct rag_index rq = everything;
        snprintf(rq.space, sizeof rq.space, "../x");
        ask(&a, RAG_INDEX, &rq);
        wait_end(&a);
        CHECK_INT(a.status, ==, -EINVAL);
        rq = everything;
        snprintf(rq.volume, sizeof rq.volume, "x");
        ask(&a, RAG_INDEX, &rq);
        wait_end(&a);
        CHECK_INT(a.status, ==, -EINVAL);
        a = search("/etc/passwd", "x");
        CHECK_INT(a.status, ==, -EINVAL);
        a = search("", "x");
        CHECK_INT(a.status, ==, -EINVAL);
        teardown();
}
