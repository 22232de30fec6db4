#include "api/recipe_impl.h"
#include "base/buf.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "base/str.h"
#include <stdio.h>

#define FORMAT "paddock-layer-1" /* another one when a step's script below changes its meaning */

/* ---- keys ---- */

static void hash_text(struct sha256 *h, const char *s)
{
        sha256_add(h, s, strlen(s) + 1);
}

/* Layers are shared: what a recipe keeps a step from reaching is part of what the step is, or who
 * asks for less would leave it to others. */
static void make_key(const struct recipe *r, struct recipe_step *s, const char *below,
                     const char *reach)
{
        struct sha256 h;
        unsigned char digest[SHA256_LEN];
        sha256_init(&h);
        hash_text(&h, FORMAT);
        hash_text(&h, below);
        hash_text(&h, s->script ? s->script : "");
        hash_text(&h, s->target);
        hash_text(&h, s->from);
        if (reach) {
                hash_text(&h, "reach");
                hash_text(&h, reach);
        }
        for (char *const *e = r->environment; !s->on_host && *e; e++)
                hash_text(&h, *e);
        sha256_add(&h, s->input ? s->input : "", s->input_n);
        sha256_end(&h, digest);
        hex_encode(s->key, digest, sizeof digest);
}

static bool has_kind(const json_t *j, const char *kind)
{
        size_t i;
        json_t *step;
        json_array_foreach(json_object_get(j, "steps"), i, step)
        {
                const char *k = json_string_value(json_object_get(step, "kind"));
                if (k && str_eq(k, kind))
                        return true;
        }
        return false;
}

static int add_env(struct recipe *r, size_t *n, char *text, struct err *err)
{
        if (*n + 1 >= ARRAY_LEN(r->environment)) {
                free(text);
                return err_set(err, -EINVAL, "env: more than %zu", ARRAY_LEN(r->environment) - 14);
        }
        r->environment[(*n)++] = text;
        return 0;
}

/* What a step sees, and what a sandbox of the image sees: PATH with what pip and npm brought. */
static int plan_env(const json_t *j, struct recipe *r, struct err *err)
{
        static const char *const ca[] = {"SSL_CERT_FILE",      "PIP_CERT",
                                         "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS",
                                         "CURL_CA_BUNDLE",     "GIT_SSL_CAINFO"};
        static const char *const proxies[] = {"http_proxy", "https_proxy", "HTTP_PROXY",
                                              "HTTPS_PROXY"};
        size_t n = 0;
        const char *key;
        json_t *value;
        r->env = json_deep_copy(json_object_get(j, "env"));
        if (!r->env)
                r->env = json_object();
        if (!json_object_get(r->env, "PATH")) {
                char path[200];
                snprintf(path, sizeof path, "%s%s" RECIPE_PATH,
                         has_kind(j, "pip") ? VENV "/bin:" : "",
                         has_kind(j, "npm") ? NPM "/bin:" : "");
                json_object_set_new(r->env, "PATH", json_string(path));
        }
        int e = add_env(r, &n, xstrdup("HOME=/root"), err);
        for (size_t i = 0; i < ARRAY_LEN(ca) && e == 0; i++)
                e = add_env(r, &n, xasprintf("%s=/.paddock/ca.crt", ca[i]), err);
        for (size_t i = 0; i < ARRAY_LEN(proxies) && e == 0; i++)
                e = add_env(r, &n, xasprintf("%s=http://127.0.0.1:3128", proxies[i]), err);
        json_object_foreach(r->env, key, value)
        {
                if (!*key || strchr(key, '=') || !json_is_string(value))
                        return err_set(err, -EINVAL, "env: '%.64s' is no variable", key);
                e = e < 0 ? e
                          : add_env(r, &n, xasprintf("%s=%s", key, json_string_value(value)), err);
        }
        return e;
}

static int plan_meta(const json_t *j, struct recipe *r, struct err *err)
{
        int e = json_read_str(j, "workdir", JSON_OPTIONAL, r->workdir, sizeof r->workdir, err);
        if (e < 0)
                return e;
        if (r->workdir[0] &&
            (r->workdir[0] != '/' || (r->workdir[1] && !str_is_subpath(r->workdir + 1))))
                return err_set(err, -EINVAL, "workdir: not an absolute path");
        r->entrypoint = json_deep_copy(json_object_get(j, "entrypoint"));
        if (!r->entrypoint)
                r->entrypoint = json_array();
        return plan_env(j, r, err);
}

int recipe_plan(const json_t *j, const struct recipe_site *site, struct recipe *r, struct err *err)
{
        size_t i;
        json_t *step;
        const char *from = json_string_value(json_object_get(j, "from"));
        const json_t *steps = json_object_get(j, "steps");
        const char *usr = *site->usr ? site->usr : "host";
        if (!site->rootful && from && str_starts(from, "debian:"))
                return err_set(err, -ENOTSUP,
                               "from: Debian needs a range of ids, and this server has a single "
                               "one: run it as root, or import an image that was built elsewhere");
        if (!site->rootful && has_kind(j, "apt"))
                return err_set(err, -ENOTSUP,
                               "apt: packages need a range of ids, and this server has a single "
                               "one: run it as root, or import an image that was built elsewhere");
        if (json_array_size(steps) >= RECIPE_STEPS_MAX)
                return err_set(err, -EINVAL, "steps: more than %d", RECIPE_STEPS_MAX - 1);
        int e = plan_meta(j, r, err);
        if (e == 0)
                e = recipe_reach(r, j, site, err);
        if (e == 0)
                e = recipe_base_step(r, j, err);
        if (e < 0)
                return e;
        json_array_foreach(steps, i, step)
        {
                e = recipe_step_plan(r, step, err);
                if (e < 0)
                        return err_wrap(err, e, "steps[%zu]", i);
        }
        const char *below = r->base[0] ? r->base_key : r->host ? usr : "";
        for (i = 0; i < r->n; i++) {
                make_key(r, &r->steps[i], below, json_object_get(j, "reach") ? r->policy : NULL);
                if (!r->steps[i].no_layer)
                        below = r->steps[i].key;
        }
        return 0;
}

void recipe_import(struct recipe *r, const char *id, bool oci)
{
        struct recipe_step *s = recipe_add(r, "import");
        snprintf(s->target, sizeof s->target, "/target");
        s->from = "target";
        s->on_host = true;
        r->env = json_pack("{s:s}", "PATH", RECIPE_PATH);
        r->entrypoint = json_array();
        r->environment[0] = xstrdup("PATH=/usr/bin:/bin");
        r->environment[1] = xstrdup("HOME=/tmp");
        if (oci) {
                snprintf(s->target, sizeof s->target, "/in");
                s->from = "";
                s->passing = true;
        }
        make_key(r, s, id, NULL);
        if (!oci)
                return;
        s = recipe_add(r, "layers of the OCI image");
        s->script = xstrdup(
                "which skopeo umoci >/dev/null || { echo 'the host has no skopeo and umoci (apt "
                "install skopeo umoci)' >&2; exit 1; }\n"
                "test -f /in/oci-layout || { echo 'this is no OCI layout (skopeo copy SOURCE "
                "oci-archive:FILE makes one)' >&2; exit 1; }\n"
                "skopeo --insecure-policy --tmpdir /tmp copy oci:/in oci:/tmp/image:it >&2\n"
                "umoci raw unpack --rootless --image /tmp/image:it /target >&2\n"
                "skopeo --tmpdir /tmp inspect --config oci:/tmp/image:it\n");
        s->from = "target";
        s->on_host = s->tells = true;
        make_key(r, s, id, NULL);
}

void recipe_done(struct recipe *r)
{
        for (size_t i = 0; i < r->n; i++) {
                free(r->steps[i].script);
                free(r->steps[i].input);
        }
        for (char **e = r->environment; *e; e++)
                free(*e);
        json_decref(r->env);
        json_decref(r->entrypoint);
}
