/* The checks of the program `unpack`: what passes is a clean relative path. */
#include "box/unpack.h"
#include "base/str.h"
#include <assert.h>
#include <stdio.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static const uint32_t types[] = {0, S_IFREG, S_IFDIR, S_IFLNK, S_IFIFO, S_IFCHR};
        char text[4096], path[PATH_TEXT_MAX + 1], target[PATH_TEXT_MAX + 1] = "x";
        struct unpack_limits l = {.bytes_max = 1000};
        if (size < 3)
                return 0;
        size_t n = size - 2 < sizeof text - 1 ? size - 2 : sizeof text - 1;
        memcpy(text, data + 2, n);
        text[n] = 0;
        size_t half = strlen(text);
        struct unpack_entry e = {.path = text,
                                 .target = half + 1 < n ? text + half + 1 : NULL,
                                 .type = types[data[0] % ARRAY_LEN(types)],
                                 .size = data[1],
                                 .oci = data[0] & 128};
        int r = unpack_check(&l, &e, path, target, NULL);
        if (r > UNPACK_SKIP && *path)
                assert(*path != '/' && strcmp(path, "..") && !str_starts(path, "../") &&
                       !strstr(path, "/../") && !strstr(path, "//") && !str_ends(path, "/.."));
        if (r == UNPACK_HARDLINK)
                assert(*target != '/' && !str_starts(target, "../") && !strstr(target, "/../"));
        assert(l.bytes <= l.bytes_max);
        return 0;
}
