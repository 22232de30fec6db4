#include "link/launch.h"
#include "link/link.h"
#include "test.h"
#include <stdio.h>

struct inner {
        char s[8];
        uint32_t n;
};
struct outer {
        uint64_t a;
        int64_t b;
        uint32_t n_list;
        struct inner list[3];
        struct slice bytes;
};
static const struct wire_field inner_fields[] = {WIRE_STR(struct inner, s),
                                                 WIRE_U32(struct inner, n), WIRE_END};
static const struct wire_type inner_type = {"inner", sizeof(struct inner), inner_fields};
static const struct wire_field outer_fields[] = {WIRE_U64(struct outer, a),
                                                 WIRE_I64(struct outer, b),
                                                 WIRE_LIST(struct outer, list, n_list, &inner_type),
                                                 WIRE_BYTES(struct outer, bytes, 10), WIRE_END};
static const struct wire_type outer_type = {"outer", sizeof(struct outer), outer_fields};

static const struct outer sample = {.a = 1ull << 63,
                                    .b = -5,
                                    .n_list = 2,
                                    .list = {{"one", 1}, {"seven77", 7}},
                                    .bytes = {"ab\0cd", 5}};
static struct buf encoded(void)
{
        struct buf b;
        buf_init(&b, 4096);
        CHECK_INT(wire_encode(&outer_type, &sample, &b, NULL), ==, 0);
        return b;
}

TEST(what_is_encoded_decodes_to_the_same)
{
        struct buf b = encoded();
        struct outer o;
        CHECK_INT(wire_decode(&outer_type, b.data, b.len, &o, NULL), ==, 0);
        CHECK(o.a == sample.a && o.b == -5 && o.n_list == 2);
        CHECK_STR(o.list[1].s, "seven77");
        CHECK_INT(o.list[1].n, ==, 7);
        CHECK(o.bytes.len == 5 && memcmp(o.bytes.data, "ab\0cd", 5) == 0);
        buf_done(&b);
}

TEST(every_truncation_and_every_extra_byte_is_refused)
{
        struct buf b = encoded();
        struct outer o;
        for (size_t n = 0; n < b.len; n++)
                CHECK_INT(wire_decode(&outer_type, b.data, n, &o, NULL), ==, -EPROTO);
        CHECK_INT(buf_add(&b, "", 1), ==, 0);
        struct err err = {0};
        CHECK_INT(wire_decode(&outer_type, b.data, b.len, &o, &err), ==, -EPROTO);
        CHECK_STR(err.text, "outer: 1 bytes left over");
        buf_done(&b);
}

TEST(a_list_longer_than_its_array_is_refused)
{
        struct buf b = encoded();
        b.data[16] = 4;
        struct outer o;
        struct err err = {0};
        CHECK_INT(wire_decode(&outer_type, b.data, b.len, &o, &err), ==, -EPROTO);
        CHECK_CONTAINS(err.text, "list");
        buf_done(&b);
}

TEST(a_string_that_fills_its_array_or_holds_a_nul_is_refused)
{
        struct inner i;
        CHECK_INT(wire_decode(&inner_type,
                              "\x08\0\0\0"
                              "12345678"
                              "\0\0\0\0",
                              16, &i, NULL),
                  ==, -EPROTO);
        CHECK_INT(wire_decode(&inner_type,
                              "\x02\0\0\0"
                              "1\0"
                              "\0\0\0\0",
                              10, &i, NULL),
                  ==, -EPROTO);
        CHECK_INT(wire_decode(&inner_type,
                              "\x07\0\0\0"
                              "1234567"
                              "\x01\0\0\0",
                              15, &i, NULL),
                  ==, 0);
        CHECK_INT(i.n, ==, 1);
}

TEST(our_own_bad_values_are_refused_and_leave_the_buffer)
{
        struct outer o = sample;
        o.n_list = 4;
        CLEANUP(buf_done) struct buf b;
        buf_init(&b, 4096);
        CHECK_INT(wire_encode(&outer_type, &o, &b, NULL), ==, -EINVAL);
        CHECK_INT(b.len, ==, 0);
}

TEST(the_largest_launch_spec_fits_one_message)
{
        static struct launch_spec s = {.n_mounts = BOX_VOLUMES_MAX,
                                       .n_layers = BOX_LAYERS_MAX,
                                       .n_secrets = BOX_SECRETS_MAX,
                                       .n_gpus = BOX_GPUS_MAX};
        static const char policy[BOX_POLICY_MAX];
        s.policy = (struct slice){policy, sizeof policy};
        for (int i = 0; i < BOX_VOLUMES_MAX; i++) {
                memset(s.mounts[i].subpath, 'x', PATH_TEXT_MAX);
                memset(s.mounts[i].target, 'x', sizeof s.mounts[i].target - 1);
        }
        for (int i = 0; i < BOX_LAYERS_MAX; i++)
                memset(s.layers[i].key, 'x', sizeof s.layers[i].key - 1);
        for (int i = 0; i < BOX_SECRETS_MAX; i++)
                memset(s.secrets[i].target, 'x', sizeof s.secrets[i].target - 1);
        for (int i = 0; i < BOX_GPUS_MAX; i++)
                memset(s.gpus[i].device, 'x', sizeof s.gpus[i].device - 1);
        struct buf b;
        buf_init(&b, LINK_MESSAGE_MAX - 32);
        const struct link_verb *v = link_find(&launch_link, LAUNCH_CREATE);
        CHECK_INT(wire_encode(v->req, &s, &b, NULL), ==, 0);
        buf_done(&b);
}
