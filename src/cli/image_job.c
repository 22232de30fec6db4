#include "cli/image_job.h"
#include "base/str.h"
#include "cli/result.h"

extern const struct command command_logs, command_wait;

/* Another command of ours on that job, on the same server. */
static int then(const struct invocation *inv, const struct command *c, const char *id,
                const char *flag)
{
        const char *socket = flag_text(inv, "socket");
        const char *words[6] = {id, NULL};
        struct invocation next = {0};
        struct err err = {0};
        size_t n = 1;
        if (flag)
                words[n++] = flag;
        if (inv->json)
                words[n++] = "--json";
        if (socket) {
                words[n++] = "--socket";
                words[n++] = socket;
        }
        int r = invocation_parse(c, (char *const *)words, &next, &err);
        int code = r < 0 ? fail(r, &err) : c->run(&next);
        invocation_done(&next);
        return code;
}

void image_job_log(struct invocation *inv, const json_t *job)
{
        then(inv, &command_logs, get_str(job, "id"), NULL);
}

int image_job_follow(struct invocation *inv, const json_t *job)
{
        if (flag_given(inv, "detach")) {
                inv->json ? out_json(job) : (void)puts(get_str(job, "id"));
                return EXIT_DONE;
        }
        if (!inv->json)
                then(inv, &command_logs, get_str(job, "id"), "--follow");
        return then(inv, &command_wait, get_str(job, "id"), NULL);
}
