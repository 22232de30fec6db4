/* upload.h - files of the caller's into a volume, read with the caller's rights, and what is in it.
 */
#pragma once
#include "cli/client.h"

/* "/v1/volumes/NAME/files/PATH" */
const char *volume_file_target(struct buf *b, const char *volume, const char *path);
/* Sends fd (borrowed) from its start, or as it comes when it is no regular file. */
MUST_CHECK int upload_file(struct client *c, const char *volume, const char *path, int fd,
                           struct err *err);
/* Appends {path, size_bytes, mtime_ms} of every file below prefix to the array `ret`. */
MUST_CHECK int volume_files(struct client *c, const char *volume, const char *prefix, json_t *ret,
                            struct err *err);

/* The same for any kind of place that has files: "volumes", "sandboxes". */
const char *file_target(struct buf *b, const char *kind, const char *name, const char *path);
MUST_CHECK int upload_file_to(struct client *c, const char *kind, const char *name,
                              const char *path, int fd, struct err *err);
MUST_CHECK int files_below(struct client *c, const char *kind, const char *name, const char *prefix,
                           json_t *ret, struct err *err);
