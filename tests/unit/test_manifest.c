#include "spawn.h"
#include "base/str.h"
#include "rag/manifest.h"
#include "rag/search.h"

struct store {
        char *dir, *path;
        struct manifest *m;
        struct gathered g;
};

static struct store store_new(void)
{
        struct store s = {.dir = temp_dir()};
        s.path = xasprintf("%s/s.db", s.dir);
        CHECK_INT(manifest_open(s.path, &s.m, NULL), ==, 0);
        gathered_init(&s.g);
        return s;
}

static void store_done(struct store *s)
{
        manifest_close(s->m);
        gathered_done(&s->g);
        free(s->path);
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
        CHECK_INT(manifest_put(s->m, path, &end, &s->g, NULL), ==, 0);
}

static void begin(struct store *s)
{
        CHECK_INT(manifest_begin(s->m, NULL), ==, 0);
}

static void commit(struct store *s)
{
        CHECK_INT(manifest_commit(s->m, NULL), ==, 0);
}

static size_t hits(struct manifest *m, const char *word)
{
        CLEANUP(hits_done) struct hits h = {0};
        CHECK_INT(search_run(m, word, "", 100, &h, NULL), ==, 0);
        return h.n;
}

static struct manifest_counts counts(struct manifest *m)
{
        struct manifest_counts c;
        CHECK_INT(manifest_count(m, &c, NULL), ==, 0);
        return c;
}

/* The index and the passages agree: FTS5's own check, which compares every word. */
static void check_index(struct store *s)
{
        struct err err = {0};
        if (db_script(manifest_db(s->m),
                      "INSERT INTO words(words, rank) VALUES"
                      "('integrity-check', 1); PRAGMA integrity_check;",
                      &err) < 0)
                test_failed(__FILE__, __LINE__, "%s", err_text(&err));
}

TEST(manifest_put_replaces_all_of_a_file)
{
        auto_store struct store s = store_new();
        begin(&s);
        put(&s, "a", 3, "alpha");
        put(&s, "b", 1, "beta");
        commit(&s);
        CHECK_INT(counts(s.m).docs, ==, 2);
        CHECK_INT(counts(s.m).passages, ==, 4);
        begin(&s);
        put(&s, "a", 2, "gamma");
        commit(&s);
        CHECK_INT(counts(s.m).passages, ==, 3);
        CHECK_INT(hits(s.m, "alpha2"), ==, 0);
        CHECK_INT(hits(s.m, "gamma1"), ==, 1);
        check_index(&s);
}

TEST(manifest_readers_see_whole_files_only)
{
        auto_store struct store s = store_new();
        CLEANUP(manifest_closep) struct manifest *reader = NULL;
        begin(&s);
        put(&s, "a", 3, "alpha");
        commit(&s);
        CHECK_INT(manifest_open_reader(s.path, &reader, NULL), ==, 0);
        begin(&s);
        put(&s, "a", 2, "gamma");
        put(&s, "b", 2, "beta");
        CHECK_INT(hits(reader, "alpha1"), ==, 1);
        CHECK_INT(hits(reader, "gamma1"), ==, 0);
        CHECK_INT(counts(reader).docs, ==, 1);
        commit(&s);
        CHECK_INT(hits(reader, "alpha1"), ==, 0);
        CHECK_INT(hits(reader, "beta1"), ==, 1);
        begin(&s);
        put(&s, "c", 2, "delta");
        manifest_rollback(s.m);
        CHECK_INT(hits(s.m, "delta1"), ==, 0);
        CHECK_INT(counts(reader).docs, ==, 2);
        check_index(&s);
}

TEST(manifest_move_touch_and_remove)
{
        auto_store struct store s = store_new();
        struct parse_end end = indexed(77);
        begin(&s);
        put(&s, "a", 2, "alpha");
        put(&s, "b", 1, "beta");
        int64_t id = manifest_find(s.m, "a", NULL);
        CHECK_INT(manifest_move(s.m, id, "b", &end, NULL), ==, 0);
        commit(&s);
        CHECK_INT(manifest_find(s.m, "a", NULL), ==, -ENOENT);
        CHECK_INT(manifest_find(s.m, "b", NULL), ==, id);
        CHECK_INT(hits(s.m, "beta0"), ==, 0);
        CHECK_INT(hits(s.m, "alpha1"), ==, 1);
        CLEANUP(known_done) struct known_list l = {0};
        CHECK_INT(manifest_load(s.m, "", &l, NULL), ==, 0);
        CHECK_INT(l.n, ==, 1);
        CHECK_INT(l.files[0].inode, ==, 77);
        begin(&s);
        CHECK_INT(manifest_remove(s.m, id, NULL), >=, 0);
        commit(&s);
        CHECK_INT(counts(s.m).docs, ==, 0);
        CHECK_INT(counts(s.m).passages, ==, 0);
        CHECK_INT(hits(s.m, "same"), ==, 0);
        check_index(&s);
}

TEST(manifest_load_is_in_order_and_below_the_prefix)
{
        auto_store struct store s = store_new();
        static const char *const paths[] = {"b", "a/x", "a.b", "a", "a/y", "ab"};
        begin(&s);
        for (size_t i = 0; i < ARRAY_LEN(paths); i++)
                put(&s, paths[i], 1, "w");
        commit(&s);
        CLEANUP(known_done) struct known_list l = {0};
        CHECK_INT(manifest_load(s.m, "", &l, NULL), ==, 0);
        CHECK_INT(l.n, ==, 6);
        for (size_t i = 1; i < l.n; i++)
                CHECK(strcmp(l.files[i - 1].path, l.files[i].path) < 0);
        CLEANUP(known_done) struct known_list below = {0};
        CHECK_INT(manifest_load(s.m, "a", &below, NULL), ==, 0);
        CHECK_INT(below.n, ==, 3);
        CHECK_STR(below.files[2].path, "a/y");
}

TEST(manifest_racy_stamps_are_not_believed)
{
        auto_store struct store s = store_new();
        struct parse_end end = indexed(1);
        end.racy = 1;
        gathered_clear(&s.g);
        begin(&s);
        CHECK_INT(manifest_put(s.m, "a", &end, &s.g, NULL), ==, 0);
        commit(&s);
        CLEANUP(known_done) struct known_list l = {0};
        CHECK_INT(manifest_load(s.m, "", &l, NULL), ==, 0);
        CHECK_INT(l.files[0].mtime_ns, ==, 5);
        CHECK_INT(l.files[0].ctime_ns, ==, 0);
}

static int on_doc(void *ctx, const struct doc_row *d)
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

TEST(manifest_lists_pages_of_documents_and_passages)
{
        auto_store struct store s = store_new();
        begin(&s);
        put(&s, "a", 3, "x");
        put(&s, "b", 1, "y");
        put(&s, "c/d", 2, "z");
        commit(&s);
        char text[256] = "";
        CHECK_INT(manifest_docs(s.m, "", "", 2, on_doc, text, NULL), ==, 0);
        CHECK_STR(text, "a:3 b:1 ");
        text[0] = '\0';
        CHECK_INT(manifest_docs(s.m, "", "b", 2, on_doc, text, NULL), ==, 0);
        CHECK_STR(text, "c/d:2 ");
        text[0] = '\0';
        CHECK_INT(manifest_passages(s.m, "a", 1, 1, on_stored, text, NULL), ==, 0);
        CHECK_STR(text, "1/2/H1/x1 same ");
        CHECK_INT(manifest_passages(s.m, "q", 0, 1, on_stored, text, NULL), ==, -ENOENT);
}

TEST(manifest_of_nothing_and_of_something_else)
{
        auto_dir char *dir = temp_dir();
        auto_free char *path = xasprintf("%s/x.db", dir);
        struct manifest *m = NULL;
        CHECK_INT(manifest_open_reader(path, &m, NULL), ==, -ENOENT);
        put_file(dir, "x.db", "this is no database, and long enough to be seen as none at all");
        CHECK_INT(manifest_open(path, &m, NULL), ==, -EBADMSG);
        CHECK(m == NULL);
}

TEST(manifest_random_changes_against_a_simple_model)
{
        auto_store struct store s = store_new();
        unsigned model[8] = {0}, r = 12345; /* passages of file i; 0 = not there */
        for (int step = 0; step < 400; step++) {
                r = r * 1664525u + 1013904223u;
                unsigned i = r >> 28 & 7, k = r >> 24 & 7, op = r >> 20 & 3;
                char path[4] = {(char)('a' + i), 0}, to[4] = {(char)('a' + k), 0};
                int64_t id = manifest_find(s.m, path, NULL);
                CHECK((id >= 0) == (model[i] > 0));
                struct parse_end end = indexed(1);
                begin(&s);
                if (op < 2) {
                        put(&s, path, k + 1, path);
                        model[i] = k + 1;
                } else if (op == 2 && id >= 0) {
                        CHECK_INT(manifest_move(s.m, id, to, &end, NULL), ==, 0);
                        unsigned n = model[i];
                        model[i] = 0;
                        model[k] = n;
                } else if (id >= 0) {
                        CHECK_INT(manifest_remove(s.m, id, NULL), >=, 0);
                        model[i] = 0;
                }
                commit(&s);
                uint64_t docs = 0, passages = 0;
                for (int f = 0; f < 8; f++) {
                        docs += model[f] > 0;
                        passages += model[f];
                }
                CHECK_INT(counts(s.m).docs, ==, docs);
                CHECK_INT(counts(s.m).passages, ==, passages);
        }
        check_index(&s);
}
