#include "api/recipe.h"
#include "base/buf.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "base/str.h"
#include <stdio.h>

#define VENV   "/opt/venv"
#define NPM    "/opt/npm"
#define FORMAT "paddock-layer-1" /* another one when a step's script below changes its meaning */

/* ---- keys ---- */

static void hash_text(struct sha256 *h, const char *s)
{
        sha256_add(h, s, strlen(s) + 1);
}

static void make_key(const struct recipe *r, struct recipe_step *s, const char *below)
{
        struct sha256 h;
        unsigned char digest[SHA256_LEN];
        sha256_init(&h);
        hash_text(&h, FORMAT);
        hash_text(&h, below);
        hash_text(&h, s->script ? s->script : "");
        hash_text(&h, s->target);
        hash_text(&h, s->from);
        for (char *const *e = r->environment; !s->on_host && *e; e++)
                hash_text(&h, *e);
        sha256_add(&h, s->input ? s->input : "", s->input_n);
        sha256_end(&h, digest);
        hex_encode(s->key, digest, sizeof digest);
}

static struct recipe_step *add(struct recipe *r, const char *title)
{
        struct recipe_step *s = &r->steps[r->n++];
        size_t n = utf8_clip(title, strlen(title), sizeof s->title - 1);
        *s = (struct recipe_step){.from = ""};
        memcpy(s->title, title, n);
        for (char *p = s->title; *p; p++)
                if ((unsigned char)*p < 0x20)
                        *p = ' ';
        return s;
}

/* ---- words that go into a script ---- */

/* A package, a suite, a reference: nothing that a shell or a program would read as more. */
static bool is_word(const char *s)
{
        size_t n = strlen(s);
        return n > 0 && n < 256 && *s != '-' &&
               strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                         "@._+-=<>!~^,:/[]") == n;
}

static int add_words(const json_t *items, struct buf *b, struct err *err)
{
        size_t i;
        json_t *item;
        if (json_array_size(items) == 0)
                return err_set(err, -EINVAL, "items: at least one is needed");
        json_array_foreach(items, i, item)
        {
                const char *s = json_string_value(item);
                if (!s || !is_word(s))
                        return err_set(err, -EINVAL, "items[%zu]: not the name of a package", i);
                int r = buf_addf(b, " '%s'", s);
                if (r < 0)
                        return err_set(err, -EINVAL, "items: too many");
        }
        return 0;
}

static const char *mirror(const json_t *j, const char *name, const char *otherwise)
{
        const char *s = json_string_value(json_object_get(json_object_get(j, "mirrors"), name));
        return s && *s ? s : otherwise;
}

/* ---- the kinds of steps ---- */

static int words_step(struct recipe *r, const json_t *step, const char *kind, const char *before,
                      const char *after, struct err *err)
{
        CLEANUP(buf_done) struct buf b, title;
        buf_init(&b, 65536);
        buf_init(&title, 65536);
        int e = buf_adds(&title, kind);
        if (e == 0)
                e = add_words(json_object_get(step, "items"), &title, err);
        if (e == 0)
                e = buf_adds(&b, before);
        if (e == 0)
                e = add_words(json_object_get(step, "items"), &b, err);
        if (e == 0)
                e = buf_adds(&b, after);
        if (e < 0)
                return e;
        struct recipe_step *s = add(r, buf_text(&title));
        s->script = xstrdup(buf_text(&b));
        s->network = true;
        return 0;
}

static int apt_step(struct recipe *r, const json_t *j UNUSED, const json_t *step, struct err *err)
{
        if (r->host)
                return err_set(err, -EINVAL,
                               "apt: not on the image 'host', whose /usr is the host's");
        return words_step(r, step, "apt",
                          "export DEBIAN_FRONTEND=noninteractive\n"
                          "O='-o APT::Sandbox::User=root -o Acquire::Retries=3'\n"
                          "apt-get $O -q update\n"
                          "apt-get $O -q install -y --no-install-recommends",
                          "\nrm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/log/apt "
                          "/var/log/dpkg.log /var/cache/ldconfig/aux-cache\n",
                          err);
}

static int pip_step(struct recipe *r, const json_t *j, const json_t *step, struct err *err)
{
        CLEANUP(buf_done) struct buf b;
        buf_init(&b, 4096);
        const char *index = mirror(j, "pip", "https://pypi.org/simple");
        if (!is_word(index))
                return err_set(err, -EINVAL, "mirrors.pip: not a URL");
        if (buf_addf(&b,
                     "test -x " VENV "/bin/python || python3 -m venv " VENV "\n" VENV
                     "/bin/python -m pip install --no-cache-dir --disable-pip-version-check "
                     "--no-input -q --index-url '%s'",
                     index) < 0)
                return err_set(err, -EINVAL, "mirrors.pip: too long");
        return words_step(r, step, "pip", buf_text(&b), "\n", err);
}

static int npm_step(struct recipe *r, const json_t *j, const json_t *step, struct err *err)
{
        CLEANUP(buf_done) struct buf b;
        buf_init(&b, 4096);
        const char *registry = mirror(j, "npm", "https://registry.npmjs.org/");
        if (!is_word(registry))
                return err_set(err, -EINVAL, "mirrors.npm: not a URL");
        if (buf_addf(&b,
                     "export HOME=/tmp\nnpm install -g --prefix " NPM
                     " --cache /tmp/npm --no-audit --no-fund --no-update-notifier "
                     "--registry '%s'",
                     registry) < 0)
                return err_set(err, -EINVAL, "mirrors.npm: too long");
        return words_step(r, step, "npm", buf_text(&b), "\n", err);
}

static int run_step(struct recipe *r, const json_t *j UNUSED, const json_t *step, struct err *err)
{
        const char *text = json_string_value(json_object_get(step, "text"));
        if (!text || !*text || strlen(text) > 65536)
                return err_set(err, -EINVAL, "run: 1 to 65536 bytes of shell");
        CLEANUP(buf_done) struct buf title;
        buf_init(&title, 70000);
        if (buf_addf(&title, "run %s", text) < 0)
                return -ENOMEM;
        struct recipe_step *s = add(r, buf_text(&title));
        s->script = xstrdup(text);
        s->network = true;
        return 0;
}

static int digit64(char c)
{
        return c >= 'A' && c <= 'Z'   ? c - 'A'
               : c >= 'a' && c <= 'z' ? c - 'a' + 26
               : c >= '0' && c <= '9' ? c - '0' + 52
               : c == '+'             ? 62
               : c == '/'             ? 63
                                      : -1;
}

/* Base 64 without blanks; NULL: it is none. */
static char *decode64(const char *s, size_t *ret_n)
{
        size_t n = strlen(s), out = 0;
        uint32_t bits = 0;
        char *to = xmalloc(n / 4 * 3 + 3);
        while (n > 0 && s[n - 1] == '=')
                n--;
        for (size_t i = 0; i < n; i++) {
                int d = digit64(s[i]);
                if (d < 0) {
                        free(to);
                        return NULL;
                }
                bits = bits << 6 | (uint32_t)d;
                if (i % 4)
                        to[out++] = (char)(bits >> (6 - 2 * (i % 4)));
        }
        *ret_n = out;
        return to;
}

static int copy_step(struct recipe *r, const json_t *j UNUSED, const json_t *step, struct err *err)
{
        const char *target = json_string_value(json_object_get(step, "target"));
        const char *data = json_string_value(json_object_get(step, "data"));
        if (!target || *target != '/' || (target[1] && !str_is_subpath(target + 1)))
                return err_set(err, -EINVAL, "copy.target: not an absolute path");
        if (r->host && (str_starts(target, "/usr/") || str_starts(target, "/etc/")))
                return err_set(err, -EINVAL, "copy.target: '%.64s' is the host's", target);
        char title[200];
        snprintf(title, sizeof title, "copy to %.100s", target);
        size_t n = 0;
        char *input = data ? decode64(data, &n) : NULL;
        if (!input)
                return err_set(err, -EINVAL, "copy.data: not base 64");
        struct recipe_step *s = add(r, title);
        s->input = input;
        s->input_n = n;
        snprintf(s->target, sizeof s->target, "%s", target);
        return 0;
}

/* ---- from ---- */

int recipe_from(const json_t *j, struct recipe *ret, struct err *err)
{
        const char *from = json_string_value(json_object_get(j, "from"));
        from = from ? from : "host";
        if (str_eq(from, "host"))
                ret->host = true;
        else if (str_starts(from, "image:") && str_is_name(from + 6))
                snprintf(ret->base, sizeof ret->base, "%s", from + 6);
        else if (!(str_starts(from, "debian:") && str_is_name(from + 7)) &&
                 !(str_starts(from, "oci:") && is_word(from + 4)))
                return err_set(err, -EINVAL,
                               "from: expected host, debian:SUITE, image:NAME or oci:REFERENCE");
        return 0;
}

/* The root of the namespace has the capabilities of installing, no mount and no mknod: those steps
 * are skipped. Whoever the command runs as has to have a name. */
static const char debian_script[] =
        "which mmdebstrap >/dev/null || { echo 'the host has no mmdebstrap (apt install "
        "mmdebstrap)' >&2; exit 1; }\n"
        "mmdebstrap --mode=root --variant=minbase --format=directory "
        "--keyring=/usr/share/keyrings/debian-archive-keyring.gpg "
        "--skip=check/canmount,check/qemu,chroot/mount,output/dev,output/mknod "
        "--aptopt='APT::Sandbox::User \"root\"' --aptopt='Acquire::Retries \"3\"' "
        "--dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' "
        "--dpkgopt='path-exclude=/usr/share/locale/*' "
        "--customize-hook='echo user:x:1000:1000:user:/work:/bin/sh >> \"$1/etc/passwd\"; "
        "echo user:x:1000: >> \"$1/etc/group\"; rm -f \"$1/etc/resolv.conf\" "
        "\"$1/etc/hostname\" \"$1/etc/apt/apt.conf.d/99mmdebstrap\"; rm -rf \"$1\"/dev/*' ";

static int debian_step(struct recipe *r, const json_t *j, const char *suite, struct err *err)
{
        char title[100];
        const char *main = mirror(j, "debian", "http://deb.debian.org/debian");
        const char *security = mirror(j, "security", "");
        if (!is_word(main) || (*security && !is_word(security)))
                return err_set(err, -EINVAL, "mirrors.debian: not a URL");
        snprintf(title, sizeof title, "from debian %s", suite);
        struct recipe_step *s = add(r, title);
        auto_free char *more =
                *security ? xasprintf(" 'deb %s %s-security main'", security, suite) : xstrdup("");
        s->script = xasprintf("%s'%s' /target 'deb %s %s main' 'deb %s %s-updates main'%s\n",
                              debian_script, suite, main, suite, main, suite, more);
        s->from = "target";
        s->network = s->on_host = true;
        return 0;
}

static int oci_step(struct recipe *r, const char *ref)
{
        char title[300];
        snprintf(title, sizeof title, "from %s", ref);
        struct recipe_step *s = add(r, title);
        s->script = xasprintf(
                "which skopeo umoci >/dev/null || { echo 'the host has no skopeo and umoci (apt "
                "install skopeo umoci)' >&2; exit 1; }\nexport HOME=/tmp "
                "SSL_CERT_FILE=/.paddock/ca.crt\n"
                "skopeo --insecure-policy --tmpdir /tmp copy '%s' oci:/tmp/image:it\n"
                "umoci raw unpack --rootless --image /tmp/image:it /target\n"
                "grep -q '^[^:]*:[^:]*:1000:' /target/etc/passwd 2>/dev/null || { mkdir -p "
                "/target/etc; "
                "echo user:x:1000:1000:user:/work:/bin/sh >> /target/etc/passwd; }\n",
                ref);
        s->from = "target";
        s->network = s->on_host = true;
        return 0;
}

static int base_step(struct recipe *r, const json_t *j, struct err *err)
{
        const char *from = json_string_value(json_object_get(j, "from"));
        if (r->host || r->base[0])
                return 0;
        return str_starts(from, "oci:") ? oci_step(r, from + 4) : debian_step(r, j, from + 7, err);
}

/* ---- all of it ---- */

static int one_step(struct recipe *r, const json_t *j, const json_t *step, struct err *err)
{
        static const struct {
                const char *kind;
                int (*fn)(struct recipe *r, const json_t *j, const json_t *step, struct err *err);
        } kinds[] = {{"apt", apt_step},
                     {"pip", pip_step},
                     {"npm", npm_step},
                     {"run", run_step},
                     {"copy", copy_step}};
        const char *kind = json_string_value(json_object_get(step, "kind"));
        for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
                if (kind && str_eq(kind, kinds[i].kind))
                        return kinds[i].fn(r, j, step, err);
        return err_set(err, -EINVAL, "kind: expected apt, pip, npm, run or copy");
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
                snprintf(path, sizeof path,
                         "%s%s/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:"
                         "/sbin:/bin",
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

/* The hosts of the mirrors, and those that they send one to. */
static int plan_policy(const json_t *j, struct recipe *r, struct err *err)
{
        const char *key;
        json_t *value;
        size_t n = 0;
        json_object_foreach(json_object_get(j, "mirrors"), key, value)
        {
                const char *s = json_string_value(value), *at = s ? strstr(s, "://") : NULL;
                size_t len = at ? strcspn(at + 3, "/?#@") : 0;
                if (!at || !len || len > 255 || !is_word(s) || at[3 + len] == '@')
                        return err_set(err, -EINVAL, "mirrors.%.32s: not a URL", key);
                n += (size_t)snprintf(r->policy + n, sizeof r->policy - n, "allow %.*s\n", (int)len,
                                      at + 3);
                if (len == 8 && strncmp(at + 3, "pypi.org", 8) == 0)
                        n += (size_t)snprintf(r->policy + n, sizeof r->policy - n,
                                              "allow files.pythonhosted.org\n");
                if (n > sizeof r->policy - 600)
                        return err_set(err, -EINVAL, "mirrors: too many");
        }
        const char *from = json_string_value(json_object_get(j, "from"));
        const char *registry = from && str_starts(from, "oci:docker://") ? from + 13 : NULL;
        if (registry)
                snprintf(r->policy + n, sizeof r->policy - n, "allow %.*s\n",
                         (int)strcspn(registry, "/"), registry);
        return 0;
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
        e = plan_env(j, r, err);
        return e < 0 ? e : plan_policy(j, r, err);
}

int recipe_plan(const json_t *j, bool rootful, struct recipe *r, struct err *err)
{
        size_t i;
        json_t *step;
        const char *from = json_string_value(json_object_get(j, "from"));
        const json_t *steps = json_object_get(j, "steps");
        if (!rootful && from && str_starts(from, "debian:"))
                return err_set(err, -ENOTSUP,
                               "from: Debian needs a range of ids, and this server has a single "
                               "one: run it as root, or import an image that was built elsewhere");
        if (!rootful && has_kind(j, "apt"))
                return err_set(err, -ENOTSUP,
                               "apt: packages need a range of ids, and this server has a single "
                               "one: run it as root, or import an image that was built elsewhere");
        if (json_array_size(steps) >= RECIPE_STEPS_MAX)
                return err_set(err, -EINVAL, "steps: more than %d", RECIPE_STEPS_MAX - 1);
        int e = plan_meta(j, r, err);
        if (e == 0)
                e = base_step(r, j, err);
        if (e < 0)
                return e;
        json_array_foreach(steps, i, step)
        {
                e = one_step(r, j, step, err);
                if (e < 0)
                        return err_wrap(err, e, "steps[%zu]", i);
        }
        const char *below = r->base[0] ? r->base_key : r->host ? "host" : "";
        for (i = 0; i < r->n; i++) {
                make_key(r, &r->steps[i], below);
                below = r->steps[i].key;
        }
        return 0;
}

void recipe_import(struct recipe *r, const char *id, bool oci)
{
        struct recipe_step *s = add(r, "import");
        snprintf(s->target, sizeof s->target, "/target");
        s->from = "target";
        s->on_host = true;
        r->env = json_pack("{s:s}", "PATH",
                           "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:"
                           "/sbin:/bin");
        r->entrypoint = json_array();
        r->environment[0] = xstrdup("PATH=/usr/bin:/bin");
        r->environment[1] = xstrdup("HOME=/tmp");
        if (oci) {
                snprintf(s->target, sizeof s->target, "/in");
                s->from = "";
                s->passing = true;
        }
        make_key(r, s, id);
        if (!oci)
                return;
        s = add(r, "layers of the OCI image");
        s->script = xstrdup(
                "which skopeo umoci >/dev/null || { echo 'the host has no skopeo and umoci (apt "
                "install skopeo umoci)' >&2; exit 1; }\n"
                "test -f /in/oci-layout || { echo 'this is no OCI layout (skopeo copy SOURCE "
                "oci-archive:FILE makes one)' >&2; exit 1; }\n"
                "skopeo --insecure-policy --tmpdir /tmp copy oci:/in oci:/tmp/image:it\n"
                "umoci raw unpack --rootless --image /tmp/image:it /target\n");
        s->from = "target";
        s->on_host = true;
        make_key(r, s, id);
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
