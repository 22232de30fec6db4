#include "role/routes.h"
#include "base/mem.h"
#include "base/str.h"
#include <stdio.h>

/* What clients of today send: ../docs/vault.md, "Routes". */
static const char *const builtin[] = {
        "anthropic upstream=https://api.anthropic.com secret=anthropic as=header:x-api-key "
        "allow=POST:/v1/messages|POST:/v1/messages/count_tokens|GET:/v1/models|GET:/v1/models/*|"
        "GET+HEAD:/api/hello redirect=refuse meter=anthropic body_max=32M "
        "env=ANTHROPIC_BASE_URL=@|ANTHROPIC_API_KEY=paddock|"
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1",
        "openai upstream=https://api.openai.com secret=openai as=bearer "
        "allow=POST:/v1/chat/completions|POST:/v1/completions|POST:/v1/responses|"
        "POST:/v1/embeddings|POST:/v1/moderations|POST:/v1/audio/*|POST:/v1/images/generations|"
        "GET:/v1/models|GET:/v1/models/* redirect=refuse meter=openai body_max=64M "
        "env=OPENAI_BASE_URL=@/v1|OPENAI_API_KEY=paddock",
        "github upstream=https://github.com secret=github as=basic:x-access-token "
        "allow=GET:{repo}/info/refs|POST:{repo}/git-upload-pack|POST:{repo}/git-receive-pack|"
        "POST:{repo}/info/lfs/objects/batch redirect=pass body_max=2G "
        "env=GIT_CONFIG_COUNT=1|GIT_CONFIG_KEY_0=url.@/.insteadOf|"
        "GIT_CONFIG_VALUE_0=https://github.com/",
        "github-api upstream=https://api.github.com secret=github-api as=bearer "
        "allow=GET+HEAD+POST+PUT+PATCH+DELETE:/repos{repo}|"
        "GET+HEAD+POST+PUT+PATCH+DELETE:/repos{repo}/* redirect=pass body_max=64M "
        "env=GITHUB_API_URL=@",
        "huggingface upstream=https://huggingface.co secret=huggingface as=bearer "
        "allow=GET+HEAD:/*|POST:/api/*|PUT:/api/*|DELETE:/api/*|POST:/*/info/lfs/objects/batch "
        "redirect=follow encoded_slash=yes body_max=8G "
        "hosts=*.hf.co|*.huggingface.co env=HF_ENDPOINT=@|HF_HUB_DISABLE_XET=1",
        "pypi upstream=https://pypi.org allow=GET+HEAD:/simple/*|GET+HEAD:/pypi/* redirect=pass "
        "hosts=files.pythonhosted.org env=PIP_INDEX_URL=@/simple",
        "npm upstream=https://registry.npmjs.org allow=GET+HEAD:/* encoded_slash=yes redirect=pass "
        "env=npm_config_registry=@/",
        "debian upstream=http://deb.debian.org "
        "allow=GET+HEAD:/debian/*|GET+HEAD:/debian-security/* "
        "redirect=pass",
};

static struct route *find(struct routes *r, const char *name)
{
        for (size_t i = 0; i < r->n; i++)
                if (str_eq(r->list[i].name, name))
                        return &r->list[i];
        return NULL;
}

const struct route *routes_find(const struct routes *r, const char *name)
{
        return find((struct routes *)r, name);
}

/* ---- keys ---- */

static int set_upstream(struct route *t, const char *text)
{
        const char *rest = str_starts(text, "https://")  ? text + 8
                           : str_starts(text, "http://") ? text + 7
                                                         : NULL;
        uint64_t port;
        if (!rest)
                return -EINVAL;
        t->tls = text[4] == 's';
        port = t->tls ? 443 : 80;
        size_t n = strcspn(rest, ":/");
        const char *base = rest + strcspn(rest, "/");
        if (n == 0 || n >= sizeof t->host || strpbrk(rest, "@?#"))
                return -EINVAL;
        if (rest[n] == ':') {
                char digits[8];
                snprintf(digits, sizeof digits, "%.*s", (int)(base - rest - (long)n - 1),
                         rest + n + 1);
                if (str_to_u64(digits, &port) < 0 || port < 1 || port > 65535)
                        return -EINVAL;
        }
        snprintf(t->host, sizeof t->host, "%.*s", (int)n, rest);
        for (char *c = t->host; *c; c++)
                *c = *c >= 'A' && *c <= 'Z' ? (char)(*c | 0x20) : *c;
        t->port = (uint16_t)port;
        n = strlen(base);
        if (n >= sizeof t->base)
                return -EINVAL;
        snprintf(t->base, sizeof t->base, "%.*s", (int)(n - (n && base[n - 1] == '/')), base);
        return 0;
}

static int set_usd(uint64_t *to, const char *text)
{
        char *end;
        double v = strtod(text, &end);
        if (end == text || *end || !(v >= 0 && v < 1e9))
                return -EINVAL;
        *to = (uint64_t)(v * 1e6 + 0.5);
        return 0;
}

static int set_choice(unsigned *to, const char *text, const char *const *choices)
{
        for (unsigned i = 0; choices[i]; i++)
                if (str_eq(choices[i], text)) {
                        *to = i;
                        return 0;
                }
        return -EINVAL;
}

static int set_text(struct route *t, const char *key, const char *value, bool *ret_known)
{
        const struct {
                const char *key;
                char *to;
                size_t size;
        } texts[] = {{"secret", t->secret, sizeof t->secret},
                     {"as", t->form, sizeof t->form},
                     {"allow", t->allow, sizeof t->allow},
                     {"repos", t->repos, sizeof t->repos},
                     {"models", t->models, sizeof t->models},
                     {"server_tools", t->server_tools, sizeof t->server_tools},
                     {"hosts", t->hosts, sizeof t->hosts},
                     {"users", t->users, sizeof t->users},
                     {"roles", t->roles, sizeof t->roles},
                     {"env", t->env, sizeof t->env}};
        for (size_t i = 0; i < ARRAY_LEN(texts); i++)
                if (str_eq(texts[i].key, key)) {
                        *ret_known = true;
                        return str_copy(texts[i].to, texts[i].size, value);
                }
        return 0;
}

static int set_number(struct route *t, const char *key, const char *value, bool *ret_known)
{
        const struct {
                const char *key;
                uint64_t *to;
        } numbers[] =
                {{"concurrency", &t->concurrency},       {"rate", &t->rate},
                 {"box_requests", &t->box.requests},     {"name_requests", &t->named.requests},
                 {"box_tokens", &t->box.tokens},         {"name_tokens", &t->named.tokens},
                 {"owner_tokens", &t->owner.tokens},     {"route_tokens", &t->whole.tokens},
                 {"owner_requests", &t->owner.requests}, {"route_requests", &t->whole.requests}},
          money[] = {{"box_usd", &t->box.micro_usd},
                     {"name_usd", &t->named.micro_usd},
                     {"owner_usd", &t->owner.micro_usd},
                     {"route_usd", &t->whole.micro_usd}};
        *ret_known = true;
        for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
                if (str_eq(numbers[i].key, key))
                        return str_to_u64(value, numbers[i].to);
        for (size_t i = 0; i < ARRAY_LEN(money); i++)
                if (str_eq(money[i].key, key))
                        return set_usd(money[i].to, value);
        if (str_eq(key, "idle"))
                return str_to_ms(value, &t->idle_ms);
        if (str_eq(key, "body_max"))
                return str_to_bytes(value, &t->body_max);
        *ret_known = false;
        return 0;
}

static int set_key(struct route *t, const char *key, const char *value)
{
        static const char *const redirects[] = {"refuse", "follow", "pass", NULL};
        static const char *const meters[] = {"none", "anthropic", "openai", NULL};
        unsigned choice = 0;
        bool known = false;
        int r = set_text(t, key, value, &known);
        if (r < 0 || known)
                return r;
        r = set_number(t, key, value, &known);
        if (r < 0 || known)
                return r;
        if (str_eq(key, "upstream"))
                return set_upstream(t, value);
        if (str_eq(key, "redirect")) {
                r = set_choice(&choice, value, redirects);
                t->redirect = (enum route_redirect)choice;
                return r;
        }
        if (str_eq(key, "meter")) {
                r = set_choice(&choice, value, meters);
                t->meter = (enum route_meter)choice;
                return r;
        }
        if (!str_eq(key, "encoded_slash"))
                return -ENOENT;
        t->encoded_slash = str_eq(value, "yes");
        return t->encoded_slash || str_eq(value, "no") ? 0 : -EINVAL;
}

int routes_define(struct routes *r, const char *line, struct err *err)
{
        auto_free char *copy = xstrdup(line);
        char *rest = copy, *name = strsep(&rest, " ");
        if (!str_is_name(name))
                return err_set(err, -EINVAL, "'%.64s' is not a name of a route", name);
        const struct route *old = find(r, name);
        if (!old && r->n == ROUTES_MAX)
                return err_set(err, -EINVAL, "more than %d routes", ROUTES_MAX);
        struct route t = {.redirect = ROUTE_PASS,
                          .body_max = 64ull << 20,
                          .concurrency = 64,
                          .users = "*",
                          .idle_ms = 600000};
        if (old)
                t = *old;
        if (strstr(line, " roles="))
                t.users[0] = 0;
        snprintf(t.name, sizeof t.name, "%s", name);
        for (char *word; (word = strsep(&rest, " "));) {
                char *value = strchr(word, '=');
                if (!*word)
                        continue;
                if (value)
                        *value++ = 0;
                int bad = value ? set_key(&t, word, value) : -EINVAL;
                if (bad < 0)
                        return err_set(err, -EINVAL, "route %s: %s%.64s", name,
                                       bad == -ENOENT ? "unknown key " : "not valid: ", word);
        }
        if (!t.host[0])
                return err_set(err, -EINVAL, "route %s: upstream is missing", name);
        if (!old)
                r->n++;
        *(old ? find(r, name) : &r->list[r->n - 1]) = t;
        return 0;
}

void routes_init(struct routes *r)
{
        r->n = 0;
        for (size_t i = 0; i < ARRAY_LEN(builtin); i++)
                if (routes_define(r, builtin[i], NULL) < 0)
                        abort(); /* a line of ours: test_routes */
}

int routes_define_list(struct routes *r, const char *list, struct err *err)
{
        auto_free char *copy = xstrdup(list);
        char *rest = copy;
        int bad = 0;
        for (char *line; (line = strsep(&rest, ","));)
                if (*line && routes_define(r, line, bad ? NULL : err) < 0)
                        bad = -EINVAL;
        return bad;
}

/* ---- lists and paths ---- */

bool route_item(const char **list, char *dst, size_t size)
{
        if (!**list)
                return false;
        size_t n = strcspn(*list, "|");
        if (n >= size)
                return false;
        memcpy(dst, *list, n);
        dst[n] = 0;
        *list += n + ((*list)[n] == '|');
        return true;
}

/* One pattern: a '*' inside stands for one part of a path, at the end for any rest. */
static bool path_fits(const char *p, const char *path)
{
        for (;;) {
                if (p[0] == '*' && !p[1])
                        return true;
                if (p[0] == '*') {
                        size_t n = strcspn(path, "/");
                        if (n == 0)
                                return false;
                        path += n;
                        p++;
                        if (path[0] == '/' && path_fits(p - 1, path + 1))
                                return true; /* several parts, as a name with its owner has */
                        continue;
                }
                if (*p != *path)
                        return false;
                if (!*p)
                        return true;
                p++;
                path++;
        }
}

bool route_list_has(const char *list, const char *word)
{
        char item[ROUTE_LIST_MAX];
        while (route_item(&list, item, sizeof item)) {
                size_t n = strlen(item);
                if (n && item[n - 1] == '*' ? strncmp(item, word, n - 1) == 0 : str_eq(item, word))
                        return true;
        }
        return false;
}

static bool methods_have(const char *methods, size_t n, const char *method)
{
        size_t m = strlen(method);
        for (const char *p = methods; p < methods + n;) {
                size_t len = strcspn(p, "+:");
                if (len == m && strncmp(p, method, m) == 0)
                        return true;
                p += len + 1;
        }
        return false;
}

/* Length of "/OWNER/NAME" (or "/OWNER/NAME.git") at the beginning of path that the list has; 0. */
static size_t repo_prefix(const struct route *r, const char *path)
{
        char word[ROUTE_LIST_MAX], item[ROUTE_LIST_MAX];
        if (path[0] != '/')
                return 0;
        size_t owner = strcspn(path + 1, "/");
        if (owner == 0 || path[1 + owner] != '/')
                return 0;
        size_t name = strcspn(path + 2 + owner, "/"), all = 2 + owner + name;
        size_t bare = name > 4 && strncmp(path + all - 4, ".git", 4) == 0 ? name - 4 : name;
        if (name == 0 || all >= sizeof word)
                return 0;
        snprintf(word, sizeof word, "%.*s", (int)(owner + 1 + bare), path + 1);
        for (const char *list = r->repos; route_item(&list, item, sizeof item);) {
                size_t n = strlen(item);
                bool whole = n > 2 && str_ends(item, "/*");
                /* GitHub's names know no case. */
                if (whole ? strncasecmp(item, word, n - 1) == 0 : strcasecmp(item, word) == 0)
                        return all;
        }
        return 0;
}

static bool pattern_fits(const struct route *r, const char *pattern, const char *path)
{
        const char *hole = strstr(pattern, "{repo}");
        if (!hole)
                return path_fits(pattern, path);
        size_t before = (size_t)(hole - pattern);
        if (strncmp(pattern, path, before) != 0)
                return false;
        size_t n = repo_prefix(r, path + before);
        return n && path_fits(hole + 6, path + before + n);
}

int route_allows(const struct route *r, const char *method, const char *path)
{
        char item[ROUTE_LIST_MAX];
        int found = -ENOENT;
        for (const char *list = r->allow; route_item(&list, item, sizeof item);) {
                const char *colon = strchr(item, ':');
                if (!colon || !pattern_fits(r, colon + 1, path))
                        continue;
                if (methods_have(item, (size_t)(colon - item), method))
                        return 0;
                found = -EPERM;
        }
        return found;
}

bool route_is_for(const struct route *r, const char *user)
{
        return route_list_has(r->users, user);
}
