/* cdi.h - files of the Container Device Interface, read strictly: what a vendor's toolkit says a
 * container with its device needs. Of that a sandbox gets device nodes, files and links; nothing of
 * a file is ever run, and none of its variables is set.
 *
 * A file is refused as a whole, with the field, when it says anything that a sandbox does not do:
 * an unknown key, a hook other than the vendor's known ones (whose work is done by us, by what
 * their arguments say, or is not needed), a variable that is not the vendor's own, a device that is
 * no character device, a node outside /dev, a file of the host that is outside the allowed
 * directories, a place inside where no driver's file belongs, groups of the host, a '..' anywhere.
 */
#pragma once
#include "base/buf.h"
#include "link/gpu.h"

#define CDI_FILE_MAX (1u << 20)

struct cdi_rules {
        const char *paths; /* directories of the host that files may come from, by commas */
};

struct cdi_list {
        struct gpu_device *devices; /* as the file names paths: links not followed */
        size_t n;
};
void cdi_list_done(struct cdi_list *l);

/* Appends the devices of one file. On failure the list is as it was. */
MUST_CHECK int cdi_read(const char *text, size_t n, bool yaml, const struct cdi_rules *rules,
                        struct cdi_list *to, struct err *err);
