#include "cli/passages.h"
#include "base/str.h"

static void print_search(const json_t *answer)
{
        const json_t *hits = list_in(answer, "hits");
        passages_print(hits);
        fflush(stdout); /* where both go to one file, the count comes last */
        bool hybrid = str_eq(get_str(answer, "mode"), "hybrid");
        double embedded = json_number_value(json_object_get(answer, "embedded"));
        fprintf(stderr, "%zu passages, by %s, %.1f ms\n", json_array_size(hits),
                hybrid ? "word and meaning" : "word alone",
                (double)get_u64(answer, "took_us") / 1000);
        if (hybrid && embedded < 1)
                fprintf(stderr,
                        "By meaning so far only %.0f %% of the passages: indexing goes on.\n",
                        100 * embedded);
}

static int search(struct invocation *inv)
{
        json_t *body = passages_request(inv, "query");
        if (flag_given(inv, "prefix"))
                json_object_set_new(body, "prefix", json_string(flag_text(inv, "prefix")));
        if (flag_given(inv, "explain"))
                json_object_set_new(body, "explain", json_true());
        return simple_call(inv, SERVER_START, "POST", "/v1/search", body, print_search);
}

static const struct flag flags[] = {
        LIMIT_FLAG,
        VOLUME_FLAG,
        {.o = {.name = "prefix",
               .type = OPTION_STR,
               .max = PATH_TEXT_MAX,
               .doc = "Only documents below this path of the volume."},
         .arg = "PATH"},
        {.o = {.name = "explain",
               .type = OPTION_BOOL,
               .doc = "Say what each score is made of: places by word and by meaning."}},
        FLAGS_END,
};
const struct command command_search = {
        .name = "search",
        .operands = "QUERY...",
        .summary = "Find passages in the indexed documents, with file, heading and page.",
        .flags = flags,
        .min_operands = 1,
        .max_operands = ANY_OPERANDS,
        .run = search,
};
