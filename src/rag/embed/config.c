#include "rag/embed/config.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"

static int parse(struct slice text, const char *name, json_t **ret, struct err *err)
{
        if (!text.data)
                return err_set(err, -ENOENT, "%s is missing", name);
        int r = json_parse(text.data, text.len, ret, err);
        if (r == 0 && !json_is_object(*ret) && !json_is_array(*ret))
                r = err_set(err, -EINVAL, "no object");
        return r < 0 ? err_wrap(err, r, "%s", name) : 0;
}

static int number(const json_t *o, const char *key, uint64_t max, uint32_t *ret, struct err *err)
{
        uint64_t v = 0;
        int r = json_read_u64(o, key, JSON_REQUIRED, 1, max, &v, err);
        if (r < 0)
                return err_wrap(err, r, "config.json");
        *ret = (uint32_t)v;
        return 0;
}

static int read_family(const json_t *c, struct model_head *h, struct err *err)
{
        char type[64] = "", act[64] = "gelu", place[64] = "absolute";
        uint64_t buckets = 32;
        int r = json_read_str(c, "model_type", JSON_REQUIRED, type, sizeof type, err);
        if (r >= 0)
                r = json_read_str(c, "hidden_act", JSON_OPTIONAL, act, sizeof act, err);
        if (r >= 0)
                r = json_read_str(c, "position_embedding_type", JSON_OPTIONAL, place, sizeof place,
                                  err);
        if (r < 0)
                return err_wrap(err, r, "config.json");
        if (!str_eq(act, "gelu") || !str_eq(place, "absolute"))
                return err_set(err, -EINVAL, "config.json: hidden_act '%s', positions '%s'", act,
                               place);
        h->family = str_eq(type, "mpnet") ? MODEL_MPNET : MODEL_BERT;
        if (h->family == MODEL_MPNET) {
                r = json_read_u64(c, "relative_attention_num_buckets", JSON_OPTIONAL, 4,
                                  MODEL_BUCKETS_MAX, &buckets, err);
                if (r < 0)
                        return r;
                h->buckets = (uint32_t)buckets;
                h->bucket_distance = 128; /* the family's constant: no file states it */
        }
        /* XLM-R and RoBERTa are BERT with positions that begin behind the padding's. */
        bool shifted =
                h->family == MODEL_MPNET || str_eq(type, "xlm-roberta") || str_eq(type, "roberta");
        if (!shifted && !str_eq(type, "bert"))
                return err_set(err, -EINVAL, "config.json: model_type '%s' is no BERT or MPNet",
                               type);
        if (shifted) {
                uint64_t pad = 1;
                r = json_read_u64(c, "pad_token_id", JSON_OPTIONAL, 0, 8, &pad, err);
                h->first_position = (uint32_t)pad + 1;
        }
        return r < 0 ? r : 0;
}

static int read_sizes(const json_t *c, struct model_head *h, struct err *err)
{
        const json_t *eps = json_object_get(c, "layer_norm_eps");
        h->norm_eps = json_is_number(eps) ? (float)json_number_value(eps) : 1e-12f;
        int r = number(c, "hidden_size", MODEL_WIDTH_MAX, &h->width, err);
        if (r == 0)
                r = number(c, "num_hidden_layers", MODEL_LAYERS_MAX, &h->layers, err);
        if (r == 0)
                r = number(c, "num_attention_heads", MODEL_WIDTH_MAX, &h->heads, err);
        if (r == 0)
                r = number(c, "intermediate_size", MODEL_INNER_MAX, &h->inner, err);
        if (r == 0)
                r = number(c, "vocab_size", 1u << 22, &h->vocabulary, err);
        if (r == 0)
                r = number(c, "max_position_embeddings", EMBED_TOKENS_MAX + 16, &h->positions, err);
        return r;
}

static int read_pooling(const struct pack_files *f, struct model_head *h, struct err *err)
{
        auto_json json_t *j = NULL;
        static const char *const others[] = {
                "pooling_mode_max_tokens", "pooling_mode_mean_sqrt_len_tokens",
                "pooling_mode_weightedmean_tokens", "pooling_mode_lasttoken"};
        bool cls = false, mean = false, other = false;
        int r = parse(f->pooling, "1_Pooling/config.json", &j, err);
        if (r >= 0)
                r = json_read_bool(j, "pooling_mode_cls_token", JSON_OPTIONAL, &cls, err);
        if (r >= 0)
                r = json_read_bool(j, "pooling_mode_mean_tokens", JSON_OPTIONAL, &mean, err);
        for (size_t i = 0; i < ARRAY_LEN(others) && r >= 0 && !other; i++)
                r = json_read_bool(j, others[i], JSON_OPTIONAL, &other, err);
        if (r < 0)
                return err_wrap(err, r, "pooling");
        if (cls == mean || other)
                return err_set(err, -EINVAL, "1_Pooling/config.json: neither mean nor CLS");
        h->pooling = cls ? MODEL_CLS : MODEL_MEAN;
        return 0;
}

/* A vector must come from pooling and normalising alone. */
static int check_modules(const struct pack_files *f, struct err *err)
{
        auto_json json_t *j = NULL;
        if (!f->modules.data)
                return 0;
        int r = parse(f->modules, "modules.json", &j, err);
        for (size_t i = 0; i < json_array_size(j) && r == 0; i++) {
                const char *type = json_string_value(json_object_get(json_array_get(j, i), "type"));
                if (!type || (!str_ends(type, ".Transformer") && !str_ends(type, ".Pooling") &&
                              !str_ends(type, ".Normalize")))
                        r = err_set(err, -EINVAL, "modules.json: a module '%.80s'",
                                    type ? type : "");
        }
        return r;
}

static int read_maximum(const struct pack_files *f, struct model_head *h, struct err *err)
{
        auto_json json_t *j = NULL;
        uint64_t most = 0;
        int r = 0;
        h->max_tokens = h->positions - h->first_position;
        if (f->sentence.data) {
                r = parse(f->sentence, "sentence_bert_config.json", &j, err);
                if (r == 0)
                        r = json_read_u64(j, "max_seq_length", JSON_OPTIONAL, 1, 1u << 30, &most,
                                          err);
        }
        /* tokenizer_config.json often holds 1e30 for "no maximum": then it says nothing. */
        if (r >= 0 && most == 0 && f->tokenizer_config.data) {
                auto_json json_t *t = NULL;
                r = parse(f->tokenizer_config, "tokenizer_config.json", &t, err);
                const json_t *v = json_object_get(t, "model_max_length");
                if (json_is_integer(v) && json_integer_value(v) > 0 &&
                    json_integer_value(v) < 1 << 30)
                        most = (uint64_t)json_integer_value(v);
        }
        if (r < 0)
                return r;
        if (most > 0 && most < h->max_tokens)
                h->max_tokens = (uint32_t)most;
        if (h->max_tokens > EMBED_TOKENS_MAX)
                h->max_tokens = EMBED_TOKENS_MAX;
        return 0;
}

static int read_prompts(const struct pack_files *f, const struct pack_options *o,
                        struct model_head *h, struct err *err)
{
        static const char *const keys[2][2] = {{"passage", "document"}, {"query", "query"}};
        auto_json json_t *j = NULL;
        int r = 0;
        if (f->prompts.data)
                r = parse(f->prompts, "config_sentence_transformers.json", &j, err);
        if (r < 0)
                return r;
        for (int k = 0; k < 2; k++) {
                const json_t *all = json_object_get(j, "prompts");
                const char *s = o->prefix[k];
                for (int i = 0; i < 2 && !s; i++)
                        s = json_string_value(json_object_get(all, keys[k][i]));
                if (str_copy(h->prefix[k], sizeof h->prefix[k], s ? s : "") < 0)
                        return err_set(err, -EINVAL, "a prefix of more than %d bytes",
                                       MODEL_PREFIX_MAX);
        }
        return 0;
}

int config_read(const struct pack_files *f, const struct pack_options *o, struct model_head *ret,
                struct err *err)
{
        struct model_head h = {.version = MODEL_VERSION, .precision = o->precision};
        auto_json json_t *c = NULL;
        memcpy(h.magic, MODEL_MAGIC, sizeof h.magic);
        if (str_copy(h.name, sizeof h.name, o->name) < 0 ||
            str_copy(h.languages, sizeof h.languages, o->languages ? o->languages : "") < 0)
                return err_set(err, -EINVAL, "the model's name or languages are too long");
        int r = parse(f->config, "config.json", &c, err);
        if (r == 0)
                r = read_family(c, &h, err);
        if (r == 0)
                r = read_sizes(c, &h, err);
        if (r == 0 && h.positions <= h.first_position)
                r = err_set(err, -EINVAL, "config.json: max_position_embeddings");
        if (r == 0)
                r = read_pooling(f, &h, err);
        if (r == 0)
                r = check_modules(f, err);
        if (r == 0)
                r = read_maximum(f, &h, err);
        if (r == 0)
                r = read_prompts(f, o, &h, err);
        if (r == 0)
                *ret = h;
        return r;
}

bool config_lower(const struct pack_files *f)
{
        auto_json json_t *j = NULL;
        bool lower = true;
        if (!f->tokenizer_config.data || parse(f->tokenizer_config, "", &j, NULL) < 0)
                return true;
        return json_read_bool(j, "do_lower_case", JSON_OPTIONAL, &lower, NULL) < 0 ? true : lower;
}
