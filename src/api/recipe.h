/* recipe.h - a recipe as what has to be done: its steps, each with the key of the layer that it
 * makes. Pure: the same recipe gives the same keys, so that a layer is made once for all.
 *
 *     {from, steps: [{kind, items | text | target, data}], env, workdir, entrypoint, mirrors,
 *      reach}
 *
 * from: "host"; "debian:SUITE"; "image:NAME"; "oci:REFERENCE" (what skopeo takes, "docker://…").
 * mirrors {debian, security, pip, npm: URL} and reach [HOST[:PORT]] choose among the hosts that the
 * operator's configuration allows; reach leaves out all others. They never add one.
 * The key of a step is the SHA-256 of the key below, its kind and its inputs.
 */
#pragma once
#include "base/json.h"
#include "base/limits.h"

#define RECIPE_STEPS_MAX BOX_LAYERS_MAX
#define RECIPE_PATH      "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

struct recipe_step {
        char title[128]; /* one line for the log */
        char key[65];
        char *script; /* for /bin/sh -ec; NULL: unpack of `input` at `target` */
        char *input;  /* bytes for its stdin, or NULL */
        size_t input_n;
        char target[PATH_TEXT_MAX + 1];
        const char *from; /* the directory that becomes the layer; "" all that was written */
        bool network;
        bool on_host; /* runs on the image "host", not on what is there so far */
        bool passing; /* its layer is for the next step only, not of the image */
        bool tells;   /* its output is the configuration of an OCI image; it is never found again */
        bool no_layer;
};

enum recipe_mirror { MIRROR_DEBIAN, MIRROR_SECURITY, MIRROR_PIP, MIRROR_NPM, MIRRORS };

/* What the operator's side says: of the configuration and the host, never of a request. */
struct recipe_site {
        bool rootful;        /* whether apt and Debian can be had */
        const char *mirrors; /* "NAME=URL,...": where packages come from */
        const char *usr;     /* says which /usr the host has: a key below the layers of `host` */
        const char *allow;   /* "HOST[:PORT],...": what a build may reach besides */
};

struct recipe {
        char base[NAME_TEXT_MAX + 1]; /* name of another image; "" none */
        bool host;                    /* the result is of the host's /usr */
        char base_key[65];            /* set by the caller before recipe_plan when base is */
        struct recipe_step steps[RECIPE_STEPS_MAX];
        size_t n;
        json_t *env, *entrypoint; /* new references */
        char workdir[PATH_TEXT_MAX + 1];
        char mirrors[MIRRORS][512]; /* URLs; "" none */
        char policy[4096];          /* for vault */
        char *environment[32];      /* of every step: NAME=value; ends with NULL */
};

/* What it begins with, before anything else: base and host. */
MUST_CHECK int recipe_from(const json_t *j, struct recipe *ret, struct err *err);
/* -EINVAL with the step's number; -EPERM: a host that builds may not reach. */
MUST_CHECK int recipe_plan(const json_t *j, const struct recipe_site *site, struct recipe *r,
                           struct err *err);
/* The steps of an import, the archive being the input of the first; keys that no other has. */
void recipe_import(struct recipe *r, const char *id, bool oci);
void recipe_done(struct recipe *r);
