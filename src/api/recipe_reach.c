/* recipe_reach.c - what a build reaches: the hosts that the operator's configuration names, and of
 * those what the recipe wants. A recipe comes from a member: it chooses, and never adds. */
#include "api/recipe_impl.h"
#include "base/buf.h"
#include "base/str.h"
#include <stdio.h>

#define HOSTS_MAX 64

struct hosts {
        size_t n;
        char text[HOSTS_MAX][264]; /* "HOST" or "HOST:PORT", as vault reads it */
};

static const char *const names[MIRRORS] = {"debian", "security", "pip", "npm"};

static int index_of(const char *name, size_t n)
{
        for (int i = 0; i < MIRRORS; i++)
                if (strlen(names[i]) == n && strncmp(names[i], name, n) == 0)
                        return i;
        return -1;
}

/* The host of a URL, with its port; no user, nothing that a shell would read. */
static int host_of(const char *url, char *ret, size_t size)
{
        const char *at = strstr(url, "://");
        size_t n = at ? strcspn(at + 3, "/?#@") : 0;
        if (!at || n == 0 || n >= size || at[3 + n] == '@' || !recipe_is_word(url))
                return -EINVAL;
        snprintf(ret, size, "%.*s", (int)n, at + 3);
        return 0;
}

/* "HOST:PORT" in two; a port of the web is none: without one a rule is for those. */
static const char *split(const char *text, char *host, size_t size)
{
        const char *colon = strrchr(text, ':');
        if (colon && strchr(colon, ']'))
                colon = NULL; /* of an IPv6 address */
        snprintf(host, size, "%.*s", colon ? (int)(colon - text) : (int)strlen(text), text);
        const char *port = colon ? colon + 1 : "";
        return str_eq(port, "80") || str_eq(port, "443") ? "" : port;
}

/* As in vault, '*' and '*.DOMAIN' stand for names: an address is allowed by being written out. */
static bool is_address(const char *host)
{
        return *host == '[' || host[strspn(host, "0123456789.")] == 0;
}

static bool covers(const char *rule, const char *item)
{
        char a[264], b[264];
        const char *rule_port = split(rule, a, sizeof a), *port = split(item, b, sizeof b);
        size_t n = strlen(a), m = strlen(b);
        if (!str_eq(rule_port, "*") && !str_eq(rule_port, port))
                return false;
        if (strcasecmp(a, b) == 0)
                return true;
        return a[0] == '*' && !is_address(b) &&
               (n == 1 || (a[1] == '.' && m > n - 1 && strcasecmp(a + 1, b + m - (n - 1)) == 0));
}

static bool has(const struct hosts *h, const char *item)
{
        for (size_t i = 0; i < h->n; i++)
                if (covers(h->text[i], item))
                        return true;
        return false;
}

static int add_host(struct hosts *h, const char *text, struct err *err)
{
        if (h->n == HOSTS_MAX)
                return err_set(err, -EINVAL, "build.allow: more than %d hosts", HOSTS_MAX);
        snprintf(h->text[h->n++], sizeof h->text[0], "%s", text);
        return 0;
}

/* ---- the operator's ---- */

static int add_mirror(struct recipe *r, struct hosts *h, const char *item, size_t n,
                      struct err *err)
{
        char text[512], host[256];
        size_t name = strcspn(item, "=");
        int which = name < n ? index_of(item, name) : -1;
        snprintf(text, sizeof text, "%.*s", which < 0 ? 0 : (int)(n - name - 1), item + name + 1);
        if (which < 0 || host_of(text, host, sizeof host) < 0)
                return err_set(err, -EINVAL, "build.mirrors: '%.*s' is no NAME=URL",
                               n > 64 ? 64 : (int)n, item);
        snprintf(r->mirrors[which], sizeof r->mirrors[which], "%s", text);
        int e = has(h, host) ? 0 : add_host(h, host, err);
        /* The index there names another host for the files. */
        if (e == 0 && str_eq(host, "pypi.org"))
                e = add_host(h, "files.pythonhosted.org", err);
        return e;
}

static int operators(struct recipe *r, const struct recipe_site *site, struct hosts *h,
                     struct err *err)
{
        int e = 0;
        for (const char *p = site->mirrors; *p && e == 0;) {
                size_t n = strcspn(p, ",");
                e = add_mirror(r, h, p, n, err);
                p += n + (p[n] == ',');
        }
        for (const char *p = site->allow; *p && e == 0;) {
                char text[264];
                size_t n = strcspn(p, ",");
                snprintf(text, sizeof text, "%.*s", (int)n, p);
                if (!recipe_is_word(text) && *text != '*')
                        return err_set(err, -EINVAL, "build.allow: '%.64s' is no host", text);
                e = add_host(h, text, err);
                p += n + (p[n] == ',');
        }
        return e;
}

/* ---- the recipe's ---- */

static int refuse(struct err *err, const char *field, const char *host)
{
        return err_set(err, -EPERM,
                       "%.64s: builds may not reach '%.128s'; whoever runs this server can allow "
                       "it (build.allow)",
                       field, host);
}

static int choose_mirrors(struct recipe *r, const json_t *j, const struct hosts *h, struct err *err)
{
        const char *key;
        json_t *value;
        json_object_foreach(json_object_get(j, "mirrors"), key, value)
        {
                char host[256], field[48];
                const char *url = json_string_value(value);
                int which = index_of(key, strlen(key));
                if (which < 0)
                        return err_set(err, -EINVAL, "mirrors: '%.32s' is none", key);
                if (!url || strlen(url) >= sizeof r->mirrors[which] ||
                    host_of(url, host, sizeof host) < 0)
                        return err_set(err, -EINVAL, "mirrors.%.32s: not a URL", key);
                snprintf(field, sizeof field, "mirrors.%s", key);
                if (!has(h, host))
                        return refuse(err, field, host);
                snprintf(r->mirrors[which], sizeof r->mirrors[which], "%s", url);
        }
        return 0;
}

static int check_registry(const json_t *j, const struct hosts *h, struct err *err)
{
        char host[256];
        const char *from = json_string_value(json_object_get(j, "from"));
        if (!from || !str_starts(from, "oci:docker://"))
                return 0;
        snprintf(host, sizeof host, "%.*s", (int)strcspn(from + 13, "/"), from + 13);
        return has(h, host) ? 0 : refuse(err, "from", host);
}

static int write_policy(struct recipe *r, const json_t *wanted, const struct hosts *h,
                        struct err *err)
{
        size_t n = 0, i;
        json_t *item;
        if (!wanted) {
                for (i = 0; i < h->n && n < sizeof r->policy; i++)
                        n += (size_t)snprintf(r->policy + n, sizeof r->policy - n, "allow %s\n",
                                              h->text[i]);
        }
        json_array_foreach((json_t *)wanted, i, item)
        {
                const char *host = json_string_value(item);
                if (!host || strlen(host) > 255 || !recipe_is_word(host))
                        return err_set(err, -EINVAL, "reach[%zu]: not a host", i);
                if (!has(h, host))
                        return refuse(err, "reach", host);
                if (n < sizeof r->policy)
                        n += (size_t)snprintf(r->policy + n, sizeof r->policy - n, "allow %s\n",
                                              host);
        }
        return n < sizeof r->policy ? 0 : err_set(err, -EINVAL, "reach: too many hosts");
}

int recipe_reach(struct recipe *r, const json_t *j, const struct recipe_site *site, struct err *err)
{
        struct hosts h = {.n = 0};
        int e = operators(r, site, &h, err);
        if (e == 0)
                e = choose_mirrors(r, j, &h, err);
        if (e == 0)
                e = check_registry(j, &h, err);
        return e < 0 ? e : write_policy(r, json_object_get(j, "reach"), &h, err);
}
