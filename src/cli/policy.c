/* `paddock policy` and `paddock route`: what a sandbox may reach, and by which routes. */
#include "cli/simple.h"

/* ---- policy ---- */

static void print_lines(const json_t *answer, const char *key, const char *word)
{
        size_t i;
        json_t *item;
        json_array_foreach((json_t *)list_in(answer, key), i, item)
        {
                printf("%s ", word);
                out_line(stdout, json_string_value(item));
                putchar('\n');
        }
}

static void print_policy(const json_t *answer)
{
        print_lines(answer, "allow", "allow");
        print_lines(answer, "routes", "route");
}

static int show(struct invocation *inv)
{
        CLEANUP(buf_done) struct buf b = {0};
        return simple_call(inv, SERVER_START, "GET",
                           target_of(&b, "/v1/sandboxes/", inv->operands[0], "/policy"), NULL,
                           print_policy);
}

static json_t *all_of(struct invocation *inv, const char *flag)
{
        const char *word;
        json_t *list = json_array();
        for (size_t i = 0; (word = flag_nth(inv, flag, i)); i++)
                json_array_append_new(list, json_string(word));
        return list;
}

static int set(struct invocation *inv)
{
        CLEANUP(buf_done) struct buf b = {0};
        json_t *body = json_pack("{s:o,s:o}", "allow", all_of(inv, "allow"), "routes",
                                 all_of(inv, "route"));
        return simple_call(inv, SERVER_START, "PUT",
                           target_of(&b, "/v1/sandboxes/", inv->operands[0], "/policy"), body,
                           print_policy);
}

static const struct flag set_flags[] = {
        {.o = {.name = "allow",
               .type = OPTION_STR,
               .max = 512,
               .doc = "A host that it may reach: NAME[:PORT], *.NAME, an address. May be "
                      "repeated."},
         .arg = "HOST",
         .repeated = true},
        {.o = {.name = "route",
               .type = OPTION_STR,
               .max = NAME_TEXT_MAX,
               .doc = "A route that it may use. May be repeated."},
         .arg = "NAME",
         .repeated = true},
        FLAGS_END,
};

const struct command command_policy_show = {
        .name = "policy show",
        .operands = "SANDBOX",
        .summary = "Say what a sandbox may reach.",
        .min_operands = 1,
        .max_operands = 1,
        .run = show,
};

const struct command command_policy_set = {
        .name = "policy set",
        .operands = "SANDBOX",
        .summary = "Change what a running sandbox may reach, at once.",
        .details = "What is given here takes the place of all that was allowed; with no option "
                   "nothing is. Connections and requests that are no longer allowed are cut. The "
                   "sandbox must have been made in network mode proxy.",
        .flags = set_flags,
        .min_operands = 1,
        .max_operands = 1,
        .run = set,
};

/* ---- route ---- */

static void print_routes(const json_t *answer)
{
        static const char *const titles[] = {"NAME", "UPSTREAM", "SECRET", "METER", NULL};
        CLEANUP(table_freep) struct table *t = table_new(titles);
        size_t i;
        json_t *r;
        json_array_foreach((json_t *)list_in(answer, "routes"), i, r)
        {
                const char *secret = get_str(r, "secret");
                table_cell(t, "%s", get_str(r, "name"));
                table_cell(t, "%s", get_str(r, "upstream"));
                table_cell(t, "%s", *secret ? secret : "-");
                table_cell(t, "%s", get_str(r, "meter"));
        }
        table_print(t);
}

static int list_routes(struct invocation *inv)
{
        return simple_call(inv, SERVER_START, "GET", "/v1/routes", NULL, print_routes);
}

static void print_route(const json_t *r)
{
        const char *key;
        json_t *v, *item;
        size_t i;
        json_object_foreach((json_t *)r, key, v)
        {
                if (json_is_string(v) && *json_string_value(v)) {
                        printf("%s: ", key);
                        out_line(stdout, json_string_value(v));
                        putchar('\n');
                }
                json_array_foreach(v, i, item)
                {
                        printf("%s: ", key);
                        out_line(stdout, json_string_value(item));
                        putchar('\n');
                }
        }
}

static int show_route(struct invocation *inv)
{
        struct err err = {0};
        size_t i;
        json_t *r;
        auto_json json_t *all = NULL;
        CLEANUP(client_freep) struct client *c = NULL;
        int bad = server_connect(inv, SERVER_START, &c, &err);
        bad = bad < 0 ? bad : client_call(c, "GET", "/v1/routes", NULL, &all, &err);
        if (bad < 0)
                return fail(bad, &err);
        json_array_foreach((json_t *)list_in(all, "routes"), i, r)
        {
                if (strcmp(get_str(r, "name"), inv->operands[0]) != 0)
                        continue;
                if (inv->json)
                        out_json(r);
                else
                        print_route(r);
                return EXIT_DONE;
        }
        return fail(-ENOENT,
                    (err_set(&err, -ENOENT, "there is no route '%.64s'", inv->operands[0]), &err));
}

const struct command command_route_list = {
        .name = "route list",
        .operands = "",
        .summary = "List the routes that your sandboxes may use.",
        .run = list_routes,
};

const struct command command_route_show = {
        .name = "route show",
        .operands = "NAME",
        .summary = "Say what a route is: where it leads, whose key goes there, what may be asked.",
        .min_operands = 1,
        .max_operands = 1,
        .run = show_route,
};

static void print_tested(const json_t *answer)
{
        printf("%s: ", get_str(answer, "name"));
        out_line(stdout, get_str(answer, "text"));
        putchar('\n');
}

static int test_route(struct invocation *inv)
{
        struct err err = {0};
        CLEANUP(buf_done) struct buf b = {0};
        auto_json json_t *answer = NULL;
        CLEANUP(client_freep) struct client *c = NULL;
        int bad = server_connect(inv, SERVER_START, &c, &err);
        bad = bad < 0 ? bad
                      : client_call(c, "POST",
                                    target_of(&b, "/v1/routes/", inv->operands[0], "/test"), NULL,
                                    &answer, &err);
        if (bad < 0)
                return fail(bad, &err);
        if (inv->json)
                out_json(answer);
        else
                print_tested(answer);
        return json_is_true(json_object_get(answer, "fine")) ? EXIT_DONE : EXIT_FAILURE;
}

const struct command command_route_test = {
        .name = "route test",
        .operands = "NAME",
        .summary = "Send one real request on a route, and say what is wrong.",
        .details =
                "The request passes all that a sandbox's would: the key and what it is bound to, "
                "the name, the address, the certificate. The key is not shown. Exit code 1 when "
                "the route cannot be used.",
        .min_operands = 1,
        .max_operands = 1,
        .run = test_route,
};
