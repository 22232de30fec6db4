/* A publisher's tokenizer, a NUL, a text: what is built cuts the text into pieces that exist, in
 * order, within it. Without a NUL: the text alone, by a tokenizer that is right. The same tables
 * with bytes changed are refused or harmless. */
#include "base/mem.h"
#include "rag/embed/tokenizer.h"
#include "rag/embed/tokenizer_build.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void run(const struct tokenizer *t, struct slice text, bool ordered)
{
        struct embed_tokens out = {0};
        if (tokenizer_run(t, text, &out, NULL) == 0)
                for (size_t i = 0; i < out.n; i++) {
                        const struct embed_token *p = &out.list[i];
                        if (p->id >= t->head.vocabulary || p->begin > p->end || p->end > text.len ||
                            (ordered && i > 0 && p->begin < out.list[i - 1].begin))
                                abort();
                }
        embed_tokens_done(&out);
}

static void damage(const struct buf *tables, struct slice text)
{
        struct tokenizer t;
        auto_free char *copy = xmalloc(tables->len + 1);
        memcpy(copy, tables->data, tables->len);
        for (size_t i = 0; i + 1 < text.len && i < 16; i += 2) {
                size_t at = ((size_t)(unsigned char)text.data[i] * 131 + i * 7919) % tables->len;
                copy[at] = (char)(copy[at] ^ text.data[i + 1]);
        }
        if (tokenizer_view(copy, tables->len, &t, NULL) == 0)
                run(&t, text, false);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static const char vocab[] = "[UNK]\n[CLS]\n[SEP]\na\n##a\nab\n##b\n,\nthe\n##ing\n";
        CLEANUP(buf_done) struct buf tables;
        struct tokenizer t;
        const uint8_t *end = size ? memchr(data, 0, size) : NULL;
        struct slice text = {(const char *)data, size};
        buf_init(&tables, 4u << 20);
        int r;
        if (end) {
                struct slice json = {(const char *)data, (size_t)(end - data)};
                text = (struct slice){(const char *)end + 1, size - json.len - 1};
                r = tokenizer_build_json(json, &tables, NULL);
        } else {
                r = tokenizer_build_vocab(slice_of(vocab), true, &tables, NULL);
        }
        if (r < 0 || tokenizer_view(tables.data, tables.len, &t, NULL) < 0)
                return 0;
        run(&t, text, true);
        damage(&tables, text);
        return 0;
}
