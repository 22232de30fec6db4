/* `paddock template`: warm processes that sandboxes are forked from. */
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "cli/simple.h"

static void print_templates(const json_t *answer)
{
        static const char *const titles[] = {"NAME",    "IMAGE",   "RUNTIME", "STATE",
                                             ">MEMORY", "IMPORTS", NULL};
        CLEANUP(table_freep) struct table *t = table_new(titles);
        size_t i;
        json_t *v;
        char size[24];
        json_array_foreach((json_t *)list_in(answer, "templates"), i, v)
        {
                table_cell(t, "%s", get_str(v, "name"));
                table_cell(t, "%s", get_str(v, "image"));
                table_cell(t, "%s", get_str(v, "runtime"));
                table_cell(t, "%s", get_str(v, "state"));
                table_cell(t, "%s", str_from_bytes(size, sizeof size, get_u64(v, "memory_bytes")));
                table_cell(t, "%zu", json_array_size(json_object_get(v, "imports")));
        }
        table_print(t);
}

static void print_template(const json_t *o)
{
        char size[24], when[32];
        size_t i;
        json_t *v;
        printf("name        %s\n", get_str(o, "name"));
        printf("image       %s\n", get_str(o, "image"));
        printf("runtime     %s\n", get_str(o, "runtime"));
        printf("state       %s\n", get_str(o, "state"));
        printf("sandboxes   %llu\n", (unsigned long long)get_u64(o, "sandboxes"));
        printf("memory      %s\n", str_from_bytes(size, sizeof size, get_u64(o, "memory_bytes")));
        printf("created     %s\n", local_time(when, get_u64(o, "created_ms")));
        json_array_foreach(json_object_get(o, "imports"), i, v)
        {
                printf("%-11s %s\n", i ? "" : "imports", json_string_value(v));
        }
        if (*get_str(o, "error")) {
                printf("error       ");
                out_line(stdout, get_str(o, "error"));
                putchar('\n');
        }
}

static int list(struct invocation *inv)
{
        return simple_call(inv, SERVER_START, "GET", "/v1/templates", NULL, print_templates);
}

static int show(struct invocation *inv)
{
        CLEANUP(buf_done) struct buf b = {0};
        return simple_call(inv, SERVER_START, "GET",
                           target_of(&b, "/v1/templates/", inv->operands[0], ""), NULL,
                           print_template);
}

static int remove_template(struct invocation *inv)
{
        CLEANUP(buf_done) struct buf b = {0};
        return simple_call(inv, SERVER_START, "DELETE",
                           target_of(&b, "/v1/templates/", inv->operands[0], ""), NULL, NULL);
}

/* "numpy,pandas" adds two. */
static void add_imports(json_t *imports, const char *text)
{
        while (*text) {
                size_t n = strcspn(text, ",");
                auto_free char *name = xstrndup(text, n);
                if (n)
                        json_array_append_new(imports, json_string(name));
                text += n + (text[n] == ',');
        }
}

static int create(struct invocation *inv)
{
        const char *text;
        json_t *imports = json_array();
        json_t *body = json_pack("{s:s,s:o}", "name", inv->operands[0], "imports", imports);
        for (size_t i = 0; (text = flag_nth(inv, "import", i)); i++)
                add_imports(imports, text);
        if (flag_given(inv, "image"))
                json_object_set_new(body, "image", json_string(flag_text(inv, "image")));
        if (flag_given(inv, "runtime"))
                json_object_set_new(body, "runtime", json_string(flag_text(inv, "runtime")));
        if (flag_given(inv, "memory"))
                json_object_set_new(body, "memory_bytes",
                                    json_integer((json_int_t)flag_u64(inv, "memory", 0)));
        return simple_call(inv, SERVER_START, "POST", "/v1/templates", body, NULL);
}

static const struct flag create_flags[] = {
        {.o = {.name = "image",
               .type = OPTION_NAME,
               .doc = "File system of its sandboxes; default host, this machine's /usr."},
         .arg = "IMAGE"},
        {.o = {.name = "runtime",
               .type = OPTION_NAME,
               .doc = "python (the default): a warm interpreter is forked; shell: sandboxes of the "
                      "image are made ahead."},
         .arg = "python|shell"},
        {.o = {.name = "import",
               .type = OPTION_STR,
               .max = 4096,
               .doc = "Modules of Python that are imported ahead."},
         .arg = "MODULE[,MODULE]...",
         .repeated = true},
        {.o = {.name = "memory",
               .type = OPTION_BYTES,
               .min = BOX_MEMORY_MIN,
               .max = BOX_BYTES_MAX,
               .doc = "Most memory of the warm process; that of a sandbox is its own --memory."},
         .letter = 'm',
         .arg = "SIZE"},
        FLAGS_END,
};

const struct command command_template_create = {
        .name = "template create",
        .operands = "NAME",
        .summary = "Make a template, which sandboxes are forked from.",
        .details = "'paddock run --template NAME -- python3 ...' then starts without waiting for "
                   "the interpreter and its imports. The first use starts the warm process; when "
                   "templates.memory is full, the one that was used longest ago is ended. A "
                   "template is yours alone. The same create again changes nothing; with other "
                   "values it is an error.",
        .flags = create_flags,
        .min_operands = 1,
        .max_operands = 1,
        .run = create,
};
const struct command command_template_list = {
        .name = "template list",
        .operands = "",
        .summary = "List your templates.",
        .run = list,
};
const struct command command_template_show = {
        .name = "template show",
        .operands = "NAME",
        .summary = "Show a template: its imports, whether it is warm, why it failed.",
        .min_operands = 1,
        .max_operands = 1,
        .run = show,
};
const struct command command_template_remove = {
        .name = "template remove",
        .operands = "NAME",
        .summary = "Remove a template that no sandbox uses.",
        .min_operands = 1,
        .max_operands = 1,
        .run = remove_template,
};
