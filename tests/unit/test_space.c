#include "spawn.h"
#include "base/fd.h"
#include "base/str.h"
#include "rag/listing.h"
#include "rag/search.h"
#include "rag/segment/space_private.h"
#include <fcntl.h>

struct store {
        char *dir;
        struct spaces *all;
        struct space *s;
        struct gathered g;
};

static void open_again(struct store *s)
{
        struct err err = {0};
        space_release(s->s);
        spaces_free(s->all);
        s->all = spaces_new(dir_open_at(AT_FDCWD, s->dir));
        s->s = NULL;
        if (space_get(s->all, "s", true, &s->s, &err) < 0)
                test_failed(__FILE__, __LINE__, "%s", err_text(&err));
}

static struct store store_new(void)
{
        struct store s = {.dir = temp_dir()};
        open_again(&s);
        gathered_init(&s.g);
        return s;
}

static void store_done(struct store *s)
{
        space_release(s->s);
        spaces_free(s->all);
        gathered_done(&s->g);
        remove_temp(&s->dir);
}
#define auto_store CLEANUP(store_done)

static struct parse_end indexed(uint64_t inode)
{
        struct parse_end e = {.status = PARSE_INDEXED,
                              .inode = inode,
                              .size = 10,
                              .mtime_ns = 5,
                              .ctime_ns = 6,
                              .pages = 3};
        snprintf(e.title, sizeof e.title, "T");
        snprintf(e.hash, sizeof e.hash, "%032d", (int)inode);
        return e;
}

/* A file with n passages "word0 same", "word1 same", ... */
static void put(struct store *s, const char *path, unsigned n, const char *word)
{
        struct parse_end end = indexed(n);
        gathered_clear(&s->g);
        for (unsigned i = 0; i < n; i++) {
                char text[64];
                snprintf(text, sizeof text, "%s%u same", word, i);
                struct passage p = {.ordinal = i, .page = i + 1, .text = slice_of(text)};
                snprintf(p.heading, sizeof p.heading, "H%u", i);
                CHECK_INT(gathered_add(&s->g, &p, NULL), ==, 0);
        }
        CHECK_INT(space_put(s->s, path, &end, &s->g, NULL), ==, 0);
}

static void begin(struct store *s)
{
        CHECK_INT(space_begin(s->s, NULL), ==, 0);
}

static void commit(struct store *s)
{
        CHECK_INT(space_commit(s->s, NULL), ==, 0);
}

static size_t hits(struct store *s, const char *word)
{
        CLEANUP(hits_done) struct hits h = {0};
        CLEANUP(words_freep) struct words *w = words_new();
        CHECK_INT(search_run(s->s, w, &(struct search){word, "", 100, NULL, 0}, &h, NULL), ==, 0);
        return h.n;
}

static struct space_counts counts(struct store *s)
{
        struct space_counts c;
        count_space(s->s, &c);
        return c;
}

/* The row of a path, 0 when there is none. */
static uint64_t id_of(struct store *s, const char *path)
{
        space_read(s->s);
        const struct doc *d = catalog_path(space_catalog(s->s), path);
        uint64_t id = d ? d->id : 0;
        space_read_end(s->s);
        return id;
}

/* What a process that starts now sees is what this one sees. */
static void check_again(struct store *s)
{
        struct space_counts before = counts(s);
        open_again(s);
        struct space_counts after = counts(s);
        CHECK_INT(before.docs, ==, after.docs);
        CHECK_INT(before.passages, ==, after.passages);
}

TEST(space_put_replaces_all_of_a_file)
{
        auto_store struct store s = store_new();
        begin(&s);
        put(&s, "a", 3, "alpha");
        put(&s, "b", 1, "beta");
        commit(&s);
        CHECK_INT(counts(&s).docs, ==, 2);
        CHECK_INT(counts(&s).passages, ==, 4);
        begin(&s);
        put(&s, "a", 2, "gamma");
        commit(&s);
        CHECK_INT(counts(&s).passages, ==, 3);
        CHECK_INT(hits(&s, "alpha2"), ==, 0);
        CHECK_INT(hits(&s, "gamma1"), ==, 1);
        check_again(&s);
}

TEST(space_readers_see_whole_commits_only)
{
        auto_store struct store s = store_new();
        begin(&s);
        put(&s, "a", 3, "alpha");
        commit(&s);
        begin(&s);
        put(&s, "a", 2, "gamma");
        put(&s, "b", 2, "beta");
        CHECK_INT(hits(&s, "alpha1"), ==, 1);
        CHECK_INT(hits(&s, "gamma1"), ==, 0);
        CHECK_INT(counts(&s).docs, ==, 1);
        commit(&s);
        CHECK_INT(hits(&s, "alpha1"), ==, 0);
        CHECK_INT(hits(&s, "beta1"), ==, 1);
        begin(&s);
        put(&s, "c", 2, "delta");
        space_rollback(s.s);
        CHECK_INT(hits(&s, "delta1"), ==, 0);
        CHECK_INT(counts(&s).docs, ==, 2);
        check_again(&s);
        CHECK_INT(hits(&s, "beta1"), ==, 1);
}

TEST(space_move_touch_and_remove)
{
        auto_store struct store s = store_new();
        struct parse_end end = indexed(77);
        begin(&s);
        put(&s, "a", 2, "alpha");
        put(&s, "b", 1, "beta");
        commit(&s);
        uint64_t id = id_of(&s, "a");
        begin(&s);
        CHECK_INT(space_move(s.s, id, "b", &end, NULL), ==, 0);
        commit(&s);
        CHECK_INT(id_of(&s, "a"), ==, 0);
        CHECK_INT(id_of(&s, "b"), ==, id);
        CHECK_INT(hits(&s, "beta0"), ==, 0);
        CHECK_INT(hits(&s, "alpha1"), ==, 1);
        CLEANUP(known_done) struct known_list l = {0};
        CHECK_INT(list_known(s.s, "", &l, NULL), ==, 0);
        CHECK_INT(l.n, ==, 1);
        CHECK_INT(l.files[0].inode, ==, 77);
        begin(&s);
        CHECK_INT(space_forget(s.s, id, NULL), ==, 0);
        commit(&s);
        CHECK_INT(counts(&s).docs, ==, 0);
        CHECK_INT(counts(&s).passages, ==, 0);
        CHECK_INT(hits(&s, "same"), ==, 0);
        check_again(&s);
}

TEST(space_load_is_in_order_and_below_the_prefix)
{
        auto_store struct store s = store_new();
        static const char *const paths[] = {"b", "a/x", "a.b", "a", "a/y", "ab"};
        begin(&s);
        for (size_t i = 0; i < ARRAY_LEN(paths); i++)
                put(&s, paths[i], 1, "w");
        commit(&s);
        CLEANUP(known_done) struct known_list l = {0};
        CHECK_INT(list_known(s.s, "", &l, NULL), ==, 0);
        CHECK_INT(l.n, ==, 6);
        for (size_t i = 1; i < l.n; i++)
                CHECK(strcmp(l.files[i - 1].path, l.files[i].path) < 0);
        CLEANUP(known_done) struct known_list below = {0};
        CHECK_INT(list_known(s.s, "a", &below, NULL), ==, 0);
        CHECK_INT(below.n, ==, 3);
        CHECK_STR(below.files[2].path, "a/y");
}

TEST(space_racy_stamps_are_not_believed)
{
        auto_store struct store s = store_new();
        struct parse_end end = indexed(1);
        end.racy = 1;
        gathered_clear(&s.g);
        begin(&s);
        CHECK_INT(space_put(s.s, "a", &end, &s.g, NULL), ==, 0);
        commit(&s);
        CLEANUP(known_done) struct known_list l = {0};
        CHECK_INT(list_known(s.s, "", &l, NULL), ==, 0);
        CHECK_INT(l.files[0].mtime_ns, ==, 5);
        CHECK_INT(l.files[0].ctime_ns, ==, 0);
}

static int on_doc(void *ctx, const struct doc *d)
{
        char *text = ctx;
        size_t n = strlen(text);
        snprintf(text + n, 256 - n, "%s:%u ", d->path, d->passages);
        return 0;
}

static int on_stored(void *ctx, const char *title, const struct passage *p)
{
        char *text = ctx;
        size_t n = strlen(text);
        CHECK_STR(title, "T");
        snprintf(text + n, 256 - n, "%u/%u/%s/%.*s ", p->ordinal, p->page, p->heading,
                 (int)p->text.len, p->text.data);
        return 0;
}

TEST(space_lists_pages_of_documents_and_passages)
{
        auto_store struct store s = store_new();
        begin(&s);
        put(&s, "a", 3, "x");
        put(&s, "b", 1, "y");
        put(&s, "c/d", 2, "z");
        commit(&s);
        char text[256] = "";
        CHECK_INT(list_docs(s.s, "", "", 2, on_doc, text, NULL), ==, 0);
        CHECK_STR(text, "a:3 b:1 ");
        text[0] = '\0';
        CHECK_INT(list_docs(s.s, "", "b", 2, on_doc, text, NULL), ==, 0);
        CHECK_STR(text, "c/d:2 ");
        text[0] = '\0';
        CHECK_INT(list_passages(s.s, "a", 1, 1, on_stored, text, NULL), ==, 0);
        CHECK_STR(text, "1/2/H1/x1 same ");
        CHECK_INT(list_passages(s.s, "q", 0, 1, on_stored, text, NULL), ==, -ENOENT);
}

TEST(space_of_nothing_and_of_something_else)
{
        auto_store struct store s = store_new();
        struct space *none = NULL;
        struct err err = {0};
        CHECK_INT(space_get(s.all, "none", false, &none, NULL), ==, -ENOENT);
        begin(&s);
        put(&s, "a", 1, "alpha");
        commit(&s);
        space_release(s.s);
        s.s = NULL;
        spaces_free(s.all);
        auto_free char *in = xasprintf("%s/s", s.dir);
        put_file(in, "root", "this is no root, and shorter than one slot");
        s.all = spaces_new(dir_open_at(AT_FDCWD, s.dir));
        CHECK_INT(space_get(s.all, "s", true, &none, &err), ==, -EBADMSG);
        CHECK(none == NULL);
        CHECK_INT(space_remove(s.all, "s", NULL), ==, 0);
        open_again(&s);
        CHECK_INT(counts(&s).docs, ==, 0);
}

TEST(space_random_changes_against_a_simple_model)
{
        auto_store struct store s = store_new();
        unsigned model[8] = {0}, r = 12345; /* passages of file i; 0 = not there */
        for (int step = 0; step < 400; step++) {
                r = r * 1664525u + 1013904223u;
                unsigned i = r >> 28 & 7, k = r >> 24 & 7, op = r >> 20 & 3;
                char path[4] = {(char)('a' + i), 0}, to[4] = {(char)('a' + k), 0};
                uint64_t id = id_of(&s, path);
                CHECK((id > 0) == (model[i] > 0));
                struct parse_end end = indexed(1);
                begin(&s);
                if (op < 2) {
                        put(&s, path, k + 1, path);
                        model[i] = k + 1;
                } else if (op == 2 && id) {
                        CHECK_INT(space_move(s.s, id, to, &end, NULL), ==, 0);
                        unsigned n = model[i];
                        model[i] = 0;
                        model[k] = n;
                } else if (id) {
                        CHECK_INT(space_forget(s.s, id, NULL), ==, 0);
                        model[i] = 0;
                }
                commit(&s);
                if (step % 16 == 15)
                        while (space_tidy(s.s, NULL) > 0)
                                continue;
                if (step % 40 == 39)
                        open_again(&s);
                uint64_t docs = 0, passages = 0;
                for (int f = 0; f < 8; f++) {
                        docs += model[f] > 0;
                        passages += model[f];
                }
                CHECK_INT(counts(&s).docs, ==, docs);
                CHECK_INT(counts(&s).passages, ==, passages);
        }
        check_again(&s);
}
