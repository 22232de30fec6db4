/* plan_impl.h - what the files of a plan share: plan.c, and plan_runsc.c for the other driver. */
#pragma once
#include "box/plan.h"

struct plan_step *plan_add(struct plan *p, enum plan_kind kind, const char *path);
/* A text of the plan's own. */
const char *plan_keep_text(struct plan *p, const char *s, size_t n);
void plan_add_dir(struct plan *p, const char *path, uint32_t mode, bool own);
void plan_add_link(struct plan *p, const char *path, const char *target);
void plan_add_tree(struct plan *p, const char *path, enum plan_tree tree);
void plan_add_view(struct plan *p, const char *path, const char *dir);
/* The directories of a mount point, from the top. */
void plan_add_target(struct plan *p, const char *target);
/* plan_runsc.c */
void plan_runsc(struct plan *p, const struct launch_spec *spec, const struct plan_facts *f);
