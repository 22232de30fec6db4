#include "api/flush.h"
#include "base/mem.h"
#include <assert.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/eventfd.h>

struct waiting {
        struct waiting *next;
        flush_fn fn;
        void *ctx;
};

/* A batch is handed to the thread, synced, and comes back by the event; one at a time. */
struct flush {
        int event;
        struct loop_io *io;
        int wal; /* the log of the database: SQLite takes no lock on it that closing it would drop */
        struct waiting *first, **last; /* the next batch */
        struct waiting *batch;         /* is being synced */
        int status;                    /* of the batch; written by the thread before the event */
        pthread_t thread;
        pthread_mutex_t mutex; /* the three below */
        pthread_cond_t changed;
        bool asked, stop;
};

static void tell(const struct flush *f)
{
        uint64_t one = 1;
        if (write(f->event, &one, sizeof one) < 0)
                return; /* never full: it is read before the next one is asked for */
}

static void *run(void *ctx)
{
        struct flush *f = ctx;
        pthread_mutex_lock(&f->mutex);
        for (;;) {
                while (!f->asked && !f->stop)
                        pthread_cond_wait(&f->changed, &f->mutex);
                if (!f->asked)
                        break;
                f->asked = false;
                pthread_mutex_unlock(&f->mutex);
                f->status = fdatasync(f->wal) < 0 ? -errno : 0;
                tell(f);
                pthread_mutex_lock(&f->mutex);
        }
        pthread_mutex_unlock(&f->mutex);
        return NULL;
}

static void begin(struct flush *f)
{
        if (f->batch || !f->first)
                return;
        f->batch = f->first;
        f->first = NULL;
        f->last = &f->first;
        pthread_mutex_lock(&f->mutex);
        f->asked = true;
        pthread_cond_signal(&f->changed);
        pthread_mutex_unlock(&f->mutex);
}

static void synced(void *ctx, uint32_t events UNUSED)
{
        struct flush *f = ctx;
        uint64_t n;
        if (read(f->event, &n, sizeof n) < 0)
                return;
        struct waiting *w = f->batch;
        int status = f->status;
        f->batch = NULL;
        begin(f); /* the next one is synced while these go on */
        while (w) {
                struct waiting *next = w->next;
                w->fn(w->ctx, status);
                free(w);
                w = next;
        }
}

void flush_then(struct flush *f, flush_fn fn, void *ctx)
{
        struct waiting *w = xcalloc(1, sizeof *w);
        *w = (struct waiting){.fn = fn, .ctx = ctx};
        *f->last = w;
        f->last = &w->next;
        begin(f);
}

/* The log was made when the database was opened: its name must be on the disk, too. SQLite does that
 * with the first sync of its own, which may come late. */
static int open_log(const char *db_path, struct err *err)
{
        auto_free char *wal = xasprintf("%s-wal", db_path);
        auto_free char *dir = xstrdup(db_path);
        char *slash = strrchr(dir, '/');
        *(slash ? slash : dir) = '\0';
        auto_close int fd = open(wal, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
        auto_close int at = open(slash ? dir : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0 || at < 0 || fsync(fd) < 0 || fsync(at) < 0)
                return err_sys(err, -errno, "%s", wal);
        return TAKE_FD(fd);
}

int flush_new(struct loop *l, const char *db_path, struct flush **ret, struct err *err)
{
        int wal = open_log(db_path, err);
        if (wal < 0)
                return wal;
        struct flush *f = xcalloc(1, sizeof *f);
        *f = (struct flush){.wal = wal, .event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
        assert(f->event >= 0);
        f->last = &f->first;
        f->io = loop_io_add(l, f->event, EPOLLIN, synced, f);
        pthread_mutex_init(&f->mutex, NULL);
        pthread_cond_init(&f->changed, NULL);
        int r = -pthread_create(&f->thread, NULL, run, f);
        if (r < 0) {
                loop_io_remove(f->io);
                close(f->event);
                close(wal);
                free(f);
                return err_sys(err, r, "thread");
        }
        *ret = f;
        return 0;
}

static void drop(struct waiting *w)
{
        while (w) {
                struct waiting *next = w->next;
                w->fn(w->ctx, -ECANCELED);
                free(w);
                w = next;
        }
}

void flush_free(struct flush *f)
{
        if (!f)
                return;
        pthread_mutex_lock(&f->mutex);
        f->stop = true;
        pthread_cond_signal(&f->changed);
        pthread_mutex_unlock(&f->mutex);
        pthread_join(f->thread, NULL);
        loop_io_remove(f->io);
        close(f->event);
        drop(f->batch);
        drop(f->first);
        pthread_mutex_destroy(&f->mutex);
        pthread_cond_destroy(&f->changed);
        close(f->wal);
        free(f);
}
