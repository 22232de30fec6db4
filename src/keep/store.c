#include "keep/store.h"
#include "base/id.h"
#include "base/mem.h"

struct entry {
        struct keep_key key;
        int fds[LINK_FDS_MAX];
        uint32_t n_fds;
        struct entry *next;
};

struct store {
        struct entry *first;
        size_t n, n_fds, max_fds;
};

struct store *store_new(size_t max_fds)
{
        struct store *s = xcalloc(1, sizeof *s);
        s->max_fds = max_fds;
        return s;
}

static void close_entry(struct entry *e)
{
        for (uint32_t i = 0; i < e->n_fds; i++)
                close(e->fds[i]);
        free(e);
}

void store_free(struct store *s)
{
        for (struct entry *e = s->first, *next; e; e = next) {
                next = e->next;
                close_entry(e);
        }
        free(s);
}

size_t store_count(const struct store *s)
{
        return s->n;
}

static bool same(const struct entry *e, const struct keep_key *k)
{
        return strcmp(e->key.id, k->id) == 0 && (!k->name[0] || strcmp(e->key.name, k->name) == 0);
}

uint32_t store_drop(struct store *s, const struct keep_key *key)
{
        uint32_t dropped = 0;
        for (struct entry **at = &s->first; *at;) {
                struct entry *e = *at;
                if (!same(e, key)) {
                        at = &e->next;
                        continue;
                }
                *at = e->next;
                dropped += e->n_fds;
                s->n_fds -= e->n_fds;
                s->n--;
                close_entry(e);
        }
        return dropped;
}

int store_put(struct store *s, const struct keep_key *key, int *fds, uint32_t n_fds)
{
        if (!id_valid(key->id) || !key->name[0] || n_fds == 0)
                return -EINVAL;
        uint32_t replaced;
        bool there = store_get(s, key, &replaced) != NULL;
        if (s->n - there >= STORE_ENTRIES_MAX || s->n_fds - replaced + n_fds > s->max_fds)
                return -EMFILE;
        store_drop(s, key);
        struct entry *e = xcalloc(1, sizeof *e);
        e->key = *key;
        for (uint32_t i = 0; i < n_fds; i++)
                e->fds[e->n_fds++] = TAKE_FD(fds[i]);
        e->next = s->first;
        s->first = e;
        s->n_fds += n_fds;
        s->n++;
        return 0;
}

const int *store_get(const struct store *s, const struct keep_key *key, uint32_t *ret_n)
{
        *ret_n = 0;
        if (!key->name[0])
                return NULL;
        for (const struct entry *e = s->first; e; e = e->next)
                if (same(e, key)) {
                        *ret_n = e->n_fds;
                        return e->fds;
                }
        return NULL;
}

bool store_nth(const struct store *s, const char *id, size_t i, struct keep_entry *ret)
{
        for (const struct entry *e = s->first; e; e = e->next) {
                if (*id && strcmp(id, e->key.id) != 0)
                        continue;
                if (i--)
                        continue;
                *ret = (struct keep_entry){.n_fds = e->n_fds};
                memcpy(ret->id, e->key.id, sizeof ret->id);
                memcpy(ret->name, e->key.name, sizeof ret->name);
                return true;
        }
        return false;
}
