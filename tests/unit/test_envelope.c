/* Envelopes to the vault and the tickets for them. */
#include "base/mem.h"
#include "link/envelope.h"
#include "test.h"
#include "vault/ticket.h"
#include <sodium.h>

static unsigned char pub[32], sec[32];

static void make(struct buf *sealed, const char *value)
{
        static const char ticket[32] = "0123456789abcdef0123456789abcde";
        CLEANUP(buf_done) struct buf plain;
        struct envelope e = {.ticket = {ticket, 32},
                             .verb = DESK_SET,
                             .secret = {.name = "mine",
                                        .kind = SECRET_ROUTE,
                                        .host = "api.example.org",
                                        .form = "bearer",
                                        .value = slice_of(value)}};
        buf_init(&plain, ENVELOPE_MAX);
        buf_init(sealed, ENVELOPE_MAX + 64);
        crypto_box_keypair(pub, sec);
        CHECK_INT(envelope_pack(&e, &plain, NULL), ==, 0);
        CHECK_INT(plain.len % ENVELOPE_STEP, ==, 0);
        CHECK_INT(envelope_seal(pub, plain.data, plain.len, sealed, NULL), ==, 0);
}

static int open_it(const struct buf *b, unsigned char *plain, size_t *n)
{
        return envelope_open(pub, sec, b->data, b->len, plain, n, NULL);
}

TEST(envelope_opens_for_its_vault_and_says_what_was_put_in)
{
        CLEANUP(buf_done) struct buf b;
        static unsigned char plain[ENVELOPE_MAX];
        struct envelope e;
        size_t n;
        make(&b, "sk-123");
        CHECK(!memmem(b.data, b.len, "sk-123", 6) && !memmem(b.data, b.len, "mine", 4));
        CHECK_INT(open_it(&b, plain, &n), ==, 0);
        CHECK_INT(envelope_unpack(plain, n, &e, NULL), ==, 0);
        CHECK_STR(e.secret.name, "mine");
        CHECK_STR(e.secret.host, "api.example.org");
        CHECK_STR(e.secret.form, "bearer");
        CHECK_INT(e.secret.value.len, ==, 6);
        CHECK(memcmp(e.secret.value.data, "sk-123", 6) == 0);
        CHECK_INT(e.verb, ==, DESK_SET);
}

TEST(envelope_changed_at_any_byte_does_not_open)
{
        CLEANUP(buf_done) struct buf b;
        static unsigned char plain[ENVELOPE_MAX];
        size_t n;
        make(&b, "sk-123");
        for (size_t i = 0; i < b.len; i++) {
                b.data[i] ^= 0x40;
                CHECK_INT(open_it(&b, plain, &n), ==, -EBADMSG);
                b.data[i] ^= 0x40;
        }
        for (size_t cut = 0; cut < b.len; cut += 7) {
                struct buf part = {.data = b.data, .len = cut};
                CHECK_INT(open_it(&part, plain, &n), ==, -EBADMSG);
        }
        CHECK_INT(open_it(&b, plain, &n), ==, 0);
        sec[5] ^= 1;
        CHECK_INT(open_it(&b, plain, &n), ==, -EBADMSG);
        sec[5] ^= 1;
        pub[5] ^= 1; /* sealed to one key, handed in as another's */
        CHECK_INT(open_it(&b, plain, &n), ==, -EBADMSG);
}

TEST(envelope_to_a_key_of_zeroes_is_not_made)
{
        static const unsigned char zero[32];
        CLEANUP(buf_done) struct buf b;
        buf_init(&b, 1024);
        CHECK_INT(envelope_seal(zero, "x", 1, &b, NULL), ==, -EINVAL);
}

/* What another implementation needs: the format as the header has it, made with libsodium. */
TEST(envelope_of_another_hand_opens)
{
        unsigned char epk[32], esk[32], shared[32], salt[64], prk[32], okm[64], key[44];
        unsigned char msg[37 + 512 + 16], ad[37 + 32], plain[512] = {1}, back[600];
        unsigned long long len;
        size_t n;
        crypto_box_keypair(pub, sec);
        crypto_box_keypair(epk, esk);
        CHECK_INT(crypto_scalarmult(shared, esk, pub), ==, 0);
        memcpy(salt, epk, 32);
        memcpy(salt + 32, pub, 32);
        crypto_auth_hmacsha256_state st;
        crypto_auth_hmacsha256_init(&st, salt, sizeof salt);
        crypto_auth_hmacsha256_update(&st, shared, 32);
        crypto_auth_hmacsha256_final(&st, prk);
        static const char info[] = "paddock envelope 1";
        for (unsigned char i = 1; i <= 2; i++) {
                crypto_auth_hmacsha256_init(&st, prk, 32);
                if (i > 1)
                        crypto_auth_hmacsha256_update(&st, okm, 32);
                crypto_auth_hmacsha256_update(&st, (const unsigned char *)info, sizeof info - 1);
                crypto_auth_hmacsha256_update(&st, &i, 1);
                crypto_auth_hmacsha256_final(&st, okm + 32 * (i - 1));
        }
        memcpy(key, okm, sizeof key);
        memcpy(msg, "PDKS\1", 5);
        memcpy(msg + 5, epk, 32);
        memcpy(ad, msg, 37);
        memcpy(ad + 37, pub, 32);
        crypto_aead_chacha20poly1305_ietf_encrypt(msg + 37, &len, plain, sizeof plain, ad,
                                                  sizeof ad, NULL, key + 32, key);
        CHECK_INT(envelope_open(pub, sec, msg, sizeof msg, back, &n, NULL), ==, 0);
        CHECK(n == sizeof plain && memcmp(back, plain, n) == 0);
}

TEST(ticket_is_used_once_and_only_by_its_own_vault)
{
        struct tickets *t = tickets_new(), *other = tickets_new();
        unsigned char a[TICKET_BYTES], b[TICKET_BYTES];
        ticket_issue(t, 1000, a);
        ticket_issue(t, 1000, b);
        CHECK_INT(ticket_use(other, 1001, a, NULL), ==, -EBADMSG);
        CHECK_INT(ticket_use(t, 1001, a, NULL), ==, 0);
        CHECK_INT(ticket_use(t, 1002, a, NULL), ==, -EEXIST);
        CHECK_INT(ticket_use(t, 1001 + TICKET_MS, b, NULL), ==, -ETIME);
        b[0] ^= 1; /* a longer life for itself */
        CHECK_INT(ticket_use(t, 1001, b, NULL), ==, -EBADMSG);
        tickets_free(t);
        tickets_free(other);
}

TEST(tickets_used_are_forgotten_when_they_expire)
{
        struct tickets *t = tickets_new();
        unsigned char a[TICKET_BYTES];
        for (int i = 0; i < TICKETS_USED; i++) {
                ticket_issue(t, 1000, a);
                CHECK_INT(ticket_use(t, 1000, a, NULL), ==, 0);
        }
        ticket_issue(t, 1000, a);
        CHECK_INT(ticket_use(t, 1000, a, NULL), ==, -EBUSY);
        ticket_issue(t, 1001 + TICKET_MS, a);
        CHECK_INT(ticket_use(t, 1001 + TICKET_MS, a, NULL), ==, 0);
        CHECK_INT(t->n_used, ==, 1);
        tickets_free(t);
}
