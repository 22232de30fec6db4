#include "box/ids.h"
#include "base/str.h"
#include "box/slot.h"
#include "box/template.h"

static uint32_t wants(const struct box *b)
{
        return b->j.result.profile == BOX_TEMPLATE ? TEMPLATE_SLOTS : 1;
}

/* Those of a child are its template's. */
static void set(const struct box *b, bool taken)
{
        for (uint32_t i = 0; !b->j.parent[0] && i < wants(b) && b->j.slot + i < SLOTS; i++)
                b->all->slots[b->j.slot + i] = taken;
}

void ids_mark(const struct box *b)
{
        set(b, true);
}

void ids_give(const struct box *b)
{
        if (b->j.slot)
                set(b, false);
}

static bool used_by_sibling(const struct box *b, uint32_t slot)
{
        for (const struct box *o = b->all->first; o; o = o->next)
                if (o != b && o->j.slot == slot && str_eq(o->j.parent, b->j.parent) &&
                    (o->j.stage != JOURNAL_ENDED || o->s.pidfd >= 0))
                        return true;
        return false;
}

static int take_of_template(struct box *b, struct err *err)
{
        const struct box *t = box_find(b->all, b->j.parent);
        for (uint32_t i = 1; t && i < TEMPLATE_SLOTS; i++)
                if (!used_by_sibling(b, t->j.slot + i)) {
                        b->j.slot = t->j.slot + i;
                        return 0;
                }
        return err_set(err, -EAGAIN, "all %u id ranges of the template are in use",
                       TEMPLATE_SLOTS - 1);
}

static bool is_free(const struct boxes *all, uint32_t first, uint32_t n)
{
        for (uint32_t i = 0; i < n; i++)
                if (first + i >= SLOTS || all->slots[first + i])
                        return false;
        return true;
}

int ids_take(struct box *b, struct err *err)
{
        struct boxes *all = b->all;
        uint32_t n = wants(b);
        if (b->j.parent[0])
                return take_of_template(b, err);
        for (uint32_t i = 1; i < SLOTS; i++) {
                if (!is_free(all, i, n))
                        continue;
                int lock = all->c.host->facts.rootful ? slot_take(i, n, err) : -1;
                if (lock == -EAGAIN)
                        continue;
                if (all->c.host->facts.rootful && lock < 0)
                        return lock;
                b->lock = lock;
                b->j.slot = i;
                set(b, true);
                return 0;
        }
        return err_set(err, -EAGAIN, "all %d id ranges are in use", SLOTS - 1);
}
