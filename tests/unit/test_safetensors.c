#include "test.h"
#include "base/buf.h"
#include "rag/embed/safetensors.h"
#include <math.h>

static int open_text(const char *head, const void *data, size_t n, struct safetensors **ret,
                     struct err *err)
{
        static struct buf b = {.max = 1u << 20}; /* the tensors point into it */
        uint64_t len = strlen(head);
        buf_clear(&b);
        CHECK_INT(buf_add(&b, &len, 8), ==, 0);
        CHECK_INT(buf_adds(&b, head), ==, 0);
        if (n)
                CHECK_INT(buf_add(&b, data, n), ==, 0);
        return safetensors_open(b.data, b.len, ret, err);
}

static void refused(const char *head, size_t n, const char *why)
{
        static const char data[64];
        struct safetensors *s = NULL;
        struct err err = {0};
        CHECK_INT(open_text(head, data, n, &s, &err), ==, -EBADMSG);
        CHECK_CONTAINS(err_text(&err), why);
        CHECK(s == NULL);
}

TEST(floats_of_three_types_are_read)
{
        struct {
                float f[2];
                uint16_t h[2], b[2];
        } data = {{1.5f, -2}, {0x3c00, 0xc100}, {0x3f80, 0xc040}};
        struct safetensors *s = NULL;
        const struct tensor *t;
        float v[2];
        CHECK_INT(open_text("{\"__metadata__\":{\"format\":\"pt\"},"
                            "\"f\":{\"dtype\":\"F32\",\"shape\":[2,1],\"data_offsets\":[0,8]},"
                            "\"b\":{\"dtype\":\"BF16\",\"shape\":[2],\"data_offsets\":[12,16]},"
                            "\"h\":{\"dtype\":\"F16\",\"shape\":[2],\"data_offsets\":[8,12]}}",
                            &data, sizeof data, &s, NULL),
                  ==, 0);
        CHECK_INT(safetensors_count(s), ==, 3);
        CHECK_INT(safetensors_want(s, "f", 2, 1, &t, NULL), ==, 0);
        tensor_floats(t, 0, 2, v);
        CHECK(v[0] == 1.5f && v[1] == -2.0f);
        CHECK_INT(safetensors_want(s, "h", 2, 0, &t, NULL), ==, 0);
        tensor_floats(t, 0, 2, v);
        CHECK(v[0] == 1.0f && v[1] == -2.5f);
        CHECK_INT(safetensors_want(s, "b", 2, 0, &t, NULL), ==, 0);
        tensor_floats(t, 1, 1, v);
        CHECK(v[0] == -3.0f);
        CHECK_INT(safetensors_want(s, "f", 1, 2, &t, NULL), ==, -EBADMSG);
        CHECK_INT(safetensors_want(s, "f", 2, 0, &t, NULL), ==, -EBADMSG);
        CHECK(safetensors_find(s, "g") == NULL);
        safetensors_free(s);
}

TEST(every_offset_is_checked)
{
#define ONE(type, shape, at)                                                                       \
        "{\"x\":{\"dtype\":\"" type "\",\"shape\":" shape ",\"data_offsets\":" at "}}"
        refused(ONE("F32", "[2]", "[0,12]"), 12, "its offsets");
        refused(ONE("F32", "[2]", "[4,12]"), 12, "hole");
        refused(ONE("F32", "[2]", "[0,8]"), 12, "behind the last");
        refused(ONE("F32", "[2]", "[0,8]"), 4, "its offsets");
        refused(ONE("F32", "[2]", "[8,0]"), 12, "its offsets");
        refused(ONE("F32", "[-2]", "[0,8]"), 8, "description");
        refused(ONE("F32", "[2.5]", "[0,8]"), 8, "description");
        refused(ONE("F32", "[4611686018427387904,4]", "[0,0]"), 0, "description");
        refused(ONE("F32", "[4611686018427387904]", "[0,0]"), 0, "its offsets");
        refused(ONE("F32", "[1,1,1,1,1,1,1,1,1]", "[0,4]"), 4, "description");
        refused(ONE("F7", "[2]", "[0,8]"), 8, "type 'F7'");
        refused("{\"x\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
                "\"y\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}",
                4, "overlaps");
        refused("[]", 0, "no list");
        refused("{", 0, "header");
        struct safetensors *s = NULL;
        static const unsigned char huge[16] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f};
        CHECK_INT(safetensors_open(huge, sizeof huge, &s, NULL), ==, -EBADMSG);
        CHECK_INT(safetensors_open(huge, 7, &s, NULL), ==, -EBADMSG);
}

TEST(a_number_that_is_none_is_refused)
{
        float bad[2] = {1, NAN};
        struct safetensors *s = NULL;
        const struct tensor *t;
        CHECK_INT(open_text(ONE("F32", "[2]", "[0,8]"), bad, sizeof bad, &s, NULL), ==, 0);
        CHECK_INT(safetensors_want(s, "x", 2, 0, &t, NULL), ==, -EBADMSG);
        safetensors_free(s);
}

TEST(half_floats_there_and_back)
{
        for (uint32_t h = 0; h < 0x10000; h++) {
                if ((h & 0x7c00) == 0x7c00)
                        continue;
                CHECK_INT(half_from_float(half_to_float((uint16_t)h)), ==, h);
        }
        CHECK_INT(half_from_float(65520), ==, 0x7c00);
        CHECK_INT(half_from_float(-1e30f), ==, 0xfc00);
        CHECK_INT(half_from_float(1.0f + 0x1p-11f), ==, 0x3c00); /* a tie goes to even */
        CHECK_INT(half_from_float(1.0f + 3 * 0x1p-11f), ==, 0x3c02);
        CHECK_INT(bf16_from_float(1.0f + 0x1p-8f), ==, 0x3f80);
        CHECK_INT(bf16_from_float(1.0f + 3 * 0x1p-8f), ==, 0x3f82);
}
