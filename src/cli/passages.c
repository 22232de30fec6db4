#include "cli/passages.h"
#include "base/str.h"

#define INDENT 4

static void print_explain(const json_t *e)
{
        uint64_t word = e ? get_u64(e, "word_rank") : 0,
                 meaning = e ? get_u64(e, "meaning_rank") : 0;
        if (word)
                printf("%*sby word: place %llu, score %.3f\n", INDENT, "", (unsigned long long)word,
                       json_number_value(json_object_get(e, "word_score")));
        if (meaning)
                printf("%*sby meaning: place %llu, cosine %.4f\n", INDENT, "",
                       (unsigned long long)meaning,
                       json_number_value(json_object_get(e, "cosine")));
}

static void print_hit(size_t number, const json_t *hit)
{
        const char *title = get_str(hit, "title"), *heading = get_str(hit, "heading");
        const char *path = get_str(hit, "path");
        if (str_starts(heading, title)) /* most begin with it */
                title = "";
        uint64_t page = get_u64(hit, "page");
        printf("%zu. ", number);
        out_line(stdout, path);
        if (page)
                printf(", page %llu", (unsigned long long)page);
        printf("  (score %.4g)\n", json_number_value(json_object_get(hit, "score")));
        print_explain(json_object_get(hit, "explain"));
        if (*title || *heading) {
                printf("%*s", INDENT, "");
                out_line(stdout, title);
                if (*title && *heading)
                        printf(" > ");
                out_line(stdout, heading);
                putchar('\n');
        }
        out_wrapped(get_str(hit, "text"), INDENT);
        putchar('\n');
}

void passages_print(const json_t *hits)
{
        size_t i;
        json_t *hit;
        json_array_foreach((json_t *)hits, i, hit)
        {
                print_hit(i + 1, hit);
        }

        if (json_array_size(hits) == 0)
                puts("Nothing found.");
}

/* Several words need no quotes: they are joined by blanks. */
json_t *passages_request(const struct invocation *inv, const char *key)
{
        CLEANUP(buf_done) struct buf b = {0};
        buf_init(&b, 1 << 20);
        int r = 0;
        for (unsigned i = 0; i < inv->n_operands && r >= 0; i++)
                r = buf_addf(&b, "%s%s", i ? " " : "", inv->operands[i]);
        json_t *body = json_object();
        json_object_set_new(body, key, json_str_lossy(buf_text(&b), b.len));
        json_object_set_new(body, "limit", json_integer((json_int_t)flag_u64(inv, "limit", 5)));
        if (flag_given(inv, "volume"))
                json_object_set_new(body, "volume", json_string(flag_text(inv, "volume")));
        return body;
}
