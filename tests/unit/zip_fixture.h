/* zip_fixture.h - small zip archives, made in memory by libarchive. */
#pragma once
#include "test.h"
#include <archive.h>
#include <archive_entry.h>

struct entry {
        const char *name, *text;
};

static inline size_t make_zip(char *dst, size_t size, const struct entry *e, size_t n)
{
        size_t used = 0;
        struct archive *a = archive_write_new();
        archive_write_set_format_zip(a);
        CHECK(archive_write_set_format_option(a, "zip", "compression", "store") == ARCHIVE_OK);
        CHECK(archive_write_open_memory(a, dst, size, &used) == ARCHIVE_OK);
        for (size_t i = 0; i < n; i++) {
                struct archive_entry *x = archive_entry_new();
                archive_entry_set_pathname(x, e[i].name);
                archive_entry_set_filetype(x, AE_IFREG);
                archive_entry_set_perm(x, 0644);
                archive_entry_set_size(x, (int64_t)strlen(e[i].text));
                CHECK(archive_write_header(a, x) == ARCHIVE_OK);
                CHECK(archive_write_data(a, e[i].text, strlen(e[i].text)) >= 0);
                archive_entry_free(x);
        }
        CHECK(archive_write_close(a) == ARCHIVE_OK);
        archive_write_free(a);
        return used;
}
