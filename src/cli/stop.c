#include "cli/simple.h"
#include "base/clock.h"

static int stop(struct invocation *inv)
{
        bool all = flag_given(inv, "all");
        int code = simple_call(inv, SERVER_ASK_ONLY, "POST", "/v1/stop",
                               json_pack("{s:b}", "all", all), NULL);
        if (code != EXIT_DONE)
                return code;
        uint64_t end = clock_boot_ms() + 30000;
        while (server_answers(inv, NULL) != -ECONNREFUSED && clock_boot_ms() < end) {
                clock_sleep_ms(20);
        }
        if (clock_boot_ms() >= end) {
                fprintf(stderr, "paddock: the server finishes what is in flight and then leaves\n");
                return EXIT_TRY_LATER;
        }
        if (!inv->json)
                fprintf(stderr, "paddock: stopped%s\n",
                        all ? ", and all sandboxes with it" : "; running sandboxes go on");
        return code;
}

static const struct flag stop_flags[] = {
        {.o = {.name = "all", .doc = "End all sandboxes too; without it they go on."}},
        FLAGS_END,
};

const struct command command_stop = {
        .name = "stop",
        .operands = "",
        .summary = "Stop the server; sandboxes go on unless --all is given.",
        .flags = stop_flags,
        .run = stop,
};
