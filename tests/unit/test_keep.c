#include "base/id.h"
#include "keep/store.h"
#include "test.h"
#include <fcntl.h>
#include <stdio.h>

static struct keep_key key(const char *id, const char *name)
{
        struct keep_key k = {0};
        snprintf(k.id, sizeof k.id, "%s", id);
        snprintf(k.name, sizeof k.name, "%s", name);
        return k;
}

TEST(descriptors_come_back_and_are_closed_when_dropped)
{
        struct store *s = store_new(100);
        struct id id = id_new();
        int fds[2];
        CHECK(pipe(fds) == 0);
        int was = fds[0];
        CHECK_INT(store_put(s, &(struct keep_key){0}, fds, 2), ==, -EINVAL);
        struct keep_key a = key(id.s, "init"), all = key(id.s, "");
        CHECK_INT(store_put(s, &a, fds, 2), ==, 0);
        CHECK_INT(fds[0], ==, -1);
        uint32_t n;
        const int *got = store_get(s, &a, &n);
        CHECK(got && n == 2 && got[0] == was);
        CHECK(!store_get(s, &(struct keep_key){.name = "init"}, &n) && n == 0);
        struct keep_entry e;
        CHECK(store_nth(s, "", 0, &e) && e.n_fds == 2 && !store_nth(s, "", 1, &e));
        CHECK_INT(store_drop(s, &all), ==, 2);
        CHECK(fcntl(was, F_GETFD) < 0);
        CHECK_INT(store_count(s), ==, 0);
        store_free(s);
}

TEST(the_same_key_replaces)
{
        struct store *s = store_new(100);
        struct id id = id_new();
        struct keep_key a = key(id.s, "stdio");
        for (int i = 0; i < 3; i++) {
                int fd = dup(1);
                CHECK_INT(store_put(s, &a, &fd, 1), ==, 0);
        }
        CHECK_INT(store_count(s), ==, 1);
        store_free(s);
}

TEST(no_more_descriptors_than_the_process_may_have)
{
        struct store *s = store_new(3);
        struct id id = id_new();
        struct keep_key a = key(id.s, "init"), b = key(id.s, "stdio");
        int two[2], more[2];
        CHECK(pipe(two) == 0 && pipe(more) == 0);
        CHECK_INT(store_put(s, &a, two, 2), ==, 0);
        CHECK_INT(store_put(s, &b, more, 2), ==, -EMFILE);
        CHECK(more[0] >= 0 && fcntl(more[0], F_GETFD) >= 0); /* still the caller's */
        CHECK_INT(store_put(s, &a, more, 2), ==, 0);         /* in the place of the first */
        CHECK_INT(store_count(s), ==, 1);
        store_free(s);
}

TEST(a_refused_replacement_leaves_what_was_there)
{
        struct store *s = store_new(2);
        struct id id = id_new();
        struct keep_key a = key(id.s, "init");
        int one[2], three[3] = {dup(0), dup(0), dup(0)};
        CHECK(pipe(one) == 0);
        CHECK_INT(store_put(s, &a, one, 2), ==, 0);
        CHECK_INT(store_put(s, &a, three, 3), ==, -EMFILE);
        uint32_t n;
        CHECK(store_get(s, &a, &n) && n == 2);
        store_free(s);
}
