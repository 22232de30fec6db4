#include "store/schema.h"

/* Released text is never edited; a change is a further migration. */
static const char *const migrations[] = {
        /* 1 */
        "CREATE TABLE users("
        " id INTEGER PRIMARY KEY,"
        " name TEXT NOT NULL UNIQUE,"
        " uid INTEGER UNIQUE," /* of the Unix socket's peer; NULL: only by token */
        " created_ms INTEGER NOT NULL);"
        "CREATE TABLE tokens("
        " id INTEGER PRIMARY KEY,"
        " owner INTEGER NOT NULL REFERENCES users(id),"
        " name TEXT NOT NULL,"
        " hash BLOB NOT NULL UNIQUE," /* SHA-256 of the whole token text */
        " scopes TEXT NOT NULL,"      /* words, one blank between */
        " created_ms INTEGER NOT NULL,"
        " expires_ms INTEGER NOT NULL," /* 0: never */
        " UNIQUE(owner, name));"
        "CREATE TABLE jobs("
        " id TEXT PRIMARY KEY,"
        " kind TEXT NOT NULL," /* sandbox index, exec since 3 */
        " owner INTEGER NOT NULL REFERENCES users(id),"
        " name TEXT,"
        " state TEXT NOT NULL," /* accepted running ended */
        " created_ms INTEGER NOT NULL,"
        " ended_ms INTEGER NOT NULL DEFAULT 0,"
        " spec TEXT NOT NULL," /* JSON */
        " enforcement TEXT,"   /* JSON, once known */
        " result TEXT"         /* JSON, once ended */
        ") WITHOUT ROWID;"
        "CREATE UNIQUE INDEX jobs_live_name ON jobs(owner, name)"
        " WHERE name IS NOT NULL AND state<>'ended';"
        "CREATE INDEX jobs_open ON jobs(id) WHERE state<>'ended';"
        "CREATE INDEX jobs_owner ON jobs(owner, id);"
        "CREATE TABLE volumes("
        " id TEXT PRIMARY KEY,"
        " owner INTEGER NOT NULL REFERENCES users(id),"
        " name TEXT NOT NULL,"
        " created_ms INTEGER NOT NULL,"
        " UNIQUE(owner, name)) WITHOUT ROWID;",
        /* 2: which tokens nobody uses any more */
        "ALTER TABLE tokens ADD COLUMN used_ms INTEGER NOT NULL DEFAULT 0;",
        /* 3: a command in a running sandbox is a job of kind exec, and belongs to it */
        "ALTER TABLE jobs ADD COLUMN parent TEXT;"
        "CREATE INDEX jobs_parent ON jobs(parent, id) WHERE parent IS NOT NULL;",
        /* 4: images, and the recipes of builds that have not ended */
        "CREATE TABLE images("
        " owner INTEGER NOT NULL REFERENCES users(id),"
        " name TEXT NOT NULL,"
        " created_ms INTEGER NOT NULL,"
        " manifest TEXT NOT NULL," /* JSON */
        " PRIMARY KEY(owner, name)) WITHOUT ROWID;"
        "CREATE TABLE recipes("
        " job TEXT PRIMARY KEY,"
        " recipe TEXT NOT NULL) WITHOUT ROWID;",
        /* 5: templates, and the warm processes that were started for them */
        "CREATE TABLE templates("
        " owner INTEGER NOT NULL REFERENCES users(id),"
        " name TEXT NOT NULL,"
        " created_ms INTEGER NOT NULL,"
        " spec TEXT NOT NULL,"             /* JSON */
        " error TEXT NOT NULL DEFAULT ''," /* why it last could not be started */
        " PRIMARY KEY(owner, name)) WITHOUT ROWID;"
        "CREATE TABLE warm("
        " id TEXT PRIMARY KEY," /* of its sandbox */
        " owner INTEGER NOT NULL,"
        " template TEXT NOT NULL,"
        " digest TEXT NOT NULL," /* of what it was made from */
        " memory_bytes INTEGER NOT NULL) WITHOUT ROWID;",
        /* 6: volumes that are gone and whose index may not be */
        "CREATE TABLE unindexed(id TEXT PRIMARY KEY) WITHOUT ROWID;",
        /* 7: what a volume may take, and what holds it to that */
        "ALTER TABLE volumes ADD COLUMN quota_bytes INTEGER NOT NULL DEFAULT 0;" /* 0: all */
        "ALTER TABLE volumes ADD COLUMN quota TEXT NOT NULL DEFAULT '';",
};

const struct db_schema store_schema = {"api", migrations, ARRAY_LEN(migrations)};
