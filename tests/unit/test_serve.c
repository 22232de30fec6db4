#include "base/fd.h"
#include "role/settings.h"
#include "role/table.h"
#include "serve/member.h"
#include "serve/sockets.h"
#include "test.h"
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

TEST(a_role_comes_back_sooner_the_first_time_than_the_fifth)
{
        struct member m = {0};
        uint64_t last = 0;
        for (int i = 0; i < MEMBER_ENDS_MAX - 1; i++) {
                uint64_t pause = member_ended(&m, 1000, "killed by signal 9");
                CHECK(pause > last || pause == 5000);
                CHECK_INT(m.state, ==, MEMBER_DOWN);
                last = pause;
        }
        CHECK_STR(m.reason, "killed by signal 9");
}

TEST(ten_ends_in_a_minute_are_a_failed_role_and_old_ones_are_forgotten)
{
        struct member m = {0};
        for (int i = 0; i < 9; i++)
                CHECK(member_ended(&m, 1000, "x") < MEMBER_ENDS_MS);
        struct member slow = m;
        CHECK_INT(member_ended(&m, 2000, "x"), ==, MEMBER_ENDS_MS);
        CHECK_INT(m.state, ==, MEMBER_FAILED);
        CHECK(member_ended(&slow, 1000 + MEMBER_ENDS_MS, "x") < 100);
        CHECK_INT(slow.state, ==, MEMBER_DOWN);
}

TEST(every_role_of_a_pair_has_a_row_and_no_two_share_a_uid)
{
        for (size_t i = 0; i < role_pairs_n; i++)
                CHECK(role_row_find(role_pairs[i].a) && role_row_find(role_pairs[i].b));
        for (size_t i = 0; i < role_rows_n; i++)
                for (size_t k = 0; k < i; k++)
                        CHECK(role_rows[i].uid_offset != role_rows[k].uid_offset);
        CHECK(!role_row_find("nobody"));
}

TEST(settings_are_pairs_or_nothing)
{
        struct settings *s = NULL;
        CHECK_INT(settings_parse("a\0b", 3, &s), ==, -EPROTO);
        CHECK_INT(settings_parse("a\0", 2, &s), ==, -EPROTO);
        CHECK_INT(settings_parse("a\0b\0cc\0\0", 8, &s), ==, 0);
        CHECK_STR(settings_get(s, "a"), "b");
        CHECK_STR(settings_get(s, "b"), ""); /* a value is not a name */
        CHECK_STR(settings_get(s, "cc"), "");
        CHECK_STR(settings_get(NULL, "a"), "");
        settings_free(s);
}

TEST(one_serve_a_state_directory)
{
        char dir[] = "/tmp/paddock-test-XXXXXX", state[64];
        CHECK(mkdtemp(dir) != NULL);
        snprintf(state, sizeof state, "%s/a/b", dir);
        struct err err = {0};
        int fd = state_lock(state, &err);
        CHECK(fd >= 0);
        CHECK_INT(state_lock(state, &err), ==, -EWOULDBLOCK);
        CHECK_CONTAINS(err.text, "another paddock serve runs on");
        close(fd);
        fd = state_lock(state, &err);
        CHECK(fd >= 0);
        CHECK_INT(connect_keep(state), ==, -ENOENT);
        int keep = listen_keep(state, &err);
        CHECK(keep >= 0);
        int c = connect_keep(state);
        CHECK(c >= 0);
        close(keep);
        close(c);
        CHECK_INT(connect_keep(state), ==, -ECONNREFUSED);
        CHECK_INT(tree_remove_at(AT_FDCWD, dir), ==, 0);
}

static const char *fresh_dir(char *dir)
{
        CHECK(mkdtemp(dir) != NULL);
        return dir;
}

TEST(a_state_directory_that_others_may_change_is_refused)
{
        char dir[] = "/tmp/paddock-test-XXXXXX";
        struct err err = {0};
        fresh_dir(dir);
        CHECK(chmod(dir, 0777) == 0);
        CHECK_INT(state_lock(dir, &err), ==, -EPERM);
        CHECK_CONTAINS(err.text, "may be changed by others");
        CHECK(chmod(dir, 0755) == 0);
        if (geteuid() == 0) {
                CHECK(chown(dir, 12345, 12345) == 0);
                CHECK_INT(state_lock(dir, &err), ==, -EPERM);
                CHECK_CONTAINS(err.text, "belongs to user 12345");
                CHECK(chown(dir, 0, 0) == 0);
        }
        int fd = state_lock(dir, &err);
        CHECK(fd >= 0);
        CHECK_INT(tree_remove_at(AT_FDCWD, dir), ==, 0);
}

TEST(a_link_in_the_place_of_a_roles_directory_is_not_followed)
{
        char dir[] = "/tmp/paddock-test-XXXXXX", path[64], elsewhere[64];
        struct err err = {0};
        struct stat st;
        fresh_dir(dir);
        snprintf(elsewhere, sizeof elsewhere, "%s/elsewhere", dir);
        snprintf(path, sizeof path, "%s/api", dir);
        CHECK(mkdir(elsewhere, 0755) == 0 && symlink(elsewhere, path) == 0);
        CHECK_INT(state_subdir(dir, "api", geteuid(), &err), <, 0);
        CHECK(unlink(path) == 0 && mkdir(path, 0777) == 0 && chmod(path, 0777) == 0);
        CHECK_INT(state_subdir(dir, "api", geteuid(), &err), ==, 0);
        CHECK(stat(path, &st) == 0 && (st.st_mode & 0777) == 0700);
        CHECK_INT(tree_remove_at(AT_FDCWD, dir), ==, 0);
}

TEST(a_long_state_directory_has_its_keep)
{
        char dir[] = "/tmp/paddock-test-XXXXXX", state[400];
        struct err err = {0};
        snprintf(state, sizeof state, "%s/%0150d/%0150d", fresh_dir(dir), 0, 0);
        int lock = state_lock(state, &err);
        CHECK(lock >= 0);
        CHECK_INT(connect_keep(state), ==, -ENOENT);
        int keep = listen_keep(state, &err);
        CHECK(keep >= 0);
        CHECK(connect_keep(state) >= 0);
        CHECK_INT(tree_remove_at(AT_FDCWD, dir), ==, 0);
}

TEST(a_socket_that_is_answered_is_not_taken_over)
{
        char dir[] = "/tmp/paddock-test-XXXXXX", path[80];
        struct err err = {0};
        snprintf(path, sizeof path, "%s/x.sock", fresh_dir(dir));
        int first = listen_unix(path, "", &err);
        CHECK(first >= 0);
        CHECK_INT(listen_unix(path, "", &err), ==, -EADDRINUSE);
        close(first);
        first = listen_unix(path, "", &err);
        CHECK(first >= 0);
        CHECK_INT(tree_remove_at(AT_FDCWD, dir), ==, 0);
}

TEST(the_client_socket_is_not_for_everybody)
{
        char dir[] = "/tmp/paddock-test-XXXXXX", path[80];
        CHECK(mkdtemp(dir) != NULL);
        snprintf(path, sizeof path, "%s/run/x.sock", dir);
        struct err err = {0};
        int fd = listen_unix(path, "no-such-group", &err);
        CHECK(fd >= 0);
        struct stat st;
        CHECK(stat(path, &st) == 0 && (st.st_mode & 0777) == 0600);
        char longer[200];
        memset(longer, 'x', sizeof longer);
        longer[0] = '/';
        longer[199] = '\0';
        CHECK_INT(listen_unix(longer, "", &err), ==, -ENAMETOOLONG);
        CHECK_INT(listen_unix("relative", "", &err), ==, -ENAMETOOLONG);
        close(fd);
        CHECK_INT(tree_remove_at(AT_FDCWD, dir), ==, 0);
}

TEST(tcp_addresses_are_numeric)
{
        struct err err = {0};
        int fd = listen_tcp("127.0.0.1:0", &err);
        CHECK(fd >= 0);
        close(fd);
        CHECK_INT(listen_tcp("localhost:80", &err), ==, -EINVAL);
        CHECK_INT(listen_tcp("127.0.0.1", &err), ==, -EINVAL);
        CHECK_INT(listen_tcp("127.0.0.1:http", &err), ==, -EINVAL);
}

TEST(the_service_manager_is_told_where_there_is_one)
{
        char dir[] = "/tmp/paddock-test-XXXXXX", got[32] = "";
        CHECK(mkdtemp(dir) != NULL);
        struct sockaddr_un a = {.sun_family = AF_UNIX};
        snprintf(a.sun_path, sizeof a.sun_path, "%s/notify", dir);
        int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
        CHECK(bind(fd, (struct sockaddr *)&a, sizeof a) == 0);
        notify_manager("READY=1");
        CHECK_INT(recv(fd, got, sizeof got, 0), ==, -1); /* nobody asked for it */
        setenv("NOTIFY_SOCKET", a.sun_path, 1);
        notify_manager("READY=1");
        CHECK_INT(recv(fd, got, sizeof got - 1, 0), ==, 7);
        CHECK_STR(got, "READY=1");
        CHECK_INT(tree_remove_at(AT_FDCWD, dir), ==, 0);
}
