/* sandbox_spec.h - the body of POST /v1/sandboxes: read into what launch takes, kept as JSON, and
 * compared with that of a sandbox of the same name. Every field has a bound; an error names it. */
#pragma once
#include "api/call.h"
#include "api/template.h"
#include "link/launch.h"

struct sandbox_spec {
        struct launch_spec launch;
        char name[NAME_TEXT_MAX + 1];  /* "" none */
        char image[NAME_TEXT_MAX + 1]; /* as it was asked for; launch.image says what lies below */
        struct template template;      /* name "" none */
        bool has_stdin;
        struct buf policy; /* what launch.policy points to */
        int command;       /* memfd; -1 */
};

/* *s is zeroed before; done is called whatever came of it. */
MUST_CHECK int sandbox_spec_read(struct call *c, struct sandbox_spec *s, struct err *err);
void sandbox_spec_done(struct sandbox_spec *s);
/* What is kept: all but the environment, which may hold what nobody should read later. A new
 * reference. */
json_t *sandbox_spec_kept(const struct call *c, const struct sandbox_spec *s);
void sandbox_spec_keep_layers(json_t *kept, const struct launch_spec *s);
/* [{field, running, asked}] of what differs from the kept one; NULL when nothing does. */
json_t *sandbox_spec_difference(const struct call *c, const struct sandbox_spec *s,
                                const json_t *kept);
/* An absolute path as a sandbox sees it: no "..", no control character. */
bool sandbox_path_valid(const char *path);
