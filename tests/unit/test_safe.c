/* The sealed store: what lies on disk, and that nothing but its own key opens it. */
#include "base/fd.h"
#include "base/mem.h"
#include "test.h"
#include "vault/inject.h"
#include "vault/safe.h"
#include <fcntl.h>
#include <sys/stat.h>

static char dir_name[64];

static int new_dir(void)
{
        snprintf(dir_name, sizeof dir_name, "/tmp/paddock-store-XXXXXX");
        CHECK(mkdtemp(dir_name) != NULL);
        int fd = dir_open_at(AT_FDCWD, dir_name);
        CHECK(fd >= 0);
        return fd;
}

static struct safe *must_open(int fd)
{
        struct safe *s;
        struct err err = {0};
        if (safe_open(fd, SEAL_FILE, -1, &s, &err) < 0)
                test_failed(__FILE__, __LINE__, "%s", err_text(&err));
        return s;
}

static const struct desk_secret example = {.name = "mine",
                                           .kind = SECRET_ROUTE,
                                           .host = "api.example.org",
                                           .form = "bearer",
                                           .value = {"sk-123", 6}};

TEST(what_was_set_is_there_again)
{
        auto_close int fd = new_dir();
        struct safe *s = must_open(fd);
        CHECK_INT(safe_set(s, &example, NULL), ==, 0);
        safe_free(s);
        s = must_open(fd);
        const struct secret *x = safe_find(s, "mine");
        CHECK(x && x->n == 6 && memcmp(x->value, "sk-123", 6) == 0);
        CHECK_STR(x->host, "api.example.org");
        CHECK(safe_find(s, "other") == NULL);
        safe_free(s);
        CHECK_INT(tree_remove_at(AT_FDCWD, dir_name), ==, 0);
}

TEST(files_are_private_and_hold_no_value)
{
        auto_close int fd = new_dir();
        struct safe *s = must_open(fd);
        struct stat st;
        CLEANUP(buf_done) struct buf b;
        buf_init(&b, 65536);
        CHECK_INT(safe_set(s, &example, NULL), ==, 0);
        CHECK(fstatat(fd, "key", &st, 0) == 0 && (st.st_mode & 0777) == 0600);
        CHECK(fstatat(fd, "secrets/mine", &st, 0) == 0 && (st.st_mode & 0777) == 0600);
        CHECK_INT(file_read_at(fd, "secrets/mine", &b), ==, 0);
        CHECK(memmem(b.data, b.len, "sk-123", 6) == NULL);
        CHECK(memmem(b.data, b.len, "example", 7) == NULL);
        safe_free(s);
        CHECK_INT(tree_remove_at(AT_FDCWD, dir_name), ==, 0);
}

/* Every byte that is changed, another name, another key: nothing opens. */
TEST(what_was_changed_does_not_open)
{
        auto_close int fd = new_dir();
        struct safe *s = must_open(fd);
        CLEANUP(buf_done) struct buf b;
        buf_init(&b, 65536);
        CHECK_INT(safe_set(s, &example, NULL), ==, 0);
        CHECK_INT(file_read_at(fd, "secrets/mine", &b), ==, 0);
        for (size_t i = 0; i < b.len; i += 7) {
                unsigned char *p;
                size_t n;
                b.data[i] ^= 1;
                CHECK_INT(seal_get(safe_seal(s), "mine", b.data, b.len, &p, &n), ==, -EBADMSG);
                b.data[i] ^= 1;
        }
        unsigned char *p;
        size_t n;
        CHECK_INT(seal_get(safe_seal(s), "other", b.data, b.len, &p, &n), ==, -EBADMSG);
        CHECK_INT(renameat(fd, "secrets/mine", fd, "secrets/other"), ==, 0);
        safe_free(s);
        s = must_open(fd);
        CHECK_INT(safe_count(s), ==, 0);
        safe_free(s);
        CHECK_INT(tree_remove_at(AT_FDCWD, dir_name), ==, 0);
}

TEST(rotating_keeps_what_it_is_bound_to)
{
        auto_close int fd = new_dir();
        struct safe *s = must_open(fd);
        struct desk_secret d = {.name = "mine", .value = {"new", 3}};
        CHECK_INT(safe_rotate(s, &d, NULL), ==, -ENOENT);
        CHECK_INT(safe_set(s, &example, NULL), ==, 0);
        CHECK_INT(safe_rotate(s, &d, NULL), ==, 0);
        const struct secret *x = safe_find(s, "mine");
        CHECK(x && x->n == 3 && memcmp(x->value, "new", 3) == 0);
        CHECK_STR(x->form, "bearer");
        CHECK_INT(safe_remove(s, "mine", NULL), ==, 0);
        CHECK_INT(safe_remove(s, "mine", NULL), ==, -ENOENT);
        CHECK_INT(safe_remove(s, "../key", NULL), ==, -ENOENT);
        safe_free(s);
        CHECK_INT(tree_remove_at(AT_FDCWD, dir_name), ==, 0);
}

TEST(a_locked_store_takes_and_gives_nothing)
{
        auto_close int fd = new_dir();
        struct safe *s;
        CHECK_INT(safe_open(fd, SEAL_PASSPHRASE, -1, &s, NULL), ==, 0);
        CHECK_STR(seal_state(safe_seal(s)), "new");
        CHECK_INT(safe_set(s, &example, NULL), ==, -ENOKEY);
        CHECK_INT(safe_unlock(s, "correct horse", 13, NULL), ==, 0);
        CHECK_INT(safe_set(s, &example, NULL), ==, 0);
        safe_free(s);
        CHECK_INT(safe_open(fd, SEAL_PASSPHRASE, -1, &s, NULL), ==, 0);
        CHECK_STR(seal_state(safe_seal(s)), "locked");
        CHECK(safe_find(s, "mine") == NULL);
        CHECK_INT(safe_unlock(s, "wrong horse", 11, NULL), ==, -EACCES);
        CHECK_INT(safe_unlock(s, "correct horse", 13, NULL), ==, 0);
        CHECK(safe_find(s, "mine") != NULL);
        safe_free(s);
        CHECK_INT(tree_remove_at(AT_FDCWD, dir_name), ==, 0);
}

static void put_is(const char *form, const char *value, const char *want)
{
        struct inject i;
        CLEANUP(buf_done) struct buf b;
        buf_init(&b, 1024);
        CHECK_INT(inject_parse(form, &i, NULL), ==, 0);
        CHECK_INT(inject_put(&i, (const unsigned char *)value, strlen(value), &b), ==, 0);
        CHECK_STR(buf_text(&b), want);
}

TEST(forms)
{
        struct inject i;
        CLEANUP(buf_done) struct buf b;
        buf_init(&b, 1024);
        put_is("bearer", "k", "authorization: Bearer k\r\n");
        put_is("header:x-api-key", "k", "x-api-key: k\r\n");
        put_is("basic:user", "pass", "authorization: Basic dXNlcjpwYXNz\r\n");
        put_is("none", "k", "");
        CHECK_INT(inject_parse("query:key", &i, NULL), ==, 0);
        CHECK_INT(inject_query(&i, (const unsigned char *)"a b&", 4, &b), ==, 0);
        CHECK_STR(buf_text(&b), "key=a%20b%26");
        CHECK_INT(inject_parse("header:a b", &i, NULL), ==, -EINVAL);
        CHECK_INT(inject_parse("header:", &i, NULL), ==, -EINVAL);
        CHECK_INT(inject_parse("cookie", &i, NULL), ==, -EINVAL);
        /* A value may not make another header. */
        CHECK_INT(inject_parse("bearer", &i, NULL), ==, 0);
        CHECK_INT(inject_put(&i, (const unsigned char *)"a\r\nb: c", 7, &b), ==, -EINVAL);
}
