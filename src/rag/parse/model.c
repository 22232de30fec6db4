#include "rag/parse/model.h"
#include "base/str.h"
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define FILE_MAX (16ull << 30)

/* The whole file; without data when it is not there. The volume is read-only here, but its owner
 * may cut the file meanwhile: this process then ends, which is what its sandbox is for. */
static int map_file(int dir, const char *name, struct slice *ret, struct err *err)
{
        struct stat st;
        *ret = (struct slice){NULL, 0};
        auto_close int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        if (fd < 0 && errno == ENOENT)
                return 0;
        if (fd < 0 || fstat(fd, &st) < 0)
                return err_sys(err, -errno, "%s", name);
        if (!S_ISREG(st.st_mode) || st.st_size <= 0 || (uint64_t)st.st_size > FILE_MAX)
                return err_set(err, -EINVAL, "%s: no file, empty or too large", name);
        void *p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (p == MAP_FAILED)
                return err_sys(err, -errno, "%s", name);
        *ret = (struct slice){p, (size_t)st.st_size};
        return 0;
}

static void unmap(struct slice *s)
{
        if (s->data)
                munmap((void *)(uintptr_t)s->data, s->len);
}

int model_pack_folder(int root, const struct parse_pack *rq, pack_sink put, void *ctx,
                      struct err *err)
{
        struct pack_files f = {0};
        const struct {
                const char *name;
                struct slice *to;
        } files[] = {{"config.json", &f.config},
                     {"model.safetensors", &f.weights},
                     {"tokenizer.json", &f.tokenizer},
                     {"vocab.txt", &f.vocab},
                     {"tokenizer_config.json", &f.tokenizer_config},
                     {"1_Pooling/config.json", &f.pooling},
                     {"sentence_bert_config.json", &f.sentence},
                     {"config_sentence_transformers.json", &f.prompts},
                     {"modules.json", &f.modules}};
        struct pack_options o = {.precision = (enum embed_precision)rq->precision,
                                 .name = rq->name,
                                 .languages = rq->languages};
        o.prefix[EMBED_PASSAGE] = rq->given & 1 ? rq->passage : NULL;
        o.prefix[EMBED_QUERY] = rq->given & 2 ? rq->query : NULL;
        if ((rq->folder[0] && !str_is_subpath(rq->folder)) || rq->precision < EMBED_INT8 ||
            rq->precision > EMBED_FP32)
                return err_set(err, -EINVAL, "the folder or the precision");
        auto_close int dir =
                openat(root, rq->folder[0] ? rq->folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (dir < 0)
                return err_sys(err, -errno, "the folder '%s'", rq->folder);
        int r = 0;
        for (size_t i = 0; i < ARRAY_LEN(files) && r == 0; i++)
                r = map_file(dir, files[i].name, files[i].to, err);
        if (r == 0)
                r = pack_model(&f, &o, put, ctx, err);
        for (size_t i = 0; i < ARRAY_LEN(files); i++)
                unmap(files[i].to);
        return r;
}
