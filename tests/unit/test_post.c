/* Secrets that come to the vault through api: what a taken-over api can do with an envelope. */
#include "base/fd.h"
#include "base/mem.h"
#include "link/envelope.h"
#include "test.h"
#include "vault/vault.h"
#include <fcntl.h>

static struct fixture {
        struct loop *loop;
        struct vault *vault;
        struct peer *api, *there;
        char dir[64];
        int dir_fd;
        bool answered;
        int status, listed;
        char text[ERR_TEXT_MAX], last[64];
        unsigned char key[32], ticket[32];
} f;

static const char *setting(void *ctx UNUSED, const char *name UNUSED)
{
        return "";
}

static const struct peer_ops asker = {&vault_link, NULL, NULL};

static void vault_up(void)
{
        int pair[2];
        struct vault_config c = {f.loop, f.dir_fd, setting, NULL};
        CHECK_INT(vault_new(&c, &f.vault, NULL), ==, 0);
        CHECK_INT(link_pair(pair), ==, 0);
        f.there = peer_new(f.loop, pair[1], vault_ops("api"), f.vault);
        f.api = peer_new(f.loop, pair[0], &asker, NULL);
}

static void vault_down(void)
{
        peer_free(f.api);
        peer_free(f.there);
        vault_free(f.vault);
}

static void begin(void)
{
        f.loop = loop_new();
        snprintf(f.dir, sizeof f.dir, "/tmp/paddock-post-XXXXXX");
        CHECK(mkdtemp(f.dir) != NULL);
        f.dir_fd = dir_open_at(AT_FDCWD, f.dir);
        vault_up();
}

static void end(void)
{
        vault_down();
        close(f.dir_fd);
        CHECK_INT(tree_remove_at(AT_FDCWD, f.dir), ==, 0);
        loop_free(f.loop);
}

static void on_answer(void *ctx, const struct peer_answer *a)
{
        f.status = a->status;
        snprintf(f.text, sizeof f.text, "%s", a->status < 0 ? err_text(a->err) : "");
        f.answered = !a->more;
        if (a->status == 0 && ctx == &f.listed && ((const struct vault_secret *)a->rep)->name[0]) {
                f.listed++;
                snprintf(f.last, sizeof f.last, "%s", ((const struct vault_secret *)a->rep)->name);
        }
        if (a->status == 0 && ctx == f.key) {
                const struct vault_key *k = a->rep;
                CHECK_STR(k->state, "unlocked");
                CHECK(k->public_key.len == 32 && k->ticket.len == 32);
                memcpy(f.key, k->public_key.data, 32);
                memcpy(f.ticket, k->ticket.data, 32);
        }
}

static int call(uint32_t verb, const void *req, void *ctx)
{
        f.answered = false;
        peer_call(f.api, verb, req, NULL, 0, on_answer, ctx);
        for (int i = 0; i < 2000 && !f.answered; i++)
                CHECK_INT(loop_once(f.loop, 10, NULL), ==, 0);
        CHECK(f.answered);
        return f.status;
}

static void seal(struct buf *out, uint32_t verb, const char *name, const char *value)
{
        CLEANUP(buf_done) struct buf plain;
        struct envelope e = {.ticket = {(char *)f.ticket, 32},
                             .verb = verb,
                             .secret = {.kind = SECRET_ROUTE, .host = "a.b", .form = "bearer"}};
        CHECK_INT(call(VAULT_KEY, &(struct vault_empty){0}, f.key), ==, 0);
        snprintf(e.secret.name, sizeof e.secret.name, "%s", name);
        e.secret.value = slice_of(value);
        buf_init(&plain, ENVELOPE_MAX);
        buf_init(out, SEALED_MAX);
        CHECK_INT(envelope_pack(&e, &plain, NULL), ==, 0);
        CHECK_INT(envelope_seal(f.key, plain.data, plain.len, out, NULL), ==, 0);
}

static int put(const struct buf *b, const char *name, bool rotate)
{
        struct vault_sealed s = {.rotate = rotate, .setter = "u1", .envelope = {b->data, b->len}};
        snprintf(s.name, sizeof s.name, "%s", name);
        return call(VAULT_SECRET_PUT, &s, NULL);
}

static int count(void)
{
        f.listed = 0;
        CHECK_INT(call(VAULT_SECRET_LIST, &(struct vault_empty){0}, &f.listed), ==, 0);
        return f.listed;
}

TEST(post_takes_an_envelope_once)
{
        CLEANUP(buf_done) struct buf b;
        begin();
        seal(&b, DESK_SET, "mine", "sk-1");
        CHECK_INT(put(&b, "mine", false), ==, 0);
        CHECK_INT(count(), ==, 1);
        CHECK_STR(f.last, "mine");
        CHECK_INT(put(&b, "mine", false), ==, -EEXIST);
        CHECK_CONTAINS(f.text, "before");
        struct vault_name n = {"mine"};
        CHECK_INT(call(VAULT_SECRET_REMOVE, &n, NULL), ==, 0);
        CHECK_INT(put(&b, "mine", false), ==, -EEXIST); /* what was removed does not come back */
        CHECK_INT(count(), ==, 0);
        end();
}

TEST(post_takes_no_envelope_from_before_its_start)
{
        CLEANUP(buf_done) struct buf b;
        begin();
        seal(&b, DESK_SET, "mine", "sk-1");
        vault_down();
        vault_up();
        CHECK_INT(put(&b, "mine", false), ==, -EINVAL);
        CHECK_CONTAINS(f.text, "ticket");
        CHECK_INT(count(), ==, 0);
        end();
}

/* api says which name and verb it is about; it cannot make an envelope mean another. */
TEST(post_takes_an_envelope_for_what_it_says_only)
{
        CLEANUP(buf_done) struct buf b, r;
        begin();
        seal(&b, DESK_SET, "mine", "sk-1");
        CHECK_INT(put(&b, "other", false), ==, -EINVAL);
        CHECK_INT(put(&b, "mine", true), ==, -EINVAL);
        CHECK_INT(put(&b, "mine", false), ==, 0); /* a refusal does not use its ticket up */
        seal(&r, DESK_ROTATE, "mine", "sk-2");
        CHECK_INT(put(&r, "mine", false), ==, -EINVAL);
        CHECK_INT(put(&r, "mine", true), ==, 0);
        CHECK_INT(put(&(struct buf){.data = b.data, .len = 20}, "mine", false), ==, -EINVAL);
        end();
}
