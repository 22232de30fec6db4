#include "rag/parse/archive.h"
#include "base/limits.h"
#include <archive.h>
#include <archive_entry.h>

#define READ_MAX 65536

static int failed(struct archive *a, struct err *err)
{
        const char *why = archive_error_string(a);
        return err_set(err, -EBADMSG, "%s", why ? why : "damaged archive");
}

void archive_freep(struct archive **a)
{
        if (*a)
                archive_read_free(*a);
}

static int open_bytes(struct archive *made, struct slice bytes, struct archive **ret,
                      struct err *err)
{
        CLEANUP(archive_freep) struct archive *a = made;
        if (archive_read_open_memory(a, bytes.data, bytes.len) != ARCHIVE_OK)
                return failed(a, err);
        *ret = TAKE_PTR(a);
        return 0;
}

int archive_open_gzip(struct slice bytes, struct archive **ret, struct err *err)
{
        struct archive *a = archive_read_new();
        if (!a)
                return err_set(err, -ENOMEM, "no memory for an archive");
        archive_read_support_filter_gzip(a);
        archive_read_support_format_raw(a);
        return open_bytes(a, bytes, ret, err);
}

int archive_open_zip(struct slice bytes, struct archive **ret, struct err *err)
{
        struct archive *a = archive_read_new();
        if (!a)
                return err_set(err, -ENOMEM, "no memory for an archive");
        archive_read_support_format_zip_seekable(a);
        return open_bytes(a, bytes, ret, err);
}

int archive_next_file(struct archive *a, unsigned *entries, const char **ret_name, struct err *err)
{
        struct archive_entry *entry;
        for (;;) {
                int next = archive_read_next_header(a, &entry);
                if (next == ARCHIVE_EOF)
                        return 0;
                if (next < ARCHIVE_WARN)
                        return failed(a, err);
                if ((*entries)++ >= DOC_ENTRIES_MAX)
                        return err_set(err, -EFBIG, "more than %d entries", DOC_ENTRIES_MAX);
                *ret_name = archive_entry_pathname(entry);
                if (*ret_name && archive_entry_filetype(entry) == AE_IFREG)
                        return 1;
        }
}

static bool too_much(const struct inflate *c)
{
        return c->out > DOC_BYTES_MAX ||
               (c->out > DOC_FREE_INFLATE && c->out / DOC_RATIO_MAX > c->in);
}

int archive_slurp(struct archive *a, struct inflate *count, struct buf *b, struct err *err)
{
        for (;;) {
                char piece[READ_MAX];
                la_ssize_t n = archive_read_data(a, piece, sizeof piece);
                if (n < 0 && archive_read_has_encrypted_entries(a) > 0)
                        return err_set(err, -EACCES, "encrypted");
                if (n < 0)
                        return failed(a, err);
                if (n == 0)
                        return 0;
                count->out += (uint64_t)n;
                if (too_much(count))
                        return err_set(err, -EFBIG,
                                       "%llu compressed bytes became more than %llu: refused",
                                       (unsigned long long)count->in,
                                       (unsigned long long)(count->out - (uint64_t)n));
                int r = buf_add(b, piece, (size_t)n);
                if (r < 0)
                        return err_sys(err, r, "unpacking");
        }
}
