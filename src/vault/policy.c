#include "vault/policy.h"
#include "base/buf.h"
#include "base/mem.h"
#include "base/str.h"
#include <arpa/inet.h>
#include <stdio.h>

#define LABELS_TEXT_MAX 2048
#define ROUTES_MAX      64

struct policy {
        size_t n_rules, n_routes;
        struct policy_rule *rules;
        char routes[ROUTES_MAX][NAME_TEXT_MAX + 1];
        char labels[LABELS_TEXT_MAX];
        char name[NAME_TEXT_MAX + 1], by[NAME_TEXT_MAX + 1];
};

static char lower(char c)
{
        return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

static bool is_name_char(char c)
{
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

/* Labels of 1-63 letters, digits, '-' and '_'. The last one is not a number, decimal or hex: such a
 * "name" is an address to some programs. */
static bool is_dns_name(const char *s)
{
        const char *label = s;
        for (const char *p = s;; p++) {
                if (*p && *p != '.') {
                        if (!is_name_char(*p))
                                return false;
                        continue;
                }
                if (p == label || p - label > 63 || *label == '-' || p[-1] == '-')
                        return false;
                if (!*p)
                        break;
                label = p + 1;
        }
        if (label[0] == '0' && label[1] == 'x')
                label += 2 + strspn(label + 2, "0123456789abcdef");
        else
                label += strspn(label, "0123456789");
        return *label != 0;
}

int host_canonical(const char *text, char ret[HOST_TEXT_MAX + 1], bool *ret_literal)
{
        unsigned char addr[16];
        size_t n = strlen(text);
        int family = strchr(text, ':') ? AF_INET6 : AF_INET;
        if (inet_pton(family, text, addr) == 1) {
                if (!inet_ntop(family, addr, ret, HOST_TEXT_MAX + 1))
                        return -EINVAL;
                *ret_literal = true;
                return 0;
        }
        if (n > 1 && text[n - 1] == '.')
                n--;
        if (n == 0 || n > HOST_TEXT_MAX)
                return -EINVAL;
        char name[HOST_TEXT_MAX + 1];
        for (size_t i = 0; i < n; i++)
                name[i] = lower(text[i]);
        name[n] = 0;
        if (strlen(name) != n || !is_dns_name(name))
                return -EINVAL;
        memcpy(ret, name, n + 1);
        *ret_literal = false;
        return 0;
}

/* ---- rules ---- */

static int parse_port(const char *s, uint32_t *ret)
{
        uint64_t port;
        if (str_eq(s, "*")) {
                *ret = POLICY_ANY_PORT;
                return 0;
        }
        if (str_to_u64(s, &port) < 0 || port < 1 || port > 65535)
                return -EINVAL;
        *ret = (uint32_t)port;
        return 0;
}

/* Cuts text into host and port; an IPv6 address needs brackets. */
static int split_port(char *text, char **ret_host, uint32_t *ret_port)
{
        char *host = text, *rest;
        *ret_port = 0;
        if (*text == '[') {
                host = text + 1;
                rest = strchr(host, ']');
                if (!rest)
                        return -EINVAL;
                *rest++ = 0;
                if (*rest && *rest != ':')
                        return -EINVAL;
        } else {
                rest = text + strcspn(text, ":");
        }
        *ret_host = host;
        if (!*rest)
                return 0;
        *rest++ = 0;
        return parse_port(rest, ret_port);
}

int policy_rule_parse(const char *text, struct policy_rule *ret, struct err *err)
{
        char copy[HOST_TEXT_MAX + 16], *host;
        struct policy_rule r = {0};
        bool bracket = text[0] == '[';
        int bad = str_copy(copy, sizeof copy, text);
        if (bad == 0)
                bad = split_port(copy, &host, &r.port);
        if (bad == 0 && !str_eq(host, "*")) {
                r.below = str_starts(host, "*.");
                bad = host_canonical(host + 2 * r.below, r.host, &r.literal);
                if (r.literal && (r.below || bracket != (strchr(r.host, ':') != NULL)))
                        bad = -EINVAL;
        }
        if (bad < 0)
                return err_set(err, -EINVAL,
                               "'%.200s' is not valid, expected a host such as pypi.org, "
                               "*.debian.org or example.org:8443",
                               text);
        *ret = r;
        return 0;
}

bool policy_rule_matches(const struct policy_rule *r, const char *host, bool literal, uint32_t port)
{
        bool port_fits = r->port == POLICY_ANY_PORT || r->port == port ||
                         (r->port == 0 && (port == 80 || port == 443));
        if (!port_fits || literal != (r->literal && *r->host))
                return false;
        if (!*r->host)
                return true;
        if (!r->below)
                return str_eq(r->host, host);
        size_t n = strlen(host), m = strlen(r->host);
        return n > m + 1 && host[n - m - 1] == '.' && str_eq(host + n - m, r->host);
}

/* ---- the text ---- */

static int add_rule(struct policy *p, const char *value, struct err *err)
{
        if (p->n_rules == POLICY_RULES_MAX)
                return err_set(err, -EINVAL, "more than %d hosts are allowed", POLICY_RULES_MAX);
        p->rules = xrealloc(p->rules, (p->n_rules + 1) * sizeof *p->rules);
        int r = policy_rule_parse(value, &p->rules[p->n_rules], err);
        p->n_rules += r == 0;
        return r;
}

static int add_route(struct policy *p, const char *value, struct err *err)
{
        if (p->n_routes == ROUTES_MAX)
                return err_set(err, -EINVAL, "more than %d routes", ROUTES_MAX);
        if (!str_is_name(value))
                return err_set(err, -EINVAL, "'%.64s' is not a name of a route", value);
        snprintf(p->routes[p->n_routes++], sizeof p->routes[0], "%s", value);
        return 0;
}

static int add_label(struct policy *p, const char *value, struct err *err)
{
        size_t n = strlen(p->labels);
        for (const char *s = value; *s; s++)
                if ((unsigned char)*s < 0x20 || *s == 0x7f)
                        return err_set(err, -EINVAL, "a control character in a label");
        if (!strchr(value, '=') || n + strlen(value) + 2 > sizeof p->labels)
                return err_set(err, -EINVAL, "labels: expected KEY=VALUE, %d bytes in all",
                               LABELS_TEXT_MAX);
        snprintf(p->labels + n, sizeof p->labels - n, "%s%s", n ? " " : "", value);
        return 0;
}

static int add_word(char to[NAME_TEXT_MAX + 1], const char *value, struct err *err)
{
        for (const char *s = value; *s; s++)
                if ((unsigned char)*s < 0x20 || *s == 0x7f)
                        return err_set(err, -EINVAL, "a control character in a name");
        if (str_copy(to, NAME_TEXT_MAX + 1, value) < 0)
                return err_set(err, -EINVAL, "'%.64s' is too long for a name", value);
        return 0;
}

static int add_line(struct policy *p, char *line, struct err *err)
{
        char *value = strchr(line, ' ');
        if (!*line)
                return 0;
        if (value)
                *value++ = 0;
        if (value && str_eq(line, "allow"))
                return add_rule(p, value, err);
        if (value && str_eq(line, "route"))
                return add_route(p, value, err);
        if (value && str_eq(line, "label"))
                return add_label(p, value, err);
        if (value && str_eq(line, "name"))
                return add_word(p->name, value, err);
        if (value && str_eq(line, "by"))
                return add_word(p->by, value, err);
        return err_set(err, -EINVAL, "'%.64s' is not a line of a policy", line);
}

int policy_parse(const char *text, size_t n, struct policy **ret, struct err *err)
{
        if (n > POLICY_TEXT_MAX || memchr(text, 0, n))
                return err_set(err, -EINVAL, "a policy of at most %d bytes without NUL is expected",
                               POLICY_TEXT_MAX);
        CLEANUP(policy_freep) struct policy *p = xcalloc(1, sizeof *p);
        auto_free char *copy = xstrndup(text, n);
        char *rest = copy;
        for (char *line; (line = strsep(&rest, "\n"));) {
                int r = add_line(p, line, err);
                if (r < 0)
                        return r;
        }
        *ret = TAKE_PTR(p);
        return 0;
}

void policy_free(struct policy *p)
{
        if (!p)
                return;
        free(p->rules);
        free(p);
}

bool policy_allows(const struct policy *p, const char *host, bool literal, uint32_t port)
{
        for (size_t i = 0; i < p->n_rules; i++)
                if (policy_rule_matches(&p->rules[i], host, literal, port))
                        return true;
        return false;
}

bool policy_has_route(const struct policy *p, const char *name)
{
        for (size_t i = 0; i < p->n_routes; i++)
                if (str_eq(p->routes[i], name))
                        return true;
        return false;
}

const char *policy_labels(const struct policy *p)
{
        return p->labels;
}

const char *policy_name(const struct policy *p)
{
        return p->name;
}

const char *policy_by(const struct policy *p)
{
        return p->by;
}
