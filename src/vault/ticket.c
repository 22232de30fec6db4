#include "vault/ticket.h"
#include "base/mem.h"
#include <sodium.h>

/* until_ms, random, then their MAC. */
#define ID_AT   8
#define MAC_AT  16
#define MAC_LEN 16

struct tickets *tickets_new(void)
{
        struct tickets *t = xcalloc(1, sizeof *t);
        randombytes_buf(t->key, sizeof t->key);
        return t;
}

void tickets_free(struct tickets *t)
{
        if (!t)
                return;
        sodium_memzero(t->key, sizeof t->key);
        free(t);
}

static void sign(const struct tickets *t, const unsigned char *ticket, unsigned char mac[MAC_LEN])
{
        crypto_generichash(mac, MAC_LEN, ticket, MAC_AT, t->key, sizeof t->key);
}

void ticket_issue(const struct tickets *t, uint64_t now_ms, unsigned char ret[TICKET_BYTES])
{
        uint64_t until = now_ms + TICKET_MS;
        memcpy(ret, &until, sizeof until);
        randombytes_buf(ret + ID_AT, MAC_AT - ID_AT);
        sign(t, ret, ret + MAC_AT);
}

static void forget_old(struct tickets *t, uint64_t now_ms)
{
        size_t kept = 0;
        for (size_t i = 0; i < t->n_used; i++)
                if (t->used[i].until_ms >= now_ms)
                        t->used[kept++] = t->used[i];
        t->n_used = kept;
}

int ticket_use(struct tickets *t, uint64_t now_ms, const void *ticket, struct err *err)
{
        const unsigned char *p = ticket;
        unsigned char mac[MAC_LEN];
        uint64_t until;
        sign(t, p, mac);
        memcpy(&until, p, sizeof until);
        if (sodium_memcmp(mac, p + MAC_AT, MAC_LEN) != 0)
                return err_set(err, -EBADMSG, "the envelope's ticket is not of this vault");
        if (until < now_ms)
                return err_set(err, -ETIME, "the envelope's ticket has expired");
        forget_old(t, now_ms);
        for (size_t i = 0; i < t->n_used; i++)
                if (memcmp(t->used[i].id, p + ID_AT, sizeof t->used[i].id) == 0)
                        return err_set(err, -EEXIST, "the envelope was handed in before");
        if (t->n_used == TICKETS_USED)
                return err_set(err, -EBUSY, "too many envelopes in ten minutes");
        t->used[t->n_used].until_ms = until;
        memcpy(t->used[t->n_used++].id, p + ID_AT, sizeof t->used[0].id);
        return 0;
}
