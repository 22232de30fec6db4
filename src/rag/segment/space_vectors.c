/* Which vectors belong to a space's segments. */
#include "rag/segment/space_private.h"

/* Those that are there; a damaged file is as good as none: it is made anew. */
static struct vectors *open_one(const struct space *s, const struct segment *g)
{
        struct vectors *v = NULL;
        if (vectors_open(s->dir, g->id, g->n, &s->model, false, &v, NULL) < 0)
                return NULL;
        return v;
}

bool space_hold(struct space *s, bool wait)
{
        return wait ? pthread_mutex_lock(&s->tidying) == 0
                    : pthread_mutex_trylock(&s->tidying) == 0;
}

void space_unhold(struct space *s)
{
        pthread_mutex_unlock(&s->tidying);
}

bool space_uses(struct space *s, const struct vector_model *m)
{
        space_read(s);
        bool same = memcmp(&s->model, m, sizeof *m) == 0;
        space_read_end(s);
        return same;
}

int space_use_model(struct space *s, const struct vector_model *m, struct err *err)
{
        static const struct vector_model none;
        struct vector_model use = m ? *m : none;
        if (use.dims % 32 || use.dims > VECTOR_DIMS_MAX)
                return err_set(err, -EINVAL, "vectors of %u dimensions", use.dims);
        pthread_rwlock_wrlock(&s->lock);
        if (memcmp(&s->model, &use, sizeof use) != 0) {
                s->model = use;
                for (size_t i = 0; i < s->n_segments; i++) {
                        vectors_close(s->segments[i].vectors);
                        s->segments[i].vectors = use.dims ? open_one(s, &s->segments[i]) : NULL;
                }
        }
        pthread_rwlock_unlock(&s->lock);
        return 0;
}

static struct segment *find(struct space *s, uint64_t id)
{
        for (size_t i = 0; i < s->n_segments; i++)
                if (s->segments[i].id == id)
                        return &s->segments[i];
        return NULL;
}

int space_vectors(struct space *s, uint64_t segment, struct vectors **ret, struct err *err)
{
        struct vectors *v = NULL;
        space_read(s);
        const struct segment *g = space_segment(s, segment);
        uint32_t n = g ? g->n : 0;
        *ret = g ? g->vectors : NULL;
        space_read_end(s);
        if (*ret)
                return 0;
        if (!g || !s->model.dims)
                return err_set(err, -ESTALE, "the segment is gone");
        int r = vectors_open(s->dir, segment, n, &s->model, true, &v, err);
        if (r < 0)
                return r;
        pthread_rwlock_wrlock(&s->lock);
        struct segment *to = find(s, segment);
        if (to)
                *ret = to->vectors = v;
        pthread_rwlock_unlock(&s->lock);
        if (to)
                return 0;
        vectors_close(v);
        return err_set(err, -ESTALE, "the segment is gone");
}
