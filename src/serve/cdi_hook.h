/* cdi_hook.h - what a vendor's hook would do, by its arguments. No hook is ever run: run by root in
 * the file system of a container, with a working directory and variables that the container chose,
 * such programs were the way out of it (CVE-2024-0132, CVE-2025-23266).
 *
 *   create-symlinks                  the links are made by us, inside
 *   update-ldcache                   not needed: what the host's own cache calls a library by is
 *                                    made as a link beside it (gpus.c)
 *   chmod                            not needed: the directories of /dev are ours and open
 *   enable-cuda-compat,
 *   disable-device-node-modification not needed: the driver is the host's, no node can be changed
 */
#pragma once
#include "base/json.h"
#include "link/gpu.h"

/* -EINVAL: another one. */
MUST_CHECK int cdi_hook(const json_t *hook, struct gpu_device *d, struct err *err);
