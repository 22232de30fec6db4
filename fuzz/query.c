/* Whatever is typed is a question that can be answered. */
#include "base/fd.h"
#include "base/mem.h"
#include "rag/search.h"
#include <fcntl.h>
#include <stdio.h>

static int fill(struct space *s)
{
        static const char text[] = "alpha beta, the \"gamma delta\" of ERR_NGX_502 \xe6\x9d\xb1";
        CLEANUP(gathered_done) struct gathered g;
        struct parse_end end = {.status = PARSE_INDEXED};
        struct passage p = {.text = slice_of(text)};
        gathered_init(&g);
        int r = gathered_add(&g, &p, NULL);
        if (r < 0 || (r = space_begin(s, NULL)) < 0)
                return r;
        r = space_put(s, "a/b", &end, &g, NULL);
        if (r < 0) {
                space_rollback(s);
                return r;
        }
        return space_commit(s, NULL);
}

/* NULL: there was no memory for it this time. */
static struct space *space(void)
{
        static struct space *s;
        char dir[] = "/tmp/fuzz-query-XXXXXX";
        if (s || !mkdtemp(dir))
                return s;
        struct spaces *all = spaces_new(open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
        if (space_get(all, "s", true, &s, NULL) < 0 || fill(s) < 0) {
                space_release(s);
                spaces_free(all);
                s = NULL;
        }
        if (tree_remove_at(AT_FDCWD, dir) < 0) /* it stays mapped */
                abort();
        return s;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static struct words *w;
        struct err err = {0};
        w = w ? w : words_new();
        if (!space())
                return 0;
        auto_free char *text = xstrndup((const char *)data, size);
        CLEANUP(hits_done) struct hits h = {0};
        int r = search_run(space(), w, &(struct search){text, size & 1 ? "a/b" : "", 5, NULL, 0},
                           &h, &err);
        if (r < 0 && r != -EINVAL && r != -ENOMEM) {
                fprintf(stderr, "%s\n", err_text(&err));
                abort();
        }
        return 0;
}
