/* Policies, and the matching of a name against a rule beside a slow second way to say the same. */
#include "base/mem.h"
#include "base/str.h"
#include <stdio.h>
#include "vault/policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Label by label from the end, on copies. */
static bool slow_match(const char *rule, bool below, const char *host)
{
        char a[HOST_TEXT_MAX + 1], b[HOST_TEXT_MAX + 1];
        if (!*rule)
                return true;
        snprintf(a, sizeof a, "%s", rule);
        snprintf(b, sizeof b, "%s", host);
        for (;;) {
                char *x = strrchr(a, '.'), *y = strrchr(b, '.');
                if (strcmp(x ? x + 1 : a, y ? y + 1 : b) != 0)
                        return false;
                if (!x)
                        return below ? y != NULL : y == NULL;
                if (!y)
                        return false;
                *x = *y = 0;
        }
}

static void match(const char *rule_text, const char *host_text)
{
        struct policy_rule r;
        char host[HOST_TEXT_MAX + 1], again[HOST_TEXT_MAX + 1];
        bool literal, twice;
        if (host_canonical(host_text, host, &literal) < 0)
                return;
        if (host_canonical(host, again, &twice) < 0 || twice != literal || strcmp(host, again) != 0)
                abort(); /* canonical is canonical */
        if (policy_rule_parse(rule_text, &r, NULL) < 0)
                return;
        uint32_t port = r.port == 0 || r.port == POLICY_ANY_PORT ? 443 : r.port;
        bool want = literal == (r.literal && *r.host) && slow_match(r.host, r.below, host);
        if (literal && r.literal)
                want = strcmp(r.host, host) == 0;
        if (policy_rule_matches(&r, host, literal, port) != want)
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        CLEANUP(policy_freep) struct policy *p = NULL;
        if (size > POLICY_TEXT_MAX)
                return 0;
        auto_free char *text = xstrndup((const char *)data, size);
        char *second = strchr(text, '\n');
        if (policy_parse((const char *)data, size, &p, NULL) == 0)
                policy_allows(p, "a.example.org", false, 443);
        if (second) {
                *second++ = 0;
                match(text, second);
        }
        return 0;
}
