#include "base/fd.h"
#include "box/tree.h"
#include "test.h"
#include <fcntl.h>
#include <stdlib.h>
#include <sys/sysmacros.h>
#include <sys/stat.h>
#include <sys/xattr.h>

static char root[] = "/tmp/paddock-tree-XXXXXX";
static int from, to;

static void up(void)
{
        CHECK(mkdtemp(root));
        int top = dir_open_at(AT_FDCWD, root);
        CHECK_INT(mkdirat(top, "from", 0755), ==, 0);
        CHECK_INT(mkdirat(top, "to", 0755), ==, 0);
        from = dir_open_at(top, "from");
        to = dir_open_at(top, "to");
        close(top);
}

static void down(void)
{
        close(from);
        close(to);
        CHECK_INT(tree_remove_at(AT_FDCWD, root), ==, 0);
}

static void put(const char *name, const char *text, mode_t mode)
{
        CHECK_INT(file_replace_at(from, name, text, strlen(text), mode), ==, 0);
        CHECK_INT(fchmodat(from, name, mode, 0), ==, 0);
}

static struct stat look(int dir, const char *name)
{
        struct stat st;
        if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                test_failed(__FILE__, __LINE__, "%s is not there", name);
        return st;
}

static void fill(void)
{
        put("a", "content", 0640);
        put("suid", "x", 06755);
        CHECK_INT(mkdirat(from, "d", 01777), ==, 0);
        CHECK_INT(linkat(from, "a", from, "d/again", 0), ==, 0);
        CHECK_INT(symlinkat("/etc/passwd", from, "link"), ==, 0);
        CHECK_INT(mkfifoat(from, "fifo", 0600), ==, 0);
        auto_close int fd = openat(from, "hole", O_CREAT | O_RDWR, 0600);
        CHECK_INT(ftruncate(fd, 1ll << 40), ==, 0);
        CHECK_INT(pwrite(fd, "end", 3, (1ll << 40) - 3), ==, 3);
}

TEST(tree_seal_takes_away_what_no_layer_has)
{
        struct tree_tally t;
        struct err err = {0};
        up();
        fill();
        CHECK_INT(tree_seal(from, &t, &err), ==, 0);
        CHECK_INT(look(from, "suid").st_mode & 07777, ==, 0755);
        CHECK_INT(faccessat(from, "fifo", F_OK, AT_SYMLINK_NOFOLLOW), <, 0);
        CHECK(S_ISLNK(look(from, "link").st_mode));
        CHECK_INT(t.files, ==, 7);
        CHECK_INT(t.bytes, <, 1 << 20);
        down();
}

TEST(tree_seal_refuses_links_where_the_system_is_mounted)
{
        struct tree_tally t;
        struct err err = {0};
        up();
        CHECK_INT(mkdirat(from, "dev", 0755), ==, 0);
        CHECK_INT(tree_seal(from, &t, &err), ==, 0);
        CHECK_INT(symlinkat("work", from, "proc"), ==, 0);
        CHECK_INT(tree_seal(from, &t, &err), ==, -EINVAL);
        down();
}

TEST(tree_copy_is_the_same_tree)
{
        struct tree_tally t;
        struct err err = {0};
        CLEANUP(buf_done) struct buf b;
        up();
        fill();
        if (tree_copy(from, to, NULL, 0, &t, &err) < 0)
                test_failed(__FILE__, __LINE__, "%s", err_text(&err));
        buf_init(&b, 100);
        CHECK_INT(file_read_at(to, "d/again", &b), ==, 0);
        CHECK_STR(buf_text(&b), "content");
        CHECK_INT(look(to, "a").st_ino, ==, look(to, "d/again").st_ino);
        CHECK_INT(look(to, "a").st_mode, ==, look(from, "a").st_mode);
        CHECK_INT(look(to, "a").st_mtim.tv_nsec, ==, look(from, "a").st_mtim.tv_nsec);
        CHECK_INT(look(to, "suid").st_mode & 07777, ==, 0755);
        CHECK_INT(look(to, "d").st_mode & 07777, ==, look(from, "d").st_mode & 07777);
        CHECK_INT(look(to, "hole").st_size, ==, 1ll << 40);
        CHECK_INT(look(to, "hole").st_blocks, <, 100);
        CHECK_INT(faccessat(to, "fifo", F_OK, AT_SYMLINK_NOFOLLOW), <, 0);
        CHECK(S_ISLNK(look(to, "link").st_mode));
        down();
}

TEST(tree_copy_maps_owners)
{
        struct tree_tally t;
        struct err err = {0};
        struct tree_ids ids = {1000, 5000, 10};
        if (geteuid() != 0)
                SKIP("root is needed to give files away");
        up();
        put("in", "", 0600);
        put("out", "", 0600);
        CHECK_INT(fchownat(from, "in", 1003, 1004, 0), ==, 0);
        CHECK_INT(fchownat(from, "out", 1010, 7, 0), ==, 0);
        CHECK_INT(mknodat(from, "gone", S_IFCHR, 0), ==, 0);
        CHECK_INT(mknodat(from, "null", S_IFCHR | 0666, makedev(1, 3)), ==, 0);
        CHECK_INT(mkdirat(from, "d", 0755), ==, 0);
        auto_close int d = dir_open_at(from, "d");
        CHECK_INT(fsetxattr(d, "trusted.overlay.opaque", "y", 1, 0), ==, 0);
        CHECK_INT(fsetxattr(d, "trusted.other", "y", 1, 0), ==, 0);
        CHECK_INT(tree_copy(from, to, &ids, 0, &t, &err), ==, 0);
        CHECK_INT(look(to, "in").st_uid, ==, 5003);
        CHECK_INT(look(to, "in").st_gid, ==, 5004);
        CHECK_INT(look(to, "out").st_uid, ==, 1010);
        CHECK(S_ISCHR(look(to, "gone").st_mode));
        CHECK_INT(faccessat(to, "null", F_OK, AT_SYMLINK_NOFOLLOW), <, 0);
        auto_close int c = dir_open_at(to, "d");
        char v[4];
        CHECK_INT(fgetxattr(c, "trusted.overlay.opaque", v, sizeof v), ==, 1);
        CHECK_INT(fgetxattr(c, "trusted.other", v, sizeof v), <, 0);
        down();
}

TEST(tree_copy_stops_at_its_bound)
{
        struct tree_tally t;
        struct err err = {0};
        up();
        put("a", "0123456789", 0600);
        CHECK_INT(tree_copy(from, to, NULL, 9, &t, &err), ==, -EFBIG);
        down();
}

TEST(tree_that_is_too_deep_is_refused)
{
        struct tree_tally t;
        struct err err = {0};
        up();
        int at = dup(from);
        for (int i = 0; i < TREE_DEPTH_MAX + 2; i++) {
                CHECK_INT(mkdirat(at, "d", 0755), ==, 0);
                int next = dir_open_at(at, "d");
                close(at);
                at = next;
        }
        close(at);
        CHECK_INT(tree_measure(from, &t, &err), ==, -ELOOP);
        CHECK_INT(tree_copy(from, to, NULL, 0, &t, &err), ==, -ELOOP);
        down();
}
