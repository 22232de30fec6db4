/* gpus.h - the devices that this host's CDI files describe, each path followed to where it leads
 * and checked to be what it is said to be. */
#pragma once
#include "serve/cdi.h"

struct gpus_options {
        const char *dirs;    /* by commas; where one is not there it has no files */
        const char *paths;   /* see cdi_rules */
        const char *drivers; /* names of /proc/devices, by commas */
};

/* A sealed memfd of struct gpu_device for launch (link/gpu.h), or negative. A file that is refused
 * and a device that is not whole are left out, with the reason in the log. */
MUST_CHECK int gpus_of_host(const struct gpus_options *o, struct err *err);
/* Parts, for the tests. One device's paths on the host: 0, or why it is left out. */
MUST_CHECK int gpus_resolve(struct gpu_device *d, const struct gpus_options *o, struct err *err);
