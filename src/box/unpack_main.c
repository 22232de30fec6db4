/* The program `/.paddock/unpack`: files from a tar archive on its standard input, inside a build
 * sandbox, so that no role reads an archive of a user; and a tar of the whole image on its output.
 *
 *     unpack into DIR [MAX_BYTES]     a tar, plain or compressed by gzip, zstd, xz or bzip2
 *     unpack layer DIR [MAX_BYTES]    a layer of an OCI image: .wh. names are marks
 *     unpack pack                     "/" without what is mounted there
 *
 * and, on the machine of the command line, the copies of `sandbox cp`:
 *
 *     unpack copy DIR [MAX_BYTES]     into a folder that is there; only a plain tar
 *     unpack tree DIR                 a tar of what is in a folder
 *
 * Whatever is refused ends it with a sentence on stderr and status 1; the sandbox is then thrown
 * away, so nothing is left of a half read archive. Static: an image need not have our libraries. */
#include "base/fd.h"
#include "base/str.h"
#include "box/pack.h"
#include "box/unpack_put.h"
#include "os/landlock.h"
#include <fcntl.h>
#include <locale.h>
#include <stdio.h>
#include <sys/stat.h>

#define BYTES_MAX (64ull << 30)

static int open_input(struct unpack *u, bool compressed, struct err *err)
{
        u->in = archive_read_new();
        if (!u->in || archive_read_support_format_tar(u->in) != ARCHIVE_OK ||
            (compressed && (archive_read_support_filter_gzip(u->in) != ARCHIVE_OK ||
                            archive_read_support_filter_zstd(u->in) != ARCHIVE_OK ||
                            archive_read_support_filter_xz(u->in) != ARCHIVE_OK ||
                            archive_read_support_filter_bzip2(u->in) != ARCHIVE_OK)))
                return err_set(err, -ENOTSUP, "libarchive lacks a format");
        if (archive_read_open_fd(u->in, STDIN_FILENO, 65536) != ARCHIVE_OK)
                return err_set(err, -EINVAL, "no tar archive: %.200s", archive_error_string(u->in));
        return 0;
}

static int unpack(const char *into, bool oci, uint64_t most, struct err *err)
{
        struct unpack u = {.oci = oci, .limits.bytes_max = most};
        if (mkdir(into, 0755) < 0 && errno != EEXIST)
                return err_sys(err, -errno, "%s", into);
        u.root = open(into, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        int r = u.root < 0 ? err_sys(err, -errno, "%s", into) : open_input(&u, true, err);
        r = r < 0 ? r : unpack_all(&u, err);
        archive_read_free(u.in);
        closep(&u.root);
        return r;
}

/* The archive is a stranger's and this machine the user's: nothing but that folder is within reach. */
static int shut_in(const char *path, int rights, struct err *err)
{
        const struct landlock_rule rules[] = {{path, rights}, {NULL, 0}};
        int r = landlock_apply(rules, LANDLOCK_DENY_TCP, err);
        return r < 0 ? r : 0;
}

static int copy_into(const char *into, mode_t mask, uint64_t most, struct err *err)
{
        struct unpack u = {
                .copy = true, .links_within = true, .mask = mask, .limits.bytes_max = most};
        u.root = open(into, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        int r = u.root < 0 ? err_sys(err, -errno, "%s", into)
                           : shut_in(into, LANDLOCK_READ | LANDLOCK_WRITE, err);
        r = r < 0 ? r : open_input(&u, false, err);
        r = r < 0 ? r : unpack_all(&u, err);
        archive_read_free(u.in);
        closep(&u.root);
        if (r == 0 && u.left_out)
                r = err_set(err, -EXDEV, "%llu links were left out: they lead out of the folder",
                            (unsigned long long)u.left_out);
        return r;
}

static int copy_of(const char *path, struct err *err)
{
        auto_close int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        int r = dir < 0 ? err_sys(err, -errno, "%s", path) : shut_in(path, LANDLOCK_READ, err);
        return r < 0 ? r : pack_copy(dir, STDOUT_FILENO, err);
}

int main(int argc, char **argv)
{
        struct err err = {0};
        uint64_t most = BYTES_MAX;
        int r = -EINVAL;
        setlocale(LC_CTYPE, "C.UTF-8"); /* names are compared and checked as they are */
        mode_t mask = umask(022);
        if (argc > 3 && str_to_u64(argv[3], &most) < 0)
                argc = 0;
        if (argc >= 3 && str_eq(argv[1], "into"))
                r = unpack(argv[2], false, most, &err);
        else if (argc >= 3 && str_eq(argv[1], "layer"))
                r = unpack(argv[2], true, most, &err);
        else if (argc == 2 && str_eq(argv[1], "pack"))
                r = pack_root(&err);
        else if (argc >= 3 && str_eq(argv[1], "copy"))
                r = copy_into(argv[2], mask, most, &err);
        else if (argc == 3 && str_eq(argv[1], "tree"))
                r = copy_of(argv[2], &err);
        else
                err_set(&err, r, "usage: unpack into|layer|copy DIR [MAX_BYTES], pack, tree DIR");
        if (r < 0)
                fprintf(stderr, "unpack: %s\n", err_text(&err));
        return r < 0;
}
