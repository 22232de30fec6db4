/* Links that outlive an upgrade: who understands whom. */
#include "link/link.h"
#include "test.h"

struct ping {
        uint32_t n;
};
static const struct wire_field fields[] = {WIRE_U32(struct ping, n), WIRE_END};
static const struct wire_type type = {"ping", sizeof(struct ping), fields};
static const struct link_verb verbs[] = {{1, "ping", &type, NULL, 0, 0}};

/* What the receiver says to a message of that version. */
static int received(uint32_t sent, const struct link_spec *by)
{
        static char storage[LINK_MESSAGE_MAX];
        const struct link_spec sender = {"test", sent, verbs, ARRAY_LEN(verbs), 0};
        struct link_message m = {.verb = 1, .flags = LINK_EVENT, .body = {"\1\0\0\0", 4}}, got;
        int pair[2];
        CHECK_INT(link_pair(pair), ==, 0);
        CHECK_INT(link_send(pair[0], &sender, &m), ==, 0);
        int r = link_recv(pair[1], by, storage, &got);
        close(pair[0]);
        close(pair[1]);
        return r;
}

TEST(a_link_takes_its_own_version_only)
{
        const struct link_spec now = {"test", 3, verbs, ARRAY_LEN(verbs), 0};
        CHECK_INT(received(3, &now), ==, 0);
        CHECK_INT(received(2, &now), ==, -EPROTO);
        CHECK_INT(received(4, &now), ==, -EPROTO);
}

TEST(one_that_outlives_upgrades_takes_older_ones_too)
{
        const struct link_spec now = {"test", 3, verbs, ARRAY_LEN(verbs), 2};
        CHECK_INT(received(3, &now), ==, 0);
        CHECK_INT(received(2, &now), ==, 0);
        CHECK_INT(received(1, &now), ==, -EPROTO);
        CHECK_INT(received(4, &now), ==, -EPROTO);
        CHECK_INT(received(0, &now), ==, -EPROTO);
}
