/* Archives that somebody hostile made, against the program itself. */
#include "base/fd.h"
#include "base/mem.h"
#include "base/str.h"
#include "test.h"
#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

static char dir[] = "/tmp/paddock-unpack-XXXXXX";
static struct archive *out;
static char said[4096];

static void begin(void)
{
        char path[64];
        CHECK(mkdtemp(dir));
        snprintf(path, sizeof path, "%s/a.tar", dir);
        out = archive_write_new();
        archive_write_set_format_pax(out);
        CHECK_INT(archive_write_open_filename(out, path), ==, ARCHIVE_OK);
}

static void add(const char *name, mode_t mode, const char *target, const char *content,
                int64_t size)
{
        struct archive_entry *e = archive_entry_new();
        archive_entry_set_pathname(e, name);
        archive_entry_set_mode(e, mode);
        archive_entry_set_uid(e, geteuid());
        archive_entry_set_gid(e, getegid());
        if (mode && S_ISLNK(mode))
                archive_entry_set_symlink(e, target);
        else if (target)
                archive_entry_set_hardlink(e, target);
        if (content)
                archive_entry_set_size(e, size ? size : (int64_t)strlen(content));
        CHECK_INT(archive_write_header(out, e), ==, ARCHIVE_OK);
        if (content)
                CHECK_INT(archive_write_data(out, content, strlen(content)), ==, strlen(content));
        archive_entry_free(e);
}

static void file(const char *name, const char *content)
{
        add(name, S_IFREG | 0644, NULL, content, 0);
}

static char *program(void)
{
        char self[4000];
        ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
        self[n < 0 ? 0 : n] = 0;
        *strrchr(self, '/') = 0;
#ifdef __SANITIZE_ADDRESS__ /* the sanitizer's own memory does not fit the limit it is given here */
        return xasprintf("%s/../../gcc/libexec/paddock/unpack", self);
#else
        return xasprintf("%s/../libexec/paddock/unpack", self);
#endif
}

/* The exit status of `unpack MODE DIR/out LIMIT` on the file. */
static int run_on(const char *mode, const char *limit, const char *archive)
{
        char path[64], into[64];
        int p[2], status;
        auto_free char *exe = program();
        snprintf(path, sizeof path, "%s/%s", dir, archive);
        snprintf(into, sizeof into, "%s/out", dir);
        CHECK_INT(pipe(p), ==, 0);
        pid_t pid = fork();
        if (pid == 0) {
                struct rlimit l = {256u << 20, 256u << 20};
                int fd = open(path, O_RDONLY);
                if (fd < 0 || dup2(fd, 0) < 0 || dup2(p[1], 2) < 0)
                        _exit(99);
                setrlimit(RLIMIT_DATA, &l);
                execl(exe, "unpack", mode, into, limit, (char *)NULL);
                _exit(98);
        }
        close(p[1]);
        size_t n = 0;
        ssize_t r;
        while ((r = read(p[0], said + n, sizeof said - 1 - n)) > 0)
                n += (size_t)r;
        said[n] = 0;
        close(p[0]);
        CHECK_INT(waitpid(pid, &status, 0), ==, pid);
        return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int run(const char *mode)
{
        archive_write_close(out);
        archive_write_free(out);
        return run_on(mode, "100000000", "a.tar");
}

static bool there(const char *name)
{
        char path[300];
        snprintf(path, sizeof path, "%s/out/%s", dir, name);
        return faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static void end(void)
{
        CHECK_INT(tree_remove_at(AT_FDCWD, dir), ==, 0);
}

TEST(unpack_takes_an_ordinary_archive)
{
        struct stat st;
        char path[64];
        begin();
        add("d/", S_IFDIR | 0755, NULL, NULL, 0);
        file("./d/f", "content");
        add("d/suid", S_IFREG | 06755, NULL, "x", 0);
        add("d/link", S_IFLNK | 0777, "/etc/passwd", NULL, 0);
        add("d/again", 0, "d/f", NULL, 0);
        add("pipe", S_IFIFO | 0644, NULL, NULL, 0);
        file("deep/er/f", "1");
        CHECK_INT(run("into"), ==, 0);
        CHECK(there("d/f") && there("d/link") && there("d/again") && there("deep/er/f"));
        CHECK(!there("pipe"));
        snprintf(path, sizeof path, "%s/out/d/suid", dir);
        CHECK_INT(stat(path, &st), ==, 0);
        CHECK_INT(st.st_mode & 07777, ==, 0755);
        end();
}

static void make_out(void)
{
        char path[64];
        snprintf(path, sizeof path, "%s/out", dir);
        CHECK_INT(mkdir(path, 0700), ==, 0);
}

#define REFUSED(text, build) REFUSED_BY("into", text, build)
#define REFUSED_BY(mode, text, build)                                                              \
        do {                                                                                       \
                begin();                                                                           \
                make_out();                                                                        \
                build;                                                                             \
                CHECK_INT(run(mode), ==, 1);                                                       \
                CHECK_CONTAINS(said, text);                                                        \
                end();                                                                             \
                memcpy(dir + strlen(dir) - 6, "XXXXXX", 6);                                        \
        } while (0)

TEST(unpack_refuses_what_leads_out)
{
        char component[300], deep[2200];
        memset(component, 'a', sizeof component);
        component[299] = 0;
        memset(deep, '/', sizeof deep);
        for (size_t i = 0; i < sizeof deep; i += 2)
                deep[i] = 'd';
        deep[sizeof deep - 1] = 0;
        REFUSED("'..'", file("../x", "1"));
        REFUSED("'..'", file("a/../../x", "1"));
        REFUSED("absolute", file("/x", "1"));
        REFUSED("behind a link", (add("d", S_IFLNK | 0777, "/tmp", NULL, 0), file("d/x", "1")));
        REFUSED("behind a link", (add("d", S_IFLNK | 0777, ".", NULL, 0), file("d/x", "1")));
        REFUSED("'..'", add("h", 0, "../../etc/passwd", NULL, 0));
        REFUSED("absolute", add("h", 0, "/etc/passwd", NULL, 0));
        REFUSED("behind a link",
                (add("d", S_IFLNK | 0777, "/etc", NULL, 0), add("h", 0, "d/passwd", NULL, 0)));
        REFUSED("no file",
                (add("l", S_IFLNK | 0777, "/etc/passwd", NULL, 0), add("h", 0, "l", NULL, 0)));
        REFUSED("a device", add("n", S_IFCHR | 0666, NULL, NULL, 0));
        REFUSED("there twice", (file("a", "1"), file("a", "2")));
        REFUSED("there twice", (add("a", S_IFLNK | 0777, "/etc/passwd", NULL, 0), file("a", "2")));
        REFUSED("too long", file(component, "1"));
        REFUSED("too long", file(deep, "1"));
}

TEST(unpack_refuses_names_that_are_not_utf8)
{
        char head[512] = "bad-\xff\xfe-name";
        memcpy(head + 100, "0000644", 7);
        memcpy(head + 108, "0000000", 7);
        memcpy(head + 116, "0000000", 7);
        memcpy(head + 124, "00000000000", 11);
        memcpy(head + 136, "00000000000", 11);
        head[156] = '0';
        memcpy(head + 257, "ustar\00000", 8);
        unsigned sum = 8 * ' ';
        for (size_t i = 0; i < sizeof head; i++)
                sum += i >= 148 && i < 156 ? 0 : (unsigned char)head[i];
        snprintf(head + 148, 8, "%06o", sum);
        CHECK(mkdtemp(dir));
        int top = dir_open_at(AT_FDCWD, dir);
        CHECK_INT(file_replace_at(top, "a.tar", head, sizeof head, 0600), ==, 0);
        CHECK_INT(run_on("into", "1000", "a.tar"), ==, 1);
        close(top);
        end();
}

TEST(unpack_bounds_what_comes_out)
{
        char command[300];
        begin();
        CHECK_INT(run("into"), ==, 0);
        /* 1 TiB of hole; 200 MB of zeros in 200 KB; many tiny files */
        snprintf(
                command, sizeof command,
                "cd %s && truncate -s 1T hole && tar --sparse -cf s.tar hole && truncate -s 200M z "
                "&& tar -czf z.tgz z && rm z hole",
                dir);
        FILE *f = popen(command, "r");
        CHECK(f);
        CHECK_INT(pclose(f), ==, 0);
        CHECK_INT(run_on("into", "100000000", "s.tar"), ==, 1);
        CHECK_CONTAINS(said, "more than 100000000 bytes");
        CHECK_INT(run_on("into", "100000000", "z.tgz"), ==, 1);
        CHECK_CONTAINS(said, "more than 100000000 bytes");
        end();
}

TEST(unpack_of_an_oci_layer_takes_things_away)
{
        begin();
        file("a/keep", "1");
        file("a/gone", "1");
        file("b/old", "1");
        CHECK_INT(run("into"), ==, 0);
        char path[64];
        snprintf(path, sizeof path, "%s/a.tar", dir);
        out = archive_write_new();
        archive_write_set_format_pax(out);
        CHECK_INT(archive_write_open_filename(out, path), ==, ARCHIVE_OK);
        file("a/.wh.gone", "");
        file("b/.wh..wh..opq", "");
        file("b/new", "1");
        CHECK_INT(run("layer"), ==, 0);
        CHECK(there("a/keep") && !there("a/gone") && !there("b/old") && there("b/new"));
        CHECK_INT(access(dir, F_OK), ==, 0);
        CHECK(!there("a/.wh.gone") && !there("b/.wh..wh..opq"));
        end();
}

TEST(unpack_refuses_marks_that_name_what_is_above)
{
        static const char *const names[] = {"a/.wh...", "a/.wh..", "a/.wh."};
        for (size_t i = 0; i < ARRAY_LEN(names); i++) {
                begin();
                file("kept", "1");
                file(names[i], "");
                CHECK_INT(run("layer"), ==, 1);
                CHECK_CONTAINS(said, "names nothing");
                CHECK(there("kept"));
                end();
                memcpy(dir + strlen(dir) - 6, "XXXXXX", 6);
        }
}

/* ---- copies ---- */

static mode_t mode_of(const char *name)
{
        char path[300];
        struct stat st;
        snprintf(path, sizeof path, "%s/out/%s", dir, name);
        CHECK_INT(lstat(path, &st), ==, 0);
        return st.st_mode & 07777;
}

TEST(unpack_copy_keeps_modes_and_replaces_files)
{
        char path[64];
        begin();
        make_out();
        umask(0);
        snprintf(path, sizeof path, "%s/out/old", dir);
        CHECK_INT(symlink("/etc/passwd", path), ==, 0);
        snprintf(path, sizeof path, "%s/out/file", dir);
        CHECK_INT(file_replace_at(AT_FDCWD, path, "before", 6, 0600), ==, 0);
        add("closed", S_IFDIR | 0555, NULL, NULL, 0);
        add("closed/in", S_IFREG | 0640, NULL, "x", 0);
        add("file", S_IFREG | 04751, NULL, "now", 0);
        file("old", "not the password file");
        add("link", S_IFLNK | 0777, "closed/in", NULL, 0);
        add("closed/up", S_IFLNK | 0777, "../file", NULL, 0);
        add("again", 0, "file", NULL, 0);
        CHECK_INT(run("copy"), ==, 0);
        CHECK_INT(mode_of("closed"), ==, 0555);
        CHECK_INT(mode_of("closed/in"), ==, 0640);
        CHECK_INT(mode_of("file"), ==, 0751);
        CHECK(there("link") && there("closed/up") && there("again"));
        snprintf(path, sizeof path, "%s/out/old", dir);
        struct stat st;
        CHECK_INT(lstat(path, &st), ==, 0);
        CHECK(S_ISREG(st.st_mode));
        snprintf(path, sizeof path, "%s/out/closed", dir);
        CHECK_INT(chmod(path, 0755), ==, 0);
        end();
}

TEST(unpack_copy_leaves_links_out_that_lead_out)
{
        begin();
        make_out();
        add("d", S_IFDIR | 0755, NULL, NULL, 0);
        add("abs", S_IFLNK | 0777, "/etc/passwd", NULL, 0);
        add("up", S_IFLNK | 0777, "../x", NULL, 0);
        add("d/up", S_IFLNK | 0777, "../../x", NULL, 0);
        add("d/self", S_IFLNK | 0777, ".", NULL, 0);
        add("d/through", S_IFLNK | 0777, "self/self/../../..", NULL, 0);
        add("d/fine", S_IFLNK | 0777, "../d/self", NULL, 0);
        CHECK_INT(run("copy"), ==, 1);
        CHECK_CONTAINS(said, "4 links were left out");
        CHECK(!there("abs") && !there("up") && !there("d/up") && !there("d/through"));
        CHECK(there("d/self") && there("d/fine"));
        end();
}

TEST(unpack_copy_refuses_what_leads_out)
{
        char name[4097];
        memset(name, 'a', sizeof name);
        name[sizeof name - 1] = 0;
        REFUSED_BY("copy", "'..'", file("../x", "1"));
        REFUSED_BY("copy", "absolute", file("/x", "1"));
        REFUSED_BY("copy", "behind a link",
                   (add("d", S_IFLNK | 0777, ".", NULL, 0), file("d/x", "1")));
        REFUSED_BY("copy", "'..'", add("h", 0, "../../etc/passwd", NULL, 0));
        REFUSED_BY("copy", "no file", add("h", 0, "nothing", NULL, 0));
        REFUSED_BY("copy", "a device", add("n", S_IFBLK | 0666, NULL, NULL, 0));
        REFUSED_BY("copy", "too long", file(name, "1"));
        REFUSED_BY("copy", "begins with '-'", file("-rf", "1"));
        REFUSED_BY("copy", "begins with '-'", file("d/--help", "1"));
        REFUSED_BY("copy", "Paddock's own", file("d/.paddock-put/x", "1"));
        REFUSED_BY("copy", "a folder is in its place",
                   (add("d", S_IFDIR | 0755, NULL, NULL, 0), file("d", "1")));
}

/* A bomb of some bytes that become many is none. */
TEST(unpack_copy_takes_no_compressed_archive)
{
        begin();
        make_out();
        archive_write_free(out);
        out = archive_write_new();
        char path[64];
        snprintf(path, sizeof path, "%s/a.tar", dir);
        archive_write_set_format_pax(out);
        archive_write_add_filter_gzip(out);
        CHECK_INT(archive_write_open_filename(out, path), ==, ARCHIVE_OK);
        file("a", "1");
        CHECK_INT(run("copy"), ==, 1);
        CHECK(!there("a"));
        end();
}
