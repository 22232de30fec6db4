#include "cli/passages.h"

static void print_ask(const json_t *answer)
{
        const char *text = get_str(answer, "answer"), *notice = get_str(answer, "notice");
        if (*notice) {
                out_wrapped(notice, 0);
                putchar('\n');
        }
        if (*text) {
                out_wrapped(text, 0);
                putchar('\n');
        }
        passages_print(list_in(answer, "passages"));
}

static int ask(struct invocation *inv)
{
        return simple_call(inv, SERVER_START, "POST", "/v1/ask", passages_request(inv, "question"),
                           print_ask);
}

static const struct flag flags[] = {LIMIT_FLAG, VOLUME_FLAG, FLAGS_END};

const struct command command_ask = {
        .name = "ask",
        .operands = "QUESTION...",
        .summary = "Answer a question from the indexed documents.",
        .details = "Until a language model is configured the answer is the best passages, and it "
                   "says so.",
        .flags = flags,
        .min_operands = 1,
        .max_operands = ANY_OPERANDS,
        .run = ask,
};
