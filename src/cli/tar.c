#include "cli/tar.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/str.h"
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#define BLOCK 512

struct head {
        char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], sum[8], type, link[100],
                magic[6], version[2], user[32], group[32], major_no[8], minor_no[8], prefix[155],
                rest[12];
};
_Static_assert(sizeof(struct head) == BLOCK, "a head of tar is one block");

static int add(struct buf *b, const void *p, size_t n, struct err *err)
{
        static const char zeros[BLOCK];
        size_t pad = (BLOCK - n % BLOCK) % BLOCK;
        int r = buf_add(b, p, n);
        if (r == 0)
                r = buf_add(b, zeros, pad);
        return r < 0 ? err_set(err, -EFBIG,
                               "the files to copy are too large for a recipe; put "
                               "them into a volume or import an archive")
                     : 0;
}

/* A long name is cut at a slash. */
static int put_name(struct head *h, const char *name)
{
        size_t n = strlen(name);
        const char *cut = name;
        if (n <= sizeof h->name) {
                memcpy(h->name, name, n);
                return 0;
        }
        while ((cut = strchr(cut + 1, '/')) && strlen(cut + 1) > sizeof h->name)
                ;
        if (!cut || (size_t)(cut - name) > sizeof h->prefix)
                return -ENAMETOOLONG;
        memcpy(h->prefix, name, (size_t)(cut - name));
        memcpy(h->name, cut + 1, strlen(cut + 1));
        return 0;
}

static int add_head(struct buf *b, const char *name, char type, mode_t mode, size_t size,
                    const char *link, struct err *err)
{
        struct head h = {.type = type, .magic = "ustar", .version = {'0', '0'}};
        if (put_name(&h, name) < 0 || strlen(link) > sizeof h.link)
                return err_set(err, -ENAMETOOLONG, "%s: the name is too long", name);
        snprintf(h.mode, sizeof h.mode, "%07o", (unsigned)(mode & 0777));
        memcpy(h.uid, "0000000", 8);
        memcpy(h.gid, "0000000", 8);
        snprintf(h.size, sizeof h.size, "%011zo", size);
        memcpy(h.mtime, "00000000000", 12);
        memcpy(h.link, link, strlen(link));
        memset(h.sum, ' ', sizeof h.sum);
        unsigned sum = 0;
        for (size_t i = 0; i < sizeof h; i++)
                sum += ((const unsigned char *)&h)[i];
        snprintf(h.sum, sizeof h.sum, "%06o", sum);
        return add(b, &h, sizeof h, err);
}

static int add_file(struct buf *b, const char *path, const char *name, mode_t mode, struct err *err)
{
        CLEANUP(buf_done) struct buf content;
        buf_init(&content, b->max);
        int r = file_read_at(AT_FDCWD, path, &content);
        if (r < 0)
                return err_sys(err, r, "%s", path);
        r = add_head(b, name, '0', mode, content.len, "", err);
        return r < 0 || content.len == 0 ? r : add(b, content.data, content.len, err);
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
        return strcmp((*a)->d_name, (*b)->d_name);
}

static int add_dir(struct buf *b, const char *path, const char *name, struct err *err)
{
        struct dirent **list;
        int n = scandir(path, &list, NULL, by_name), r = 0;
        if (n < 0)
                return err_sys(err, -errno, "%s", path);
        for (int i = 0; i < n; i++) {
                const char *s = list[i]->d_name;
                auto_free char *below = xasprintf("%s/%s", path, s);
                auto_free char *as = xasprintf("%s%s%s", name, *name ? "/" : "", s);
                if (r == 0 && !str_eq(s, ".") && !str_eq(s, ".."))
                        r = tar_add(b, below, as, err);
                free(list[i]);
        }
        free(list);
        return r;
}

int tar_add(struct buf *b, const char *path, const char *name, struct err *err)
{
        struct stat st;
        char link[101] = "";
        if (lstat(path, &st) < 0)
                return err_sys(err, -errno, "%s", path);
        if (S_ISREG(st.st_mode))
                return add_file(b, path, name, st.st_mode, err);
        if (S_ISLNK(st.st_mode)) {
                if (readlink(path, link, sizeof link - 1) < 0)
                        return err_sys(err, -errno, "%s", path);
                return add_head(b, name, '2', 0777, 0, link, err);
        }
        if (!S_ISDIR(st.st_mode))
                return 0;
        int r = *name ? add_head(b, name, '5', st.st_mode, 0, "", err) : 0;
        return r < 0 ? r : add_dir(b, path, name, err);
}

int tar_end(struct buf *b, struct err *err)
{
        static const char zeros[2 * BLOCK];
        return add(b, zeros, sizeof zeros, err);
}
