/* quality DIR [MODEL] - how good the search is on Cranfield (../shared/eval/cranfield or a copy): every
 * query against an index of all documents, a document ranked by its best passage; nDCG@10 and
 * recall@100 with the 95 % interval of the mean (normal, over queries), by word and, with a packed
 * model, by meaning and by both. Prints rows of Markdown. */
#include "base/fd.h"
#include "base/mem.h"
#include "base/str.h"
#include "rag/embedding.h"
#include "rag/search.h"
#include <fcntl.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <time.h>

#define DOCS    1500
#define QUERIES 225
#define DEPTH   100

static bool relevant[QUERIES + 1][DOCS];
static int n_relevant[QUERIES + 1];

static json_t *next_line(FILE *f)
{
        static char *line;
        static size_t cap;
        return getline(&line, &cap, f) > 0 ? json_loads(line, 0, NULL) : NULL;
}

static const char *text_of(const json_t *o, const char *key)
{
        const char *s = json_string_value(json_object_get(o, key));
        return s ? s : "";
}

static FILE *open_in(const char *dir, const char *name)
{
        auto_free char *path = xasprintf("%s/%s", dir, name);
        FILE *f = fopen(path, "re");
        if (!f) {
                fprintf(stderr, "quality: %s: %s\n", path, strerror(errno));
                exit(1);
        }
        return f;
}

static int number(const char *s)
{
        return (int)strtol(s, NULL, 10);
}

static void must(int r, const struct err *err)
{
        if (r >= 0)
                return;
        fprintf(stderr, "quality: %s\n", err_text(err));
        exit(1);
}

static void put(struct space *s, const json_t *o, struct gathered *g)
{
        struct parse_end end = {.status = PARSE_INDEXED};
        struct parse_block b = {.kind = PARSE_PARAGRAPH, .text = slice_of(text_of(o, "text"))};
        struct chunker c;
        struct err err = {0};
        snprintf(end.title, sizeof end.title, "%s", text_of(o, "title"));
        gathered_clear(g);
        chunk_init(&c, gathered_add, g);
        must(chunk_add(&c, &b, &err), &err);
        must(chunk_end(&c, &err), &err);
        chunk_done(&c);
        must(space_put(s, text_of(o, "_id"), &end, g, &err), &err);
}

static void load(struct space *s, const char *dir)
{
        CLEANUP(gathered_done) struct gathered g;
        struct err err = {0};
        FILE *f = open_in(dir, "corpus.jsonl");
        gathered_init(&g);
        must(space_begin(s, &err), &err);
        for (json_t *o; (o = next_line(f)); json_decref(o))
                put(s, o, &g);
        must(space_commit(s, &err), &err);
        fclose(f);
}

static void load_judgements(const char *dir)
{
        FILE *f = open_in(dir, "qrels.tsv");
        char line[256], query[32], doc[32];
        int score;
        while (fgets(line, sizeof line, f)) {
                if (sscanf(line, "%31s %31s %d", query, doc, &score) != 3 || score <= 0)
                        continue;
                int q = number(query), d = number(doc);
                if (q < 1 || q > QUERIES || d < 1 || d >= DOCS)
                        continue;
                n_relevant[q] += !relevant[q][d];
                relevant[q][d] = true;
        }
        fclose(f);
}

struct mean {
        double sum, squares;
        int n;
};

static void add(struct mean *m, double x)
{
        m->sum += x;
        m->squares += x * x;
        m->n++;
}

static double interval(const struct mean *m)
{
        double mean = m->sum / m->n;
        return 1.96 * sqrt((m->squares / m->n - mean * mean) / m->n);
}

static void judge(int q, const struct hits *h, struct mean *ndcg, struct mean *recall)
{
        double gain = 0, ideal = 0;
        int seen[DEPTH], n = 0, found = 0;
        for (size_t i = 0; i < h->n && n < DEPTH; i++) {
                int d = number(h->h[i].path), k = 0;
                while (k < n && seen[k] != d)
                        k++;
                if (k < n)
                        continue;
                seen[n++] = d;
                found += relevant[q][d];
                gain += n <= 10 && relevant[q][d] ? 1 / log2(n + 1) : 0;
        }
        for (int i = 1; i <= 10 && i <= n_relevant[q]; i++)
                ideal += 1 / log2(i + 1);
        add(ndcg, ideal > 0 ? gain / ideal : 0);
        add(recall, n_relevant[q] ? (double)found / n_relevant[q] : 0);
}

static double now_ms(void)
{
        struct timespec t;
        clock_gettime(CLOCK_MONOTONIC, &t);
        return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void embed_all(struct space *s, const struct embed_model *m)
{
        struct embedder *embedder = embedder_new();
        struct embedding e = {.space = s, .model = m, .embedder = embedder};
        struct embedded done;
        struct err err = {0};
        double begin = now_ms();
        must(embed_space(&e, &done, &err), &err);
        embedder_free(embedder);
        fprintf(stderr, "quality: %s, %s: %llu passages in %.1f s\n", embed_info(m)->name,
                embed_info(m)->kernel, (unsigned long long)done.made, (now_ms() - begin) / 1e3);
}

/* One row; without `w` not by word, without `m` not by meaning. */
static void row(const char *name, const char *dir, struct space *s, struct words *w,
                const struct embed_model *m, bool by_word)
{
        struct mean ndcg = {0}, recall = {0};
        double spent = 0;
        CLEANUP(embed_worker_freep) struct embed_worker *e = m ? embed_worker_new(m, NULL) : NULL;
        static float vector[VECTOR_DIMS_MAX];
        struct err err = {0};
        FILE *f = open_in(dir, "queries.jsonl");
        for (json_t *o; (o = next_line(f)); json_decref(o)) {
                CLEANUP(hits_done) struct hits h = {0};
                struct slice text = slice_of(text_of(o, "text"));
                struct search q = {by_word ? text.data : "", "", DEPTH, NULL, 0};
                if (m) {
                        must(embed_texts(e, EMBED_QUERY, &text, 1, vector, &err), &err);
                        q.meaning = vector;
                        q.dims = vector_model_of(m).dims;
                }
                double begin = now_ms();
                must(search_run(s, w, &q, &h, &err), &err);
                spent += now_ms() - begin;
                judge(number(text_of(o, "_id")), &h, &ndcg, &recall);
        }
        fclose(f);
        printf("| %s | %.4f ± %.3f | %.4f ± %.3f | %.2f |\n", name, ndcg.sum / ndcg.n,
               interval(&ndcg), recall.sum / recall.n, interval(&recall), spent / ndcg.n);
}

int main(int argc, char **argv)
{
        char dir[] = "/tmp/quality-XXXXXX";
        struct space *s;
        struct err err = {0};
        CLEANUP(words_freep) struct words *w = words_new();
        CLEANUP(embed_closep) struct embed_model *m = NULL;
        if (argc < 2 || argc > 3 || !mkdtemp(dir)) {
                fprintf(stderr, "usage: quality DIR [MODEL]\n");
                return 2;
        }
        struct spaces *all = spaces_new(dir_open_at(AT_FDCWD, dir));
        must(space_get(all, "q", true, &s, &err), &err);
        load(s, argv[1]);
        load_judgements(argv[1]);
        row("words", argv[1], s, w, NULL, true);
        if (argc == 3) {
                auto_close int fd = open(argv[2], O_RDONLY | O_CLOEXEC);
                must(fd < 0 ? -errno : embed_open(fd, &m, &err), &err);
                embed_all(s, m);
                row("meaning", argv[1], s, w, m, false);
                row("both", argv[1], s, w, m, true);
        }
        space_release(s);
        spaces_free(all);
        return tree_remove_at(AT_FDCWD, dir) < 0;
}
