/* recipe_steps.c - the kinds of steps: what a line of a recipe makes a build do. */
#include "api/recipe_impl.h"
#include "base/buf.h"
#include "base/mem.h"
#include "base/str.h"
#include <stdio.h>

struct recipe_step *recipe_add(struct recipe *r, const char *title)
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

bool recipe_is_word(const char *s)
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
                if (!s || !recipe_is_word(s))
                        return err_set(err, -EINVAL, "items[%zu]: not the name of a package", i);
                int r = buf_addf(b, " '%s'", s);
                if (r < 0)
                        return err_set(err, -EINVAL, "items: too many");
        }
        return 0;
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
        struct recipe_step *s = recipe_add(r, buf_text(&title));
        s->script = xstrdup(buf_text(&b));
        s->network = true;
        return 0;
}

static int apt_step(struct recipe *r, const json_t *step, struct err *err)
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

static int pip_step(struct recipe *r, const json_t *step, struct err *err)
{
        CLEANUP(buf_done) struct buf b;
        buf_init(&b, 4096);
        const char *index = r->mirrors[MIRROR_PIP];
        if (!*index)
                return err_set(err, -EPERM,
                               "pip: builds here have no mirror of it (build.mirrors)");
        if (buf_addf(&b,
                     "test -x " VENV "/bin/python || python3 -m venv " VENV "\n" VENV
                     "/bin/python -m pip install --no-cache-dir --disable-pip-version-check "
                     "--no-input -q --index-url '%s'",
                     index) < 0)
                return err_set(err, -EINVAL, "mirrors.pip: too long");
        return words_step(r, step, "pip", buf_text(&b), "\n", err);
}

static int npm_step(struct recipe *r, const json_t *step, struct err *err)
{
        CLEANUP(buf_done) struct buf b;
        buf_init(&b, 4096);
        const char *registry = r->mirrors[MIRROR_NPM];
        if (!*registry)
                return err_set(err, -EPERM,
                               "npm: builds here have no mirror of it (build.mirrors)");
        if (buf_addf(&b,
                     "export HOME=/tmp\nnpm install -g --prefix " NPM
                     " --cache /tmp/npm --no-audit --no-fund --no-update-notifier "
                     "--registry '%s'",
                     registry) < 0)
                return err_set(err, -EINVAL, "mirrors.npm: too long");
        return words_step(r, step, "npm", buf_text(&b), "\n", err);
}

static int run_step(struct recipe *r, const json_t *step, struct err *err)
{
        const char *text = json_string_value(json_object_get(step, "text"));
        if (!text || !*text || strlen(text) > 65536)
                return err_set(err, -EINVAL, "run: 1 to 65536 bytes of shell");
        CLEANUP(buf_done) struct buf title;
        buf_init(&title, 70000);
        if (buf_addf(&title, "run %s", text) < 0)
                return -ENOMEM;
        struct recipe_step *s = recipe_add(r, buf_text(&title));
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

static int copy_step(struct recipe *r, const json_t *step, struct err *err)
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
        struct recipe_step *s = recipe_add(r, title);
        s->input = input;
        s->input_n = n;
        snprintf(s->target, sizeof s->target, "%s", target);
        return 0;
}

/* ---- one of them ---- */

int recipe_step_plan(struct recipe *r, const json_t *step, struct err *err)
{
        static const struct {
                const char *kind;
                int (*fn)(struct recipe *r, const json_t *step, struct err *err);
        } kinds[] = {{"apt", apt_step},
                     {"pip", pip_step},
                     {"npm", npm_step},
                     {"run", run_step},
                     {"copy", copy_step}};
        const char *kind = json_string_value(json_object_get(step, "kind"));
        for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
                if (kind && str_eq(kind, kinds[i].kind))
                        return kinds[i].fn(r, step, err);
        return err_set(err, -EINVAL, "kind: expected apt, pip, npm, run or copy");
}
