/* `paddock sandbox snapshot`. */
#include "cli/image_job.h"
#include "base/buf.h"

static int snapshot(struct invocation *inv)
{
        struct err err = {0};
        CLEANUP(client_freep) struct client *c = NULL;
        CLEANUP(buf_done) struct buf b = {0};
        auto_json json_t *job = NULL, *body = json_pack("{s:s}", "image", inv->operands[1]);
        int r = server_connect(inv, SERVER_START, &c, &err);
        r = r < 0 ? r
                  : client_call(c, "POST",
                                target_of(&b, "/v1/sandboxes/", inv->operands[0], "/snapshot"),
                                body, &job, &err);
        return r < 0 ? fail(r, &err) : image_job_follow(inv, job);
}

static const struct flag snapshot_flags[] = {
        {.o = {.name = "detach", .doc = "Print the id of the job and return."}, .letter = 'd'},
        FLAGS_END,
};

const struct command command_sandbox_snapshot = {
        .name = "sandbox snapshot",
        .operands = "SANDBOX IMAGE",
        .summary = "Make an image of the files of a sandbox that runs.",
        .details =
                "It stands still while they are copied. /tmp, /run, /dev/shm, volumes and secrets "
                "are left out, and of the image 'host' without --disk above 512M all but /work; "
                "so are pipes, sockets and devices.",
        .flags = snapshot_flags,
        .min_operands = 2,
        .max_operands = 2,
        .run = snapshot,
};
