/* The life of spaces: opened, read, released, removed. */
#include "rag/segment/space_private.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>

struct spaces {
        int dir;
        pthread_mutex_t lock; /* over the list and the users of each */
        struct space *first;
        uint64_t clock;
};

struct spaces *spaces_new(int dir)
{
        struct spaces *all = xcalloc(1, sizeof *all);
        all->dir = dir;
        pthread_mutex_init(&all->lock, NULL);
        return all;
}

static void close_space(struct space *s)
{
        for (size_t i = 0; i < s->n_segments; i++)
                segment_close(&s->segments[i]);
        free(s->segments);
        catalog_done(&s->catalog);
        log_close(&s->log);
        closep(&s->dir);
        closep(&s->lock_fd);
        builder_free(s->builder);
        buf_done(&s->changes);
        pthread_rwlock_destroy(&s->lock);
        pthread_mutex_destroy(&s->turn);
        pthread_cond_destroy(&s->next_turn);
        pthread_mutex_destroy(&s->tidying);
        free(s);
}

void spaces_free(struct spaces *all)
{
        if (!all)
                return;
        while (all->first) {
                struct space *s = all->first;
                all->first = s->next;
                close_space(s);
        }
        closep(&all->dir);
        pthread_mutex_destroy(&all->lock);
        free(all);
}

/* ---- opening ---- */

/* An empty one: catalog and log first, the root last. */
static int create(struct space *s, struct err *err)
{
        s->root.generation = 1;
        int r = catalog_write(&s->catalog, s->dir, 1, err);
        if (r == 0)
                r = log_create(s->dir, 1, &s->log, err);
        return r < 0 ? r : root_create(s->dir, &s->root, err);
}

static int open_segments(struct space *s, struct err *err)
{
        s->segments = xcalloc(s->catalog.n_segments + 1, sizeof *s->segments);
        for (size_t i = 0; i < s->catalog.n_segments; i++) {
                const struct segment_row *row = &s->catalog.segments[i];
                int r = segment_open(s->dir, row->id, &s->segments[i], err);
                if (r == 0 && s->segments[s->n_segments++].n != row->passages)
                        r = err_set(err, -EBADMSG, "seg-%llu is not the one that was written",
                                    (unsigned long long)row->id);
                if (r < 0)
                        return r == -ENOENT ? err_set(err, -EBADMSG, "seg-%llu is missing",
                                                      (unsigned long long)row->id)
                                            : r;
        }
        return 0;
}

static bool is_named(const struct space *s, const char *name)
{
        char known[3][32];
        unsigned long long id;
        int end = 0;
        catalog_name(known[0], s->root.generation);
        log_name(known[1], s->root.generation);
        for (int i = 0; i < 2; i++)
                if (str_eq(name, known[i]))
                        return true;
        if (sscanf(name, "seg-%llu%n", &id, &end) == 1 && name[end] == '\0')
                return catalog_segment(&s->catalog, id) != NULL;
        uint64_t of;
        if (vectors_named(name, &of))
                return catalog_segment(&s->catalog, of) != NULL;
        return str_eq(name, "root") || str_eq(name, "lock");
}

/* What was being written when an earlier process ended. */
static void sweep(const struct space *s)
{
        int fd = openat(s->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        DIR *d = fd < 0 ? NULL : fdopendir(fd);
        if (!d) {
                closep(&fd);
                return;
        }
        for (struct dirent *e; (e = readdir(d));)
                if (e->d_name[0] != '.' && !is_named(s, e->d_name))
                        unlinkat(s->dir, e->d_name, 0);
        closedir(d);
}

static int load(struct space *s, bool create_it, struct err *err)
{
        auto_close int lock = openat(s->dir, "lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        if (lock < 0 || flock(lock, LOCK_EX | LOCK_NB) < 0)
                return err_sys(err, errno == EWOULDBLOCK ? -EBUSY : -errno, "the index's lock");
        int r = root_read(s->dir, &s->root, create_it ? NULL : err);
        if (r == -ENOENT && create_it)
                r = create(s, err);
        else if (r == 0 && (r = catalog_read(&s->catalog, s->dir, s->root.generation, err)) == 0)
                r = log_open(s->dir, s->root.generation, catalog_apply, &s->catalog, &s->log, err);
        else if (r < 0 && create_it)
                err_set(err, r, "the index's root is damaged");
        if (r == 0)
                r = open_segments(s, err);
        if (r < 0)
                return r;
        sweep(s);
        s->lock_fd = TAKE_FD(lock);
        return 0;
}

static struct space *new_space(struct spaces *all, const char *name)
{
        struct space *s = xcalloc(1, sizeof *s);
        s->all = all;
        s->log_long = LOG_LONG;
        s->dir = s->lock_fd = s->log.fd = -1;
        snprintf(s->name, sizeof s->name, "%s", name);
        catalog_init(&s->catalog);
        buf_init(&s->changes, LOG_BATCH_MAX);
        pthread_rwlock_init(&s->lock, NULL);
        pthread_mutex_init(&s->turn, NULL);
        pthread_cond_init(&s->next_turn, NULL);
        pthread_mutex_init(&s->tidying, NULL);
        return s;
}

static int open_space(struct spaces *all, const char *name, bool create_it, struct space **ret,
                      struct err *err)
{
        struct space *s = new_space(all, name);
        int r = create_it ? dir_ensure_at(all->dir, name, 0700) : 0;
        if (r == 0 && (s->dir = dir_open_at(all->dir, name)) < 0)
                r = s->dir;
        r = r < 0 ? err_sys(err, r, "the index of '%s'", name) : load(s, create_it, err);
        if (r < 0) {
                close_space(s);
                return r;
        }
        *ret = s;
        return 0;
}

/* Closes the one that nobody has used for longest, when there are too many. */
static void close_oldest(struct spaces *all)
{
        struct space **oldest = NULL;
        unsigned idle = 0;
        for (struct space **at = &all->first; *at; at = &(*at)->next) {
                if ((*at)->users)
                        continue;
                idle++;
                if (!oldest || (*at)->used < (*oldest)->used)
                        oldest = at;
        }
        if (idle <= SPACES_OPEN_MAX)
                return;
        struct space *s = *oldest;
        *oldest = s->next;
        close_space(s);
}

int space_get(struct spaces *all, const char *name, bool create_it, struct space **ret,
              struct err *err)
{
        int r = 0;
        pthread_mutex_lock(&all->lock);
        struct space *s = all->first;
        while (s && (s->removed || !str_eq(s->name, name)))
                s = s->next;
        if (!s && (r = open_space(all, name, create_it, &s, err)) == 0) {
                s->next = all->first;
                all->first = s;
        }
        if (r == 0) {
                s->users++;
                s->used = ++all->clock;
                *ret = s;
                close_oldest(all);
        }
        pthread_mutex_unlock(&all->lock);
        return r;
}

/* With the lock of all. */
static void close_removed(struct spaces *all)
{
        for (struct space **at = &all->first, *s; (s = *at);) {
                if (!s->removed || s->users) {
                        at = &s->next;
                        continue;
                }
                *at = s->next;
                close_space(s);
        }
}

void space_release(struct space *s)
{
        if (!s)
                return;
        struct spaces *all = s->all;
        pthread_mutex_lock(&all->lock);
        s->users--;
        close_removed(all);
        pthread_mutex_unlock(&all->lock);
}

int space_remove(struct spaces *all, const char *name, struct err *err)
{
        pthread_mutex_lock(&all->lock);
        for (struct space *s = all->first; s; s = s->next)
                if (str_eq(s->name, name))
                        s->removed = true; /* a job that still writes fails, and says so */
        close_removed(all);
        int r = tree_remove_at(all->dir, name);
        pthread_mutex_unlock(&all->lock);
        return r < 0 ? err_sys(err, r, "removing the index of '%s'", name) : 0;
}

/* ---- reading ---- */

void space_read(struct space *s)
{
        pthread_rwlock_rdlock(&s->lock);
}

void space_read_end(struct space *s)
{
        pthread_rwlock_unlock(&s->lock);
}

const struct catalog *space_catalog(const struct space *s)
{
        return &s->catalog;
}

const struct segment *space_segments(const struct space *s, size_t *ret_n)
{
        *ret_n = s->n_segments;
        return s->segments;
}

const struct segment *space_segment(const struct space *s, uint64_t id)
{
        for (size_t i = 0; i < s->n_segments; i++)
                if (s->segments[i].id == id)
                        return &s->segments[i];
        return NULL;
}
