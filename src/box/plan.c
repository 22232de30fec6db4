#include "box/plan.h"
#include "base/mem.h"
#include "base/str.h"
#include "box/image.h"
#include "box/plan_impl.h"
#include "box/runsc.h"
#include "box/spec.h"
#include <assert.h>
#include <stdio.h>

struct plan_step *plan_add(struct plan *p, enum plan_kind kind, const char *path)
{
        assert(p->n < PLAN_STEPS_MAX); /* bounded by BOX_VOLUMES_MAX and target's length */
        struct plan_step *s = &p->steps[p->n++];
        *s = (struct plan_step){.kind = kind, .path = path};
        return s;
}

const char *plan_keep_text(struct plan *p, const char *s, size_t n)
{
        assert(p->used + n + 1 <= sizeof p->text);
        char *to = p->text + p->used;
        memcpy(to, s, n);
        to[n] = 0;
        p->used += n + 1;
        return to;
}

void plan_add_dir(struct plan *p, const char *path, uint32_t mode, bool own)
{
        struct plan_step *s = plan_add(p, PLAN_DIR, path);
        s->mode = mode;
        s->own = own;
}

void plan_add_link(struct plan *p, const char *path, const char *target)
{
        plan_add(p, PLAN_LINK, path)->text = target;
}

void plan_add_tree(struct plan *p, const char *path, enum plan_tree tree)
{
        plan_add(p, PLAN_TREE, path)->tree = tree;
}

void plan_add_view(struct plan *p, const char *path, const char *dir)
{
        plan_add(p, PLAN_VIEW, path)->text = dir;
}

static bool has_dir(const struct plan *p, const char *path)
{
        for (size_t i = 0; i < p->n; i++)
                if (p->steps[i].kind == PLAN_DIR && str_eq(p->steps[i].path, path))
                        return true;
        return false;
}

/* The directories of a mount point, from the top; or only those above it. */
static void plan_add_dirs(struct plan *p, const char *target, bool above)
{
        for (const char *end = target + 1; *end;) {
                end += strcspn(end, "/");
                if (above && !*end)
                        return;
                const char *dir = plan_keep_text(p, target + 1, (size_t)(end - target - 1));
                if (!has_dir(p, dir))
                        plan_add_dir(p, dir, 0755, false);
                end += *end == '/';
        }
}

void plan_add_target(struct plan *p, const char *target)
{
        plan_add_dirs(p, target, false);
}

/* The places of devices' files, and their links: before anything of a user's is mounted. */
static void plan_gpu_places(struct plan *p, const struct gpu_set *s)
{
        for (size_t i = 0; i < s->n_files; i++) {
                const struct gpu_file *f = s->files[i];
                plan_add_dirs(p, f->target, !f->directory);
                if (!f->directory)
                        plan_add(p, PLAN_FILE,
                                 plan_keep_text(p, f->target + 1, strlen(f->target + 1)));
        }
        for (size_t i = 0; i < s->n_links; i++) {
                const struct gpu_link *l = s->links[i];
                plan_add_dirs(p, l->path, true);
                plan_add_link(p, plan_keep_text(p, l->path + 1, strlen(l->path + 1)),
                              plan_keep_text(p, l->target, strlen(l->target)));
        }
}

static void plan_gpu_files(struct plan *p, const struct gpu_set *s)
{
        for (size_t i = 0; i < s->n_files; i++) {
                const char *path = s->files[i]->target + 1;
                plan_add_tree(p, plan_keep_text(p, path, strlen(path)),
                              (enum plan_tree)(TREE_GPU + i));
        }
}

static void plan_root(struct plan *p, const struct launch_spec *spec, const struct plan_facts *f,
                      const struct gpu_set *gpus)
{
        plan_add(p, PLAN_ROOT, "")->bytes = spec->disk_bytes;
        static const char *const dirs[] = {"usr", "etc",      "dev",           "proc",
                                           "var", ".paddock", ".paddock/empty"};
        for (size_t i = 0; i < ARRAY_LEN(dirs); i++)
                plan_add_dir(p, dirs[i], 0755, false);
        plan_add_dir(p, "tmp", 01777, false);
        plan_add_dir(p, "run", 0755, true);
        plan_add_dir(p, "work", 0755, true);
        plan_add_dir(p, ".paddock/shm", 01777, false);
        plan_add_link(p, "var/tmp", "/tmp");
        for (size_t i = 0; i < f->n_links; i++)
                plan_add_link(p, f->links[i].name, f->links[i].target);
        plan_gpu_places(p, gpus);
        for (uint32_t i = 0; i < spec->n_mounts; i++)
                plan_add_target(p, spec->mounts[i].target);
}

static void plan_kernel(struct plan *p, const struct plan_facts *f)
{
        plan_add(p, PLAN_PTS, "dev/pts");
        plan_add(p, PLAN_PROC, "proc");
        for (size_t i = 0; i < f->n_masks; i++)
                plan_add(p, PLAN_MASK, f->masks[i].path)->n = f->masks[i].dir;
}

static void plan_mounts(struct plan *p, const struct launch_spec *spec, const struct plan_facts *f,
                        const struct gpu_set *gpus)
{
        plan_add_tree(p, "usr", TREE_USR);
        plan_add_tree(p, "etc", TREE_ETC);
        plan_add_tree(p, "dev", TREE_DEV);
        plan_add_view(p, "tmp", "tmp");
        plan_add_view(p, "run", "run");
        plan_add_view(p, "work", "work");
        plan_add_view(p, "dev/shm", ".paddock/shm");
        plan_kernel(p, f);
        plan_gpu_files(p, gpus);
        for (uint32_t i = 0; i < spec->n_mounts; i++) {
                const char *target =
                        plan_keep_text(p, spec->mounts[i].target, strlen(spec->mounts[i].target));
                plan_add_tree(p, target + 1, (enum plan_tree)(TREE_VOLUME + i));
        }
}

/* The root is an image's, in which nothing is trusted: its layers, below our own on top, see
 * image.h. Every place is a directory there already, or it is refused. */
static void plan_image(struct plan *p, const struct launch_spec *spec, const struct plan_facts *f,
                       const struct gpu_set *gpus)
{
        plan_add_tree(p, "", TREE_ROOT);
        p->steps[p->n - 1].kind = PLAN_IMAGE;
        if (str_eq(spec->image, "host")) {
                plan_add_tree(p, "usr", TREE_USR);
                plan_add_tree(p, "etc", TREE_ETC);
        }
        plan_add_tree(p, "dev", TREE_DEV);
        plan_add_tree(p, "dev/shm", TREE_SHM);
        plan_add_tree(p, "tmp", TREE_TMP);
        plan_add_tree(p, "run", TREE_RUN);
        if (f->ca)
                plan_add_tree(p, ".paddock/ca.crt", TREE_CA);
        plan_kernel(p, f);
        plan_gpu_places(p, gpus);
        plan_gpu_files(p, gpus);
        for (uint32_t i = 0; i < spec->n_mounts; i++) {
                plan_add_target(p, spec->mounts[i].target);
                const char *target =
                        plan_keep_text(p, spec->mounts[i].target, strlen(spec->mounts[i].target));
                plan_add_tree(p, target + 1, (enum plan_tree)(TREE_VOLUME + i));
        }
}

static void plan_program(struct plan *p, const struct launch_spec *spec,
                         const struct plan_facts *facts)
{
        const char *path = spec->profile == BOX_PARSE   ? ".paddock/parse"
                           : spec->profile == BOX_FILES ? ".paddock/files"
                                                        : NULL;
        if (spec->profile == BOX_TEMPLATE) {
                if (!image_rooted(spec))
                        plan_add_dir(p, ".paddock/warm", 0755, false);
                plan_add_tree(p, ".paddock/warm", TREE_PROGRAM);
                for (size_t i = 0; i < p->n; i++)
                        if (p->steps[i].kind == PLAN_PROC)
                                p->steps[i].n = NESTED_MAX;
        }
        if (spec->profile == BOX_BUILD && facts->unpack)
                plan_add_tree(p, ".paddock/unpack", TREE_PROGRAM);
        if (!path)
                return;
        plan_add(p, PLAN_FILE, path);
        plan_add_tree(p, path, TREE_PROGRAM);
}

const char *plan_filter(const struct launch_spec *spec)
{
        bool proxy = spec->network == BOX_NET_PROXY;
        if (spec->profile == BOX_BUILD)
                return proxy ? "build-proxy" : "build";
        if (spec->profile == BOX_TEMPLATE)
                return "template";
        if (runsc_asked(spec))
                return "runsc";
        return proxy ? "sandbox-proxy" : "sandbox";
}

static void plan_secrets(struct plan *p, const struct launch_spec *spec)
{
        if (spec->n_secrets)
                plan_add(p, PLAN_PLACES, "");
        for (uint32_t i = 0; i < spec->n_secrets; i++) {
                const char *target = spec->secrets[i].target;
                plan_add(p, PLAN_PLACE, plan_keep_text(p, target, strlen(target)))->n = i;
        }
}

struct plan *plan_new(const struct launch_spec *spec, const struct plan_facts *facts)
{
        struct plan *p = xmalloc(sizeof *p);
        bool image = image_rooted(spec), build = spec->profile == BOX_BUILD;
        struct gpu_set gpus = {.n_nodes = 0};
        p->n = p->used = 0;
        /* Whether it can be had was found out before (host_trees). */
        if (spec->n_gpus && (!facts->gpus || gpu_set(facts->gpus, spec, &gpus, NULL) < 0))
                gpus.n_files = gpus.n_links = 0;
        if (runsc_asked(spec)) {
                plan_runsc(p, spec, facts);
                return p;
        }
        if (image) {
                plan_image(p, spec, facts, &gpus);
        } else {
                plan_root(p, spec, facts, &gpus);
                plan_mounts(p, spec, facts, &gpus);
        }
        plan_secrets(p, spec);
        plan_program(p, spec, facts);
        if (!image)
                plan_add(p, PLAN_SEAL, "");
        plan_add(p, PLAN_PIVOT, "");
        const char *name = spec->hostname[0] ? spec->hostname : "sandbox";
        plan_add(p, PLAN_HOSTNAME, "")->text = plan_keep_text(p, name, strlen(name));
        plan_add(p, PLAN_LOOPBACK, "");
        if (spec->network == BOX_NET_PROXY)
                plan_add(p, PLAN_LISTEN, "");
        struct plan_step *limits = plan_add(p, PLAN_LIMITS, "");
        if (!facts->limits_in_cgroup) {
                limits->bytes = spec->memory_bytes;
                limits->n = spec->pids;
        }
        plan_add(p, PLAN_IDS, "")->n = build;
        plan_add(p, PLAN_SECCOMP, "")->text = plan_filter(spec);
        return p;
}

uint32_t plan_writable(const struct launch_spec *spec, struct init_path ret[INIT_WRITABLE_MAX])
{
        static const char *const always[] = {"/tmp", "/run", "/work", "/dev"};
        uint32_t n = 0;
        if (image_rooted(spec)) { /* what may be written there is the overlay's and the owners' */
                snprintf(ret[n].path, sizeof ret[n].path, "/");
                return 1;
        }
        for (; n < ARRAY_LEN(always); n++)
                snprintf(ret[n].path, sizeof ret[n].path, "%s", always[n]);
        for (uint32_t i = 0; i < spec->n_mounts; i++)
                if (!spec->mounts[i].read_only)
                        snprintf(ret[n++].path, sizeof ret->path, "%s", spec->mounts[i].target);
        return n;
}

void plan_free(struct plan *p)
{
        free(p);
}

const char *plan_kind_text(enum plan_kind kind)
{
        static const char *const names[] = {
                [PLAN_ROOT] = "root",         [PLAN_IMAGE] = "image",
                [PLAN_DIR] = "directory",     [PLAN_FILE] = "file",
                [PLAN_LINK] = "link",         [PLAN_TREE] = "tree",
                [PLAN_VIEW] = "view",         [PLAN_PROC] = "proc",
                [PLAN_PTS] = "devpts",        [PLAN_MASK] = "mask",
                [PLAN_SEAL] = "seal",         [PLAN_PIVOT] = "pivot",
                [PLAN_HOSTNAME] = "hostname", [PLAN_LOOPBACK] = "loopback",
                [PLAN_LIMITS] = "limits",     [PLAN_IDS] = "ids",
                [PLAN_SECCOMP] = "seccomp",   [PLAN_LISTEN] = "listen",
                [PLAN_PLACES] = "places",     [PLAN_PLACE] = "place",
        };
        return names[kind];
}

int plan_print(const struct plan *p, struct buf *out)
{
        for (size_t i = 0; i < p->n; i++) {
                const struct plan_step *s = &p->steps[i];
                int r = buf_addf(out, "%s%s%s%s%s", plan_kind_text(s->kind), *s->path ? " " : "",
                                 s->path, s->text ? " " : "", s->text ? s->text : "");
                if (r == 0 && s->kind == PLAN_DIR)
                        r = buf_addf(out, " %04o%s", s->mode, s->own ? " own" : "");
                if (r == 0 && (s->kind == PLAN_TREE || s->kind == PLAN_IMAGE))
                        r = buf_addf(out, " %d", (int)s->tree);
                if (r == 0 && s->bytes)
                        r = buf_addf(out, " %llu", (unsigned long long)s->bytes);
                if (r == 0 && s->kind == PLAN_LIMITS && s->n)
                        r = buf_addf(out, " %u", s->n);
                if (r == 0)
                        r = buf_adds(out, "\n");
                if (r < 0)
                        return r;
        }
        return 0;
}
