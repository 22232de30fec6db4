/* Budgets: of a sandbox, of an owner for a day, of a route for a day; what tokens cost. */
#include "test.h"
#include "vault/budget.h"
#include "vault/price.h"

static struct budgets b;
static char why[80];

static int take(const struct route *r, const char *box, const char *owner, uint64_t day,
                uint64_t usd)
{
        struct budget_who w = {r, box, owner, day, ""};
        struct budget_sum more = {1, 0, usd};
        return budget_take(&b, &w, &more, why);
}

TEST(each_scope_has_its_own_limit)
{
        static const struct route r = {
                .name = "x", .box = {2, 0, 0}, .owner = {3, 0, 0}, .whole = {4, 0, 0}};
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
        static const struct route r = {.name = "x", .owner = {0, 1000, 0}};
        struct budget_who w = {&r, "a", "ann", 1, ""};
        CHECK_INT(take(&r, "a", "ann", 1, 600), ==, 0);
        CHECK_INT(take(&r, "b", "ann", 1, 600), ==, -EDQUOT); /* while the first is open */
        budget_settle(&b, &w, &(struct budget_sum){0, 0, 600}, &(struct budget_sum){0, 0, 100});
        CHECK_INT(take(&r, "b", "ann", 1, 600), ==, 0);
        budget_settle(&b, &w, &(struct budget_sum){0, 0, 600},
                      &(struct budget_sum){0, 0, 5000}); /* it cost more than was guessed */
        CHECK_INT(take(&r, "b", "ann", 1, 0), ==, -EDQUOT);
        budgets_done(&b);
}

TEST(sandboxes_of_one_name_and_owner_share_a_day)
{
        static const struct route r = {
                .name = "x", .meter = ROUTE_OPENAI, .named = {0, 0, 100}, .box = {0, 0, 90}};
        struct budget_who one = {&r, "a", "ann", 1, "agent"}, two = {&r, "b", "ann", 1, "agent"},
                          other = {&r, "c", "bob", 1, "agent"}, nameless = {&r, "d", "ann", 1, ""};
        struct budget_sum sixty = {1, 60, 0}, forty = {1, 40, 0};
        CHECK(budget_limited(&r) && budget_counts_use(&r));
        CHECK_INT(budget_take(&b, &one, &sixty, why), ==, 0);
        CHECK_INT(budget_take(&b, &two, &sixty, why), ==, -EDQUOT);
        CHECK_CONTAINS(why, "its name");
        CHECK_INT(budget_take(&b, &two, &forty, why), ==, 0);
        CHECK_INT(budget_take(&b, &other, &sixty, why), ==, 0); /* another owner's */
        CHECK_INT(budget_take(&b, &nameless, &sixty, why), ==, 0);
        CHECK_INT(budget_take(&b, &nameless, &forty, why), ==, -EDQUOT);
        CHECK_CONTAINS(why, "this sandbox");
        budget_settle(&b, &one, &sixty, &(struct budget_sum){0, 10, 0});
        CHECK_INT(budget_take(&b, &two, &forty, why), ==, 0);
        budgets_done(&b);
}

TEST(many_are_found_again)
{
        static const struct route r = {.name = "x", .box = {2, 0, 0}};
        char id[16];
        for (int round = 0; round < 3; round++)
                for (int i = 0; i < 20000; i++) {
                        snprintf(id, sizeof id, "box%d", i);
                        CHECK_INT(take(&r, id, "ann", 1, 0), ==, round < 2 ? 0 : -EDQUOT);
                }
        budgets_done(&b);
}

TEST(a_rate_is_of_one_minute)
{
        static const struct route r = {.name = "x", .rate = 2};
        struct budget_who w = {&r, "a", "ann", 1, ""}, other = {&r, "b", "ann", 1, ""};
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
