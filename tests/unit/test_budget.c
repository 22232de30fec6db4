/* Budgets: of a sandbox, of an owner for a day, of a route for a day; what tokens cost. */
#include "test.h"
#include "vault/budget.h"
#include "vault/price.h"

static struct budgets b;
static char why[80];

static int take(const struct route *r, const char *box, const char *owner, uint64_t day,
                uint64_t usd)
{
        struct budget_who w = {r, box, owner, day};
        return budget_take(&b, &w, 1, usd, why);
}

TEST(each_scope_has_its_own_limit)
{
        static const struct route r = {
                .name = "x", .box = {2, 0}, .owner = {3, 0}, .whole = {4, 0}};
        CHECK_INT(take(&r, "a", "ann", 1, 0), ==, 0);
        CHECK_INT(take(&r, "a", "ann", 1, 0), ==, 0);
        CHECK_INT(take(&r, "a", "ann", 1, 0), ==, -EDQUOT);
        CHECK_CONTAINS(why, "this sandbox");
        CHECK_INT(take(&r, "b", "ann", 1, 0), ==, 0);
        CHECK_INT(take(&r, "b", "ann", 1, 0), ==, -EDQUOT);
        CHECK_CONTAINS(why, "owner");
        CHECK_INT(take(&r, "c", "bob", 1, 0), ==, 0);
        CHECK_INT(take(&r, "c", "bob", 1, 0), ==, -EDQUOT);
        CHECK_CONTAINS(why, "route");
        CHECK_INT(take(&r, "c", "bob", 2, 0), ==, 0); /* the next day; the sandbox has one left */
        CHECK_INT(take(&r, "a", "ann", 2, 0), ==, -EDQUOT);
        budgets_done(&b);
}

TEST(reservations_hold_and_are_settled)
{
        static const struct route r = {.name = "x", .owner = {0, 1000}};
        struct budget_who w = {&r, "a", "ann", 1};
        CHECK_INT(take(&r, "a", "ann", 1, 600), ==, 0);
        CHECK_INT(take(&r, "b", "ann", 1, 600), ==, -EDQUOT); /* while the first is open */
        budget_settle(&b, &w, 600, 100);
        CHECK_INT(take(&r, "b", "ann", 1, 600), ==, 0);
        budget_settle(&b, &w, 600, 5000); /* it cost more than was guessed */
        CHECK_INT(take(&r, "b", "ann", 1, 0), ==, -EDQUOT);
        budgets_done(&b);
}

TEST(a_rate_is_of_one_minute)
{
        static const struct route r = {.name = "x", .rate = 2};
        struct budget_who w = {&r, "a", "ann", 1}, other = {&r, "b", "ann", 1};
        CHECK_INT(budget_rate(&b, &w, 7), ==, 0);
        CHECK_INT(budget_rate(&b, &w, 7), ==, 0);
        CHECK_INT(budget_rate(&b, &w, 7), ==, -EAGAIN);
        CHECK_INT(budget_rate(&b, &other, 7), ==, 0);
        CHECK_INT(budget_rate(&b, &w, 8), ==, 0);
        budgets_done(&b);
}

TEST(prices)
{
        static struct prices p;
        struct usage u = {
                .input = 1000000, .output = 100000, .cache_write = 0, .cache_read = 10000};
        struct err err = {0};
        CHECK_INT(prices_init(&p, "", NULL), ==, 0);
        CHECK_INT(price_of(&p, "claude-opus-5-5-20261101", &u), ==, 4000000 + 2000000 + 2000);
        CHECK_INT(price_of(&p, "claude-opus-5", &u), ==, 5000000 + 2500000 + 5000);
        CHECK_INT(price_of(&p, "never-heard-of", &u), ==, 5000000 + 2500000 + 5000);
        CHECK_INT(prices_init(&p, "mine 1 2 3 4,claude-opus-5-5 1 1 1 1", NULL), ==, 0);
        CHECK_INT(price_of(&p, "mine-2", &u), ==, 1000000 + 200000 + 40000);
        CHECK_INT(price_of(&p, "claude-opus-5-5", &u), ==, 1000000 + 100000 + 10000);
        CHECK_INT(prices_init(&p, "mine 1 2", &err), ==, -EINVAL);
        CHECK_INT(prices_init(&p, "mine 1 2 3 -4", NULL), ==, -EINVAL);
}
