/* Lines of routes, targets and paths: what is canonical stays so, and never has a dot segment. */
#include "base/mem.h"
#include "role/routes.h"
#include "vault/path.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_path(const char *text, size_t n, bool slash_ok)
{
        char once[TARGET_PATH_MAX];
        if (path_canonical(text, n, slash_ok, once) < 0)
                return;
        if (once[0] != '/' || strstr(once, "//") || strstr(once, "/../") || strstr(once, "/./") ||
            strchr(once, '\\'))
                abort();
        size_t len = strlen(once);
        if (len >= 3 && strcmp(once + len - 3, "/..") == 0)
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static struct routes all;
        char name[64];
        const char *rest, *query;
        size_t n;
        auto_free char *text = xstrndup((const char *)data, size < 4096 ? size : 4096);
        check_path(text, strlen(text), false);
        check_path(text, strlen(text), true);
        if (target_split(text, name, &rest, &n, &query) == 0 && (rest < text || n > strlen(rest)))
                abort();
        all.n = 0;
        if (routes_define_list(&all, text, NULL) == 0 && all.n)
                (void)!route_allows(&all.list[0], "GET", "/a/b.git/info/refs");
        return 0;
}
