#include "cli/simple.h"
#include "base/clock.h"
#include "base/str.h"

static void print_scopes(const json_t *token, char *dst, size_t size)
{
        const json_t *scopes = json_object_get(token, "scopes");
        size_t n = 0;
        dst[0] = '\0';
        for (size_t i = 0; i < json_array_size(scopes) && n + 1 < size; i++) {
                const char *s = json_string_value(json_array_get(scopes, i));
                int w = snprintf(dst + n, size - n, "%s%s", i ? "," : "", s ? s : "");
                n += w > 0 ? (size_t)w : 0;
        }
}

static void print_list(const json_t *answer)
{
        static const char *const titles[] = {"NAME", "SCOPES", "CREATED", "EXPIRES", NULL};
        CLEANUP(table_freep) struct table *t = table_new(titles);
        size_t i;
        json_t *token;
        char when[32], scopes[256];
        json_array_foreach((json_t *)list_in(answer, "tokens"), i, token)
        {
                print_scopes(token, scopes, sizeof scopes);
                table_cell(t, "%s", get_str(token, "name"));
                table_cell(t, "%s", scopes);
                table_cell(t, "%s", local_time(when, get_u64(token, "created_ms")));
                uint64_t expires = get_u64(token, "expires_ms");
                table_cell(t, "%s", expires ? local_time(when, expires) : "never");
        }
        table_print(t);
}

static void print_created(const json_t *answer)
{
        if (out_is_terminal(STDOUT_FILENO))
                fprintf(stderr, "This is shown once; the server keeps only a hash of it.\n");
        puts(get_str(answer, "token"));
}

static int list(struct invocation *inv)
{
        return simple_call(inv, SERVER_START, "GET", "/v1/tokens", NULL, print_list);
}

static int create(struct invocation *inv)
{
        const char *scope;
        json_t *scopes = json_array();
        for (size_t i = 0; (scope = flag_nth(inv, "scope", i)); i++)
                json_array_append_new(scopes, json_string(scope));
        if (json_array_size(scopes) == 0)
                json_array_append_new(scopes, json_string("member"));
        json_t *body = json_pack("{s:s,s:o}", "name", inv->operands[0], "scopes", scopes);
        uint64_t life = flag_u64(inv, "expires", 0);
        if (life)
                json_object_set_new(body, "expires_ms",
                                    json_integer((json_int_t)(clock_wall_ms() + life)));
        return simple_call(inv, SERVER_START, "POST", "/v1/tokens", body, print_created);
}

static int revoke_it(struct invocation *inv)
{
        CLEANUP(buf_done) struct buf b = {0};
        return simple_call(inv, SERVER_START, "DELETE",
                           target_of(&b, "/v1/tokens/", inv->operands[0], ""), NULL, NULL);
}

static const struct flag create_flags[] = {
        {.o = {.name = "scope",
               .type = OPTION_STR,
               .max = 128,
               .doc = "What the token may do: operator, member (the default) or sandbox:NAME."},
         .arg = "SCOPE",
         .repeated = true},
        {.o = {.name = "expires",
               .type = OPTION_MS,
               .min = 1000,
               .max = 3650ull * 86400000,
               .doc = "The token ends after this time; default never."},
         .arg = "TIME"},
        FLAGS_END,
};

const struct command command_token_create = {
        .name = "token create",
        .operands = "NAME",
        .summary = "Make a token for HTTP over TCP and print it, this once.",
        .flags = create_flags,
        .min_operands = 1,
        .max_operands = 1,
        .run = create,
};

const struct command command_token_list = {
        .name = "token list",
        .operands = "",
        .summary = "List your tokens by name; the tokens themselves are not stored.",
        .run = list,
};

const struct command command_token_revoke = {
        .name = "token revoke",
        .operands = "NAME",
        .summary = "End a token at once.",
        .min_operands = 1,
        .max_operands = 1,
        .run = revoke_it,
};
