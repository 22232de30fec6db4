/* http.c - the time of a sandbox through HTTP: POST /v1/sandboxes sent to the result received by
 * GET /v1/jobs/{id}/wait, on one open connection to the Unix socket.
 *
 *     bench-http SOCKET ROUNDS PAUSE_MS COMMAND [ARGUMENT...]
 *
 * PAUSE_MS before each is time to refill the pool. Prints microseconds, one a line.
 */
#include "base/clock.h"
#include "base/str.h"
#include "cli/client.h"
#include <stdio.h>
#include <unistd.h>

/* 0, or the reason is in err. */
static int once(struct client *c, const json_t *body, struct err *err)
{
        auto_json json_t *made = NULL, *done = NULL;
        char path[128];
        int r = client_call(c, "POST", "/v1/sandboxes", body, &made, err);
        if (r < 0)
                return r;
        snprintf(path, sizeof path, "/v1/jobs/%s/wait",
                 json_string_value(json_object_get(made, "id")));
        r = client_call(c, "GET", path, NULL, &done, err);
        const json_t *code = json_object_get(json_object_get(done, "result"), "exit_code");
        if (r == 0 && !(json_is_integer(code) && json_integer_value(code) == 0))
                r = err_set(err, -EIO, "the command failed");
        return r;
}

int main(int argc, char **argv)
{
        uint64_t rounds, pause_ms;
        struct err err = {0};
        if (argc < 5 || str_to_u64(argv[2], &rounds) < 0 || str_to_u64(argv[3], &pause_ms) < 0)
                return 2;
        json_t *words = json_array(), *body = json_pack("{s:o}", "argv", words);
        for (int i = 4; i < argc; i++)
                json_array_append_new(words, json_string(argv[i]));
        struct client *c = client_new(argv[1]);
        int r = 0;
        for (uint64_t i = 0; i < rounds && r == 0; i++) {
                usleep((useconds_t)(pause_ms * 1000));
                uint64_t t = clock_boot_us();
                r = once(c, body, &err);
                if (r == 0)
                        printf("%llu\n", (unsigned long long)(clock_boot_us() - t));
        }
        if (r < 0)
                fprintf(stderr, "bench-http: %s\n", err_text(&err));
        client_free(c);
        json_decref(body);
        return r < 0;
}
