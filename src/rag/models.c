#include "rag/models.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/str.h"
#include "rag/embed/model.h"
#include "rag/models_pack.h"
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>

#define MODELS_DIR ".models" /* no space can have this name */
#define IN_USE     "in-use"  /* holds a name; no model's file is called so */
#define SUFFIX     ".model"

/* A mapped model. One that was replaced stays until the last who has it gives it back. */
struct loaded {
        struct models_lent lent; /* first: what is lent is this */
        struct loaded *next;
        struct embed_model *model;
        char name[NAME_TEXT_MAX + 1];
        unsigned users;
        bool old; /* its file is gone or another */
        uint64_t used_ms;
};
struct models {
        pthread_mutex_t lock;
        pthread_mutex_t adding; /* one packing at a time: it takes the memory of a model */
        struct index_host host;
        int dir;
        struct loaded *first;
};

struct models *models_new(struct index_host host, struct err *err)
{
        int r = dir_ensure_at(AT_FDCWD, MODELS_DIR, 0700);
        int dir = r < 0 ? r : dir_open_at(AT_FDCWD, MODELS_DIR);
        if (dir < 0) {
                err_sys(err, dir, "the directory of models");
                return NULL;
        }
        struct models *m = xcalloc(1, sizeof *m);
        m->dir = dir;
        m->host = host;
        pthread_mutex_init(&m->lock, NULL);
        pthread_mutex_init(&m->adding, NULL);
        return m;
}

static void unload(struct models *m, struct loaded *l)
{
        for (struct loaded **p = &m->first; *p; p = &(*p)->next)
                if (*p == l) {
                        *p = l->next;
                        break;
                }
        embed_close(l->model);
        free(l);
}

void models_free(struct models *m)
{
        if (!m)
                return;
        while (m->first)
                unload(m, m->first);
        close(m->dir);
        pthread_mutex_destroy(&m->lock);
        pthread_mutex_destroy(&m->adding);
        free(m);
}

/* --- with the lock */

static const char *file_of(char ret[NAME_TEXT_MAX + 16], const char *name)
{
        snprintf(ret, NAME_TEXT_MAX + 16, "%s" SUFFIX, name);
        return ret;
}

static void name_in_use(struct models *m, char ret[NAME_TEXT_MAX + 1])
{
        CLEANUP(buf_done) struct buf b;
        buf_init(&b, NAME_TEXT_MAX);
        if (file_read_at(m->dir, IN_USE, &b) < 0 || !str_is_name(buf_text(&b)) ||
            str_copy(ret, NAME_TEXT_MAX + 1, buf_text(&b)) < 0)
                ret[0] = '\0';
}

static int set_in_use(struct models *m, const char *name, struct err *err)
{
        int r = file_replace_at(m->dir, IN_USE, name, strlen(name), 0600);
        return r < 0 ? err_sys(err, r, "writing which model is in use") : 0;
}

static int load(struct models *m, const char *name, struct loaded **ret, struct err *err)
{
        char file[NAME_TEXT_MAX + 16];
        for (struct loaded *l = m->first; l; l = l->next)
                if (!l->old && str_eq(l->name, name)) {
                        *ret = l;
                        return 0;
                }
        auto_close int fd = openat(m->dir, file_of(file, name), O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0)
                return errno == ENOENT ? err_set(err, -ENOENT, "there is no model '%s'", name)
                                       : err_sys(err, -errno, "model '%s'", name);
        struct embed_model *model = NULL;
        int r = embed_open(fd, &model, err);
        if (r < 0)
                return err_wrap(err, r, "model '%s'", name);
        struct loaded *l = xcalloc(1, sizeof *l);
        snprintf(l->name, sizeof l->name, "%s", name);
        l->model = model;
        l->lent = (struct models_lent){model, l->name};
        l->used_ms = clock_boot_ms();
        l->next = m->first;
        m->first = l;
        *ret = l;
        return 0;
}

/* The file of that name is another from now on. */
static void forget(struct models *m, const char *name)
{
        for (struct loaded *l = m->first, *next; l; l = next) {
                next = l->next;
                if (!str_eq(l->name, name))
                        continue;
                l->old = true;
                if (l->users == 0)
                        unload(m, l);
        }
}

static void describe(struct models *m, const char *name, struct rag_model *ret)
{
        static const char *const precisions[] = {"", "int8", "bf16", "fp32"};
        char used[NAME_TEXT_MAX + 1];
        struct loaded *l = NULL;
        struct err err = {0};
        memset(ret, 0, sizeof *ret);
        name_in_use(m, used);
        snprintf(ret->name, sizeof ret->name, "%s", name);
        ret->in_use = str_eq(used, name);
        if (load(m, name, &l, &err) < 0) {
                snprintf(ret->problem, sizeof ret->problem, "%s", err_text(&err));
                return;
        }
        const struct embed_info *i = embed_info(l->model);
        hex_encode(ret->id, i->id, sizeof i->id);
        snprintf(ret->precision, sizeof ret->precision, "%s", precisions[i->precision]);
        snprintf(ret->kernel, sizeof ret->kernel, "%s", i->kernel);
        snprintf(ret->languages, sizeof ret->languages, "%s", i->languages);
        ret->dims = i->dims;
        ret->max_tokens = i->max_tokens;
        ret->layers = i->layers;
        ret->bytes = i->bytes;
}

/* --- what others call */

int models_take(struct models *m, const char *name, struct models_lent **ret, struct err *err)
{
        char used[NAME_TEXT_MAX + 1];
        struct loaded *l = NULL;
        pthread_mutex_lock(&m->lock);
        if (!*name)
                name_in_use(m, used);
        const char *which = *name ? name : used;
        int r = str_is_name(which) ? load(m, which, &l, err)
                : *name            ? err_set(err, -EINVAL, "the model's name")
                                   : err_set(err, -ENOENT, "no model is in use");
        if (r == 0) {
                l->users++;
                *ret = &l->lent;
        }
        pthread_mutex_unlock(&m->lock);
        return r;
}

void models_give(struct models *m, struct models_lent *lent)
{
        struct loaded *l = (struct loaded *)lent;
        if (!l)
                return;
        pthread_mutex_lock(&m->lock);
        l->used_ms = clock_boot_ms();
        if (--l->users == 0 && l->old)
                unload(m, l);
        pthread_mutex_unlock(&m->lock);
}

void models_tidy(struct models *m, uint64_t now_ms)
{
        pthread_mutex_lock(&m->lock);
        for (struct loaded *l = m->first, *next; l; l = next) {
                next = l->next;
                if (l->users == 0 && now_ms >= l->used_ms + MODELS_IDLE_MS)
                        unload(m, l);
        }
        pthread_mutex_unlock(&m->lock);
}

/* The packed file is right and complete: it gets its name. */
static int install(struct models *m, const char *temporary, const char *name, struct rag_model *ret,
                   struct err *err)
{
        char file[NAME_TEXT_MAX + 16], used[NAME_TEXT_MAX + 1];
        struct embed_model *model = NULL;
        auto_close int fd = openat(m->dir, temporary, O_RDONLY | O_CLOEXEC);
        int r = fd < 0 ? -errno : embed_open(fd, &model, err);
        if (r < 0)
                return err_wrap(err, r, "the model as it was packed");
        r = model_verify(model, err);
        if (r == 0 && !str_eq(embed_info(model)->name, name))
                r = err_set(err, -EBADMSG, "the packed model has another name");
        embed_close(model);
        if (r < 0)
                return r;
        pthread_mutex_lock(&m->lock);
        if (renameat(m->dir, temporary, m->dir, file_of(file, name)) < 0 || fsync(m->dir) < 0)
                r = err_sys(err, -errno, "storing the model");
        if (r == 0) {
                forget(m, name);
                name_in_use(m, used);
                if (!used[0])
                        r = set_in_use(m, name, err);
        }
        if (r == 0)
                describe(m, name, ret);
        pthread_mutex_unlock(&m->lock);
        return r;
}

int models_add(struct models *m, const struct rag_model_add *rq, struct rag_model *ret,
               struct err *err)
{
        static const char temporary[] = "new.tmp";
        if (!str_is_name(rq->name))
                return err_set(err, -EINVAL, "the model's name");
        pthread_mutex_lock(&m->adding);
        auto_close int fd =
                openat(m->dir, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        int r = fd < 0 ? err_sys(err, -errno, "a file for the model")
                       : models_pack(&m->host, rq, fd, err);
        if (r == 0 && fsync(fd) < 0)
                r = err_sys(err, -errno, "storing the model");
        if (r == 0)
                r = install(m, temporary, rq->name, ret, err);
        if (r < 0)
                unlinkat(m->dir, temporary, 0);
        pthread_mutex_unlock(&m->adding);
        return r;
}

int models_use(struct models *m, const char *name, struct rag_model *ret, struct err *err)
{
        struct loaded *l;
        if (!str_is_name(name))
                return err_set(err, -EINVAL, "the model's name");
        pthread_mutex_lock(&m->lock);
        int r = load(m, name, &l, err);
        if (r == 0)
                r = set_in_use(m, name, err);
        if (r == 0)
                describe(m, name, ret);
        pthread_mutex_unlock(&m->lock);
        return r;
}

int models_remove(struct models *m, const char *name, struct rag_model *ret, struct err *err)
{
        char file[NAME_TEXT_MAX + 16], used[NAME_TEXT_MAX + 1];
        if (!str_is_name(name))
                return err_set(err, -EINVAL, "the model's name");
        pthread_mutex_lock(&m->lock);
        int r = 0;
        name_in_use(m, used);
        if (faccessat(m->dir, file_of(file, name), F_OK, 0) < 0)
                r = err_set(err, -ENOENT, "there is no model '%s'", name);
        else if (str_eq(used, name))
                r = err_set(err, -EBUSY, "model '%s' is in use; choose another first", name);
        if (r == 0) {
                describe(m, name, ret);
                if (unlinkat(m->dir, file, 0) < 0)
                        r = err_sys(err, -errno, "removing model '%s'", name);
                forget(m, name);
        }
        pthread_mutex_unlock(&m->lock);
        return r;
}

static int by_name(const void *a, const void *b)
{
        return strcmp(((const struct rag_model *)a)->name, ((const struct rag_model *)b)->name);
}

int models_list(struct models *m, struct rag_model **ret, size_t *ret_n, struct err *err)
{
        int fd = openat(m->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        DIR *d = fd < 0 ? NULL : fdopendir(fd);
        if (!d) {
                int e = errno;
                if (fd >= 0)
                        close(fd);
                return err_sys(err, -e, "the directory of models");
        }
        struct rag_model *list = xcalloc(MODELS_MAX, sizeof *list);
        struct dirent *e;
        size_t n = 0;
        pthread_mutex_lock(&m->lock);
        while (n < MODELS_MAX && (e = readdir(d))) {
                char name[NAME_TEXT_MAX + 1];
                size_t len = strlen(e->d_name);
                if (!str_ends(e->d_name, SUFFIX) || len - strlen(SUFFIX) > NAME_TEXT_MAX)
                        continue;
                memcpy(name, e->d_name, len - strlen(SUFFIX));
                name[len - strlen(SUFFIX)] = '\0';
                if (str_is_name(name))
                        describe(m, name, &list[n++]);
        }
        pthread_mutex_unlock(&m->lock);
        closedir(d);
        qsort(list, n, sizeof *list, by_name);
        *ret = list;
        *ret_n = n;
        return 0;
}
