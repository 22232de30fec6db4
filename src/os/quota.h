/* quota.h - project quotas of a file system (ext4 and xfs with the mount option prjquota): what
 * belongs to a project may take so many bytes. Only root of the host may set them, and nobody in
 * another user namespace can move a file to another project. */
#pragma once
#include "base/err.h"

/* Whether the file system of that directory enforces them. */
bool project_quota_works(int dir);
/* So many bytes, and as many files as blocks of 4 KiB and 1024 more. */
MUST_CHECK int project_quota_set(int dir, uint32_t project, uint64_t bytes, struct err *err);
/* The empty directory, and all that is made below it, belongs to the project. */
MUST_CHECK int project_take_in(int dir, uint32_t project, struct err *err);
