#include "link/envelope.h"
#include "base/sha256.h"
#include "base/str.h"

static const char zeroes[ENVELOPE_STEP];

#define E struct envelope
static const struct wire_field fields[] = {WIRE_BYTES(E, ticket, ENVELOPE_TICKET),
                                           WIRE_U32(E, verb),
                                           WIRE_STR(E, secret.name),
                                           WIRE_U32(E, secret.kind),
                                           WIRE_STR(E, secret.host),
                                           WIRE_STR(E, secret.form),
                                           WIRE_STR(E, secret.users),
                                           WIRE_BYTES(E, secret.value, SECRET_VALUE_MAX),
                                           WIRE_BYTES(E, padding, ENVELOPE_STEP),
                                           WIRE_END};
#undef E
static const struct wire_type type = {"envelope", sizeof(struct envelope), fields};

int envelope_pack(const struct envelope *e, struct buf *out, struct err *err)
{
        struct envelope padded = *e;
        size_t began = out->len;
        padded.padding = (struct slice){zeroes, 0};
        int r = wire_encode(&type, &padded, out, err);
        if (r < 0)
                return r;
        size_t over = (out->len - began) % ENVELOPE_STEP;
        padded.padding.len = over ? ENVELOPE_STEP - over : 0;
        out->len = began;
        return wire_encode(&type, &padded, out, err);
}

int envelope_unpack(const void *p, size_t n, struct envelope *ret, struct err *err)
{
        *ret = (struct envelope){.verb = 0};
        int r = wire_decode(&type, p, n, ret, err);
        if (r < 0)
                return r;
        if (ret->ticket.len != ENVELOPE_TICKET)
                return err_set(err, -EPROTO, "envelope.ticket: %zu bytes", ret->ticket.len);
        if (ret->verb != DESK_SET && ret->verb != DESK_ROTATE)
                return err_set(err, -EPROTO, "envelope.verb: %u", ret->verb);
        if (ret->secret.kind != SECRET_ROUTE && ret->secret.kind != SECRET_FILE)
                return err_set(err, -EPROTO, "envelope.kind: %u", ret->secret.kind);
        return 0;
}

void envelope_fingerprint(const unsigned char key[ENVELOPE_KEY], char ret[FINGERPRINT_TEXT])
{
        unsigned char hash[SHA256_LEN];
        sha256_of(key, ENVELOPE_KEY, hash);
        memcpy(ret, "sha256:", 7);
        hex_encode(ret + 7, hash, sizeof hash);
}
