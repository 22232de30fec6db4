/* files.h - the program `/.paddock/files`: puts, gets, lists and removes files of one volume,
 * inside a sandbox (profile BOX_FILES) that has the volume at /volume. Asker: api.
 *
 * One operation at a time: the asker sends a request and reads up to and with FILES_DONE, of which
 * there is exactly one for each request. The program ends at the end of its stdin.
 *
 *   PUT     files_put, then DATA…, then END -> DONE. The content is under its name only when DONE
 *           says 0 and it is on disk then; before that, and after any failure, the old content is.
 *           DONE with an error may come before END was sent; END is sent all the same (the DATA on
 *           its way is thrown away). END {keep: 0} gives up: DONE -ECANCELED.
 *   GET     files_get -> FILE, DATA…, DONE; or DONE alone with the error
 *   LIST    files_list -> FILE…, DONE {more: 1 when there are further ones behind the last}
 *           regular files below the volume in the order of their paths' bytes
 *   REMOVE  files_remove -> DONE {count}; with tree: the folder of that path and all below it
 *   STAT    files_get -> FILE, DONE; or DONE with the error
 *   UNPACK  files_get, then DATA…, then END -> DONE {count}: a tar archive, not compressed, into the
 *           folder of that path ("" the root), which is made; each file is there whole or not at all.
 *           The first entry that is refused (box/unpack.h) ends it; what came before it stays.
 *   PACK    files_get -> FILE, DATA…, DONE: what is in the folder, as a tar archive; or DONE with the
 *           error, -ENOTDIR for a file
 *
 * Paths are relative, as str_is_subpath has them. No symbolic link is ever followed; links, pipes,
 * sockets and devices do not appear in LIST and are -ENOENT elsewhere. Names that are not
 * such paths (not UTF-8, too long) are counted in DONE's `skipped` and cannot be reached.
 */
#pragma once
#include "link/frames.h"

enum files_verb {
        FILES_PUT = 1,
        FILES_GET,
        FILES_LIST,
        FILES_REMOVE,
        FILES_STAT,
        FILES_UNPACK,
        FILES_PACK,
        FILES_DATA = 16, /* raw bytes, at most FRAME_MAX */
        FILES_END,
        FILES_FILE,
        FILES_DONE,
};
#define FILES_SIZE_ANY UINT64_MAX /* files_put.size of a body whose length is not known before */
#define FILES_LIST_MAX 1000       /* entries of one LIST */

struct files_put {
        char path[PATH_TEXT_MAX + 1];
        uint64_t size;     /* must be met exactly; at most UPLOAD_BYTES_MAX either way */
        uint64_t mtime_ms; /* 0 = now */
        uint32_t mode;     /* permissions; 0 = 0644 */
};
struct files_get {
        char path[PATH_TEXT_MAX + 1];
        uint64_t offset; /* GET: begin here */
};
struct files_list {
        char prefix[PATH_TEXT_MAX + 1]; /* only paths that begin so; "" all */
        char after[PATH_TEXT_MAX + 1];  /* only paths behind it; "" from the start */
        uint32_t limit;                 /* 1..FILES_LIST_MAX; 0 = FILES_LIST_MAX */
};
struct files_remove {
        char path[PATH_TEXT_MAX + 1];
        uint32_t tree; /* 1: a folder and all below it */
};
struct files_end {
        uint32_t keep; /* 1: the body is complete; 0: give up */
};
struct files_file {
        char path[PATH_TEXT_MAX + 1];
        uint64_t size, mtime_ms;
        uint32_t mode; /* with its kind, S_IF... */
};
struct files_done {
        uint32_t error; /* 0, or a positive errno: ENOENT EISDIR ENOTDIR EINVAL EFBIG ENOSPC … */
        char reason[256]; /* one sentence when error is not 0 */
        uint64_t count;   /* LIST, REMOVE: files; PUT, GET: bytes */
        uint32_t more;
        uint32_t skipped; /* LIST: entries that cannot be shown */
};

extern const struct frame_spec files_frames;
