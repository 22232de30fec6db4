#include "rag/segment/root.h"
#include "base/fd.h"
#include <fcntl.h>
#include <xxhash.h>

#define SLOT 4096

struct slot {
        char magic[8];
        struct root root;
        uint64_t hash;
        char rest[SLOT - 8 - sizeof(struct root) - 8];
};
_Static_assert(sizeof(struct slot) == SLOT, "a slot is one page");
static const char magic[8] = "PDKROOT1";

static uint64_t hash_of(const struct slot *s)
{
        return XXH3_64bits(s, offsetof(struct slot, hash));
}

int root_read(int dir, struct root *ret, struct err *err)
{
        auto_close int fd = openat(dir, "root", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        bool found = false;
        if (fd < 0)
                return err_sys(err, -errno, "the index's root");
        for (int i = 0; i < 2; i++) {
                struct slot s;
                ssize_t n = pread(fd, &s, sizeof s, (off_t)i * SLOT);
                if (n != (ssize_t)sizeof s || memcmp(s.magic, magic, sizeof magic) != 0 ||
                    s.hash != hash_of(&s))
                        continue;
                if (!found || s.root.generation > ret->generation)
                        *ret = s.root;
                found = true;
        }
        return found ? 0 : err_set(err, -EBADMSG, "the index's root is damaged");
}

static struct slot slot_of(const struct root *r)
{
        struct slot s = {.root = *r};
        memcpy(s.magic, magic, sizeof magic);
        s.hash = hash_of(&s);
        return s;
}

int root_create(int dir, const struct root *r, struct err *err)
{
        struct slot both[2] = {{.magic = {0}}};
        both[r->generation % 2] = slot_of(r);
        int e = file_replace_at(dir, "root", both, sizeof both, 0600);
        return e < 0 ? err_sys(err, e, "the index's root") : 0;
}

int root_write(int dir, const struct root *r, struct err *err)
{
        struct slot s = slot_of(r);
        auto_close int fd = openat(dir, "root", O_RDWR | O_CLOEXEC | O_NOFOLLOW);
        if (fd < 0)
                return err_sys(err, -errno, "the index's root");
        ssize_t n = pwrite(fd, &s, sizeof s, (off_t)(r->generation % 2) * SLOT);
        if (n != (ssize_t)sizeof s)
                return err_sys(err, n < 0 ? -errno : -ENOSPC, "the index's root");
        return fdatasync(fd) < 0 ? err_sys(err, -errno, "the index's root") : 0;
}
