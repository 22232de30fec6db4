#include "rag/manifest.h"
#include "rag/rank.h"
#include "base/mem.h"
#include "base/str.h"
#include <stdio.h>

/* The index holds no text of its own: it reads it through the view, and is told the old text when a
 * passage goes (https://sqlite.org/fts5.html#external_content_tables). */
static const char first[] =
        "CREATE TABLE file(id INTEGER PRIMARY KEY, path TEXT NOT NULL UNIQUE,"
        " size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, ctime_ns INTEGER NOT NULL,"
        " inode INTEGER NOT NULL, hash TEXT NOT NULL, status INTEGER NOT NULL,"
        " reason TEXT NOT NULL, type TEXT NOT NULL, title TEXT NOT NULL, pages INTEGER NOT NULL,"
        " passages INTEGER NOT NULL);"
        "CREATE TABLE passage(id INTEGER PRIMARY KEY, file INTEGER NOT NULL REFERENCES file(id),"
        " ordinal INTEGER NOT NULL, page INTEGER NOT NULL, heading TEXT NOT NULL,"
        " text TEXT NOT NULL);"
        "CREATE UNIQUE INDEX passage_of_file ON passage(file, ordinal);"
        "CREATE VIEW passage_words AS SELECT p.id AS id, p.file AS file, f.title AS title,"
        " p.heading AS heading, p.text AS text FROM passage p JOIN file f ON f.id = p.file;"
        "CREATE VIRTUAL TABLE words USING fts5(title, heading, text, content='passage_words',"
        " content_rowid='id', tokenize='porter unicode61 remove_diacritics 2');"
        "INSERT INTO words(words, rank) VALUES('hashsize', 8388608);"
        "INSERT INTO words(words, rank) VALUES('automerge', 8);";
static const char *const migrations[] = {first};
static const struct db_schema schema = {"documents", migrations, ARRAY_LEN(migrations)};

struct manifest {
        struct db *db;
};

static int open_with(int (*open_db)(const char *, const struct db_schema *, struct db **,
                                    struct err *),
                     const char *path, struct manifest **ret, struct err *err)
{
        auto_db struct db *db = NULL;
        int r = open_db(path, &schema, &db, err);
        if (r == 0)
                r = rank_register(db, err);
        if (r < 0)
                return r;
        struct manifest *m = xcalloc(1, sizeof *m);
        m->db = TAKE_PTR(db);
        *ret = m;
        return 0;
}

int manifest_open(const char *path, struct manifest **ret, struct err *err)
{
        return open_with(db_open_shared, path, ret, err);
}

int manifest_open_reader(const char *path, struct manifest **ret, struct err *err)
{
        return open_with(db_open_reader, path, ret, err);
}

void manifest_close(struct manifest *m)
{
        if (!m)
                return;
        db_close(m->db);
        free(m);
}

struct db *manifest_db(struct manifest *m)
{
        return m->db;
}

int manifest_begin(struct manifest *m, struct err *err)
{
        return db_begin(m->db, err);
}

int manifest_commit(struct manifest *m, struct err *err)
{
        return db_commit(m->db, err);
}

void manifest_rollback(struct manifest *m)
{
        db_rollback(m->db);
}

int manifest_checkpoint(struct manifest *m, struct err *err)
{
        return db_checkpoint(m->db, err);
}

void path_range_of(const char *prefix, struct path_range *ret)
{
        size_t n = strnlen(prefix, PATH_TEXT_MAX);
        while (n > 0 && prefix[n - 1] == '/')
                n--;
        memcpy(ret->below, prefix, n);
        memcpy(ret->behind, prefix, n);
        /* '0' is the byte behind '/'; no path begins with 0xff */
        memcpy(ret->below + n, n ? "/" : "", n ? 2 : 1);
        memcpy(ret->behind + n, n ? "0" : "\xff", 2);
}

static int remove_words(struct manifest *m, int64_t id, struct err *err)
{
        int r = db_do(m->db, err,
                      "INSERT INTO words(words, rowid, title, heading, text)"
                      " SELECT 'delete', id, title, heading, text FROM passage_words WHERE file=?",
                      "i", id);
        return r < 0 ? r : db_do(m->db, err, "DELETE FROM passage WHERE file=?", "i", id);
}

int manifest_remove(struct manifest *m, int64_t id, struct err *err)
{
        int r = remove_words(m, id, err);
        return r < 0 ? r : db_do(m->db, err, "DELETE FROM file WHERE id=?", "i", id);
}

int64_t manifest_find(struct manifest *m, const char *path, struct err *err)
{
        auto_query struct sqlite3_stmt *q = NULL;
        int r = db_query(m->db, &q, err, "SELECT id FROM file WHERE path=?", "s", path);
        if (r == 0)
                r = db_next(m->db, q, err);
        if (r < 0)
                return r;
        return r ? db_i64(q, 0) : err_set(err, -ENOENT, "'%s' is not indexed", path);
}

/* A racy stamp is stored as 0: the next scan then looks at the content again. */
static int64_t change_stamp(const struct parse_end *end)
{
        return end->racy ? 0 : end->ctime_ns;
}

/* The id that an INSERT … RETURNING made. It is ended at once: the rows that refer to the new one
 * come in statements of their own. */
static int64_t inserted(struct manifest *m, struct sqlite3_stmt *q, struct err *err)
{
        int r = db_next(m->db, q, err);
        if (r < 0)
                return r;
        int64_t id = db_i64(q, 0);
        r = db_next(m->db, q, err);
        return r < 0 ? r : id;
}

static int put_passage(struct manifest *m, int64_t file, size_t ordinal,
                       const struct gathered_passage *p, const char *all, const char *title,
                       struct err *err)
{
        const char *heading = all + p->heading, *text = all + p->at;
        auto_query struct sqlite3_stmt *q = NULL;
        int r = db_query(m->db, &q, err,
                         "INSERT INTO passage(file, ordinal, page, heading, text)"
                         " VALUES(?,?,?,?,?) RETURNING id",
                         "iiiss", file, (int64_t)ordinal, (int64_t)p->page, heading, text);
        int64_t id = r < 0 ? r : inserted(m, q, err);
        if (id < 0)
                return (int)id;
        r = db_do(m->db, err, "INSERT INTO words(rowid, title, heading, text) VALUES(?,?,?,?)",
                  "isss", id, title, heading, text);
        return r < 0 ? r : 0;
}

int manifest_put(struct manifest *m, const char *path, const struct parse_end *end,
                 const struct gathered *g, struct err *err)
{
        int64_t id = manifest_find(m, path, NULL);
        if (id < 0 && id != -ENOENT)
                return err_set(err, (int)id, "reading the manifest");
        int r = id >= 0 ? manifest_remove(m, id, err) : 0;
        if (r < 0)
                return r;
        auto_query struct sqlite3_stmt *q = NULL;
        r = db_query(m->db, &q, err,
                     "INSERT INTO file(path, size, mtime_ns, ctime_ns, inode, hash, status, reason,"
                     " type, title, pages, passages) VALUES(?,?,?,?,?,?,?,?,?,?,?,?) RETURNING id",
                     "siiiisisssii", path, (int64_t)end->size, end->mtime_ns, change_stamp(end),
                     (int64_t)end->inode, end->hash, (int64_t)end->status, end->reason, end->type,
                     end->title, (int64_t)end->pages, (int64_t)g->n);
        id = r < 0 ? r : inserted(m, q, err);
        if (id < 0)
                return (int)id;
        for (size_t i = 0; i < g->n && r >= 0; i++)
                r = put_passage(m, id, i, &g->p[i], g->text.data, end->title, err);
        return r;
}

int manifest_touch(struct manifest *m, int64_t id, const struct parse_end *end, struct err *err)
{
        int r = db_do(m->db, err,
                      "UPDATE file SET size=?, mtime_ns=?, ctime_ns=?, inode=? WHERE id=?", "iiiii",
                      (int64_t)end->size, end->mtime_ns, change_stamp(end), (int64_t)end->inode,
                      id);
        return r < 0 ? r : 0;
}

int manifest_move(struct manifest *m, int64_t id, const char *path, const struct parse_end *end,
                  struct err *err)
{
        int64_t there = manifest_find(m, path, NULL);
        int r = there >= 0 && there != id ? manifest_remove(m, there, err) : 0;
        if (r >= 0)
                r = db_do(m->db, err, "UPDATE file SET path=? WHERE id=?", "si", path, id);
        return r < 0 ? r : manifest_touch(m, id, end, err);
}
