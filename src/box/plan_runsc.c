/* The plan of the driver runsc: a root for runsc itself, in which the root of the guest is a
 * directory. In that one lies what the driver ns has at "/"; /dev, /proc and /sys are gVisor's. */
#include "base/str.h"
#include "box/image.h"
#include "box/plan_impl.h"
#include "box/runsc.h"
#include <stdio.h>

#define G RUNSC_GUEST

static void outer_root(struct plan *p, const struct launch_spec *spec, const struct plan_facts *f)
{
        static const char *const dirs[] = {
                "usr", "etc", "dev", "proc", "run", ".paddock", ".paddock/empty", G};
        plan_add(p, PLAN_ROOT, "")->bytes = spec->disk_bytes;
        for (size_t i = 0; i < ARRAY_LEN(dirs); i++)
                plan_add_dir(p, dirs[i], 0755, false);
        plan_add_dir(p, "tmp", 01777, false);
        for (size_t i = 0; i < f->n_links; i++)
                plan_add_link(p, f->links[i].name, f->links[i].target);
        plan_add_tree(p, "usr", TREE_USR);
        plan_add_tree(p, "etc", TREE_ETC);
        plan_add_tree(p, "dev", TREE_DEV);
        plan_add(p, PLAN_FILE, ".paddock/runsc");
        plan_add_tree(p, ".paddock/runsc", TREE_PROGRAM);
}

/* Image "host": as its root with the driver ns. */
static void guest_plain(struct plan *p, const struct plan_facts *f)
{
        static const char *const dirs[] = {G "/usr",  G "/etc", G "/dev",
                                           G "/proc", G "/sys", G "/var"};
        static const char *const writable[] = {G "/tmp", G "/run", G "/work"};
        for (size_t i = 0; i < ARRAY_LEN(dirs); i++)
                plan_add_dir(p, dirs[i], 0755, false);
        plan_add_dir(p, writable[0], 01777, false);
        plan_add_dir(p, writable[1], 0755, true);
        plan_add_dir(p, writable[2], 0755, true);
        plan_add_link(p, G "/var/tmp", "/tmp");
        for (size_t i = 0; i < f->n_links; i++) {
                char path[64];
                int n = snprintf(path, sizeof path, G "/%s", f->links[i].name);
                plan_add_link(p, plan_keep_text(p, path, (size_t)n), f->links[i].target);
        }
        for (size_t i = 0; i < ARRAY_LEN(writable); i++)
                plan_add_view(p, writable[i], writable[i]);
}

static void guest_image(struct plan *p, const struct plan_facts *f)
{
        plan_add_tree(p, G, TREE_ROOT);
        plan_add_tree(p, G "/tmp", TREE_TMP);
        plan_add_tree(p, G "/run", TREE_RUN);
        if (f->ca)
                plan_add_tree(p, G "/.paddock/ca.crt", TREE_CA);
}

static void guest_volumes(struct plan *p, const struct launch_spec *spec)
{
        for (uint32_t i = 0; i < spec->n_mounts; i++) {
                char path[sizeof G + 1 + sizeof spec->mounts[i].target];
                int n = snprintf(path, sizeof path, "/" G "%s", spec->mounts[i].target);
                const char *target = plan_keep_text(p, path, (size_t)n);
                plan_add_target(p, target);
                plan_add_tree(p, target + 1, (enum plan_tree)(TREE_VOLUME + i));
        }
}

void plan_runsc(struct plan *p, const struct launch_spec *spec, const struct plan_facts *f)
{
        bool image = image_rooted(spec);
        outer_root(p, spec, f);
        if (image)
                guest_image(p, f);
        else
                guest_plain(p, f);
        if (!image || str_eq(spec->image, "host")) {
                plan_add_view(p, G "/usr", "usr");
                plan_add_view(p, G "/etc", "etc");
        }
        guest_volumes(p, spec);
        plan_add_view(p, "tmp", "tmp");
        plan_add_view(p, "run", "run");
        /* Whole and writable: runsc maps ids and mounts one of its own, which the kernel allows only
         * where nothing of this one is hidden. The command never sees it. */
        struct plan_step *proc = plan_add(p, PLAN_PROC, "proc");
        proc->n = RUNSC_NAMESPACES;
        proc->mode = 1;
        plan_add(p, PLAN_SEAL, "");
        plan_add(p, PLAN_PIVOT, "");
        const char *name = spec->hostname[0] ? spec->hostname : "sandbox";
        plan_add(p, PLAN_HOSTNAME, "")->text = plan_keep_text(p, name, strlen(name));
        plan_add(p, PLAN_LOOPBACK, "");
        plan_add(p, PLAN_LIMITS, "");
        plan_add(p, PLAN_IDS, "")->n = PLAN_IDS_RUNSC;
        plan_add(p, PLAN_SECCOMP, "")->text = plan_filter(spec);
}
