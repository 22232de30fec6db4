#include "cli/docs.h"
#include "cli/simple.h"
#include "base/mem.h"
#include "base/str.h"

static const char *volume(const struct invocation *inv)
{
        const char *v = flag_text(inv, "volume");
        return v ? v : "docs";
}

/* "/v1/documents/PATH?volume=V" */
static const char *document(struct buf *b, const struct invocation *inv)
{
        target_of(b, "/v1/documents/", inv->operands[0], "");
        return url_query(b, "volume", volume(inv)) < 0 ? "/" : buf_text(b);
}

static void add_row(struct table *t, const json_t *d)
{
        char size[24];
        table_cell(t, "%s", get_str(d, "path"));
        table_cell(t, "%s", get_str(d, "status"));
        table_cell(t, "%s", get_str(d, "type"));
        table_cell(t, "%s", str_from_bytes(size, sizeof size, get_u64(d, "size_bytes")));
        table_cell(t, "%llu", (unsigned long long)get_u64(d, "pages"));
        table_cell(t, "%llu", (unsigned long long)get_u64(d, "passages"));
        table_cell(t, "%s", get_str(d, *get_str(d, "reason") ? "reason" : "title"));
}

/* Calls `each` with every page of the list; stops when it returns false. */
static int each_page(struct client *c, const struct invocation *inv,
                     void (*each)(void *ctx, const json_t *page), void *ctx, struct err *err)
{
        auto_free char *after = xstrdup("");
        for (;;) {
                CLEANUP(buf_done) struct buf b = {0};
                auto_json json_t *page = NULL;
                target_of(&b, "/v1/documents", "", "");
                int r = url_query(&b, "volume", volume(inv));
                r = r < 0 ? r : url_query(&b, "after", after);
                r = r < 0 ? r : client_call(c, "GET", buf_text(&b), NULL, &page, err);
                if (r < 0)
                        return r;
                each(ctx, list_in(page, "documents"));
                const char *next = get_str(page, "next");
                if (!*next || str_eq(next, after))
                        return 0;
                free(after);
                after = xstrdup(next);
        }
}

static void collect(void *ctx, const json_t *page)
{
        json_array_extend(ctx, (json_t *)page);
}

int docs_all(const struct invocation *inv, json_t **ret, struct err *err)
{
        auto_json json_t *all = json_array();
        CLEANUP(client_freep) struct client *c = NULL;
        int r = server_connect(inv, SERVER_START, &c, err);
        r = r < 0 ? r : each_page(c, inv, collect, all, err);
        if (r < 0)
                return r;
        *ret = json_pack("{s:O}", "documents", all);
        return 0;
}

static int list(struct invocation *inv)
{
        static const char *const titles[] = {"PATH",   "STATUS",    "TYPE",  ">SIZE",
                                             ">PAGES", ">PASSAGES", "TITLE", NULL};
        struct err err = {0};
        auto_json json_t *answer = NULL;
        int r = docs_all(inv, &answer, &err);
        if (r < 0)
                return fail(r, &err);
        if (inv->json) {
                out_json(answer);
                return EXIT_DONE;
        }
        CLEANUP(table_freep) struct table *t = table_new(titles);
        size_t i;
        json_t *d;
        json_array_foreach(json_object_get(answer, "documents"), i, d)
        {
                add_row(t, d);
        }
        table_print(t);
        return EXIT_DONE;
}

static void count(json_t *counts, const char *key, uint64_t n)
{
        uint64_t was = get_u64(counts, key);
        json_object_set_new(counts, key, json_integer((json_int_t)(was + n)));
}

static int status(struct invocation *inv)
{
        struct err err = {0};
        auto_json json_t *answer = NULL, *counts = json_object(), *by_status = json_object();
        int r = docs_all(inv, &answer, &err);
        if (r < 0)
                return fail(r, &err);
        size_t i;
        json_t *d, *n;
        const char *key;
        json_array_foreach(json_object_get(answer, "documents"), i, d)
        {
                count(counts, "documents", 1);
                count(counts, "passages", get_u64(d, "passages"));
                count(counts, "size_bytes", get_u64(d, "size_bytes"));
                count(by_status, get_str(d, "status"), 1);
        }
        json_object_set_new(counts, "volume", json_string(volume(inv)));
        json_object_set(counts, "by_status", by_status);
        if (inv->json) {
                out_json(counts);
                return EXIT_DONE;
        }
        char size[24];
        printf("Volume %s: %llu documents, %s, %llu passages\n", volume(inv),
               (unsigned long long)get_u64(counts, "documents"),
               str_from_bytes(size, sizeof size, get_u64(counts, "size_bytes")),
               (unsigned long long)get_u64(counts, "passages"));
        json_object_foreach(by_status, key, n)
        {
                printf("  %s: %lld\n", key, (long long)json_integer_value(n));
        }
        return EXIT_DONE;
}

static void print_document(const json_t *d)
{
        static const char *const keys[] = {"path", "title", "status", "reason", "type", NULL};
        size_t i;
        json_t *passage;
        for (const char *const *k = keys; *k; k++)
                if (*get_str(d, *k)) {
                        printf("%s: ", *k);
                        out_line(stdout, get_str(d, *k));
                        putchar('\n');
                }
        json_array_foreach((json_t *)list_in(d, "passages"), i, passage)
        {
                uint64_t page = get_u64(passage, "page");
                const char *heading = get_str(passage, "heading");
                printf("\n[%llu] ", (unsigned long long)get_u64(passage, "ordinal"));
                out_line(stdout, heading);
                if (page)
                        printf(", page %llu", (unsigned long long)page);
                putchar('\n');
                out_wrapped(get_str(passage, "text"), 4);
        }
}

static int show(struct invocation *inv)
{
        CLEANUP(buf_done) struct buf b = {0};
        return simple_call(inv, SERVER_START, "GET", document(&b, inv), NULL, print_document);
}

static int remove_it(struct invocation *inv)
{
        CLEANUP(buf_done) struct buf b = {0};
        return simple_call(inv, SERVER_START, "DELETE", document(&b, inv), NULL, NULL);
}

static const struct flag flags[] = {
        {.o = {.name = "volume",
               .type = OPTION_NAME,
               .doc = "Volume of the documents; default docs."},
         .arg = "NAME"},
        FLAGS_END,
};

const struct command command_docs_list = {
        .name = "docs list",
        .operands = "",
        .summary = "List the documents of a volume and what became of each in the index.",
        .flags = flags,
        .run = list,
};

const struct command command_docs_show = {
        .name = "docs show",
        .operands = "PATH",
        .summary = "Show one document and its passages as they are indexed.",
        .flags = flags,
        .min_operands = 1,
        .max_operands = 1,
        .run = show,
};

const struct command command_docs_remove = {
        .name = "docs remove",
        .operands = "PATH",
        .summary = "Remove a document from the volume and from the index.",
        .flags = flags,
        .min_operands = 1,
        .max_operands = 1,
        .run = remove_it,
};

const struct command command_docs_status = {
        .name = "docs status",
        .operands = "",
        .summary = "Count the documents of a volume by what became of them.",
        .flags = flags,
        .run = status,
};
