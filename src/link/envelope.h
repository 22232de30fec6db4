/* envelope.h - a secret on its way to the vault through those who must not read it: what is sent by
 * HTTP (PUT /v1/secrets/NAME). It is made by the client and opened by the vault; api carries it.
 *
 * Inside, as wire.h encodes it (u32 little-endian; texts and bytes as u32 length, then the bytes), in
 * this order: bytes `ticket`, u32 `verb` (2 set, 3 rotate), text `name`, u32 `kind` (1 route, 2 file),
 * texts `host`, `form`, `users`, bytes `value`, bytes `padding` (zeroes: the length of what is sealed
 * is a multiple of ENVELOPE_STEP, so that it does not tell that of the value).
 *
 * Around it: the 5 bytes "PDKS\1", the sender's X25519 public key of this envelope alone (32 bytes),
 * then the sealed bytes and their tag (16), by ChaCha20-Poly1305 (RFC 8439). Key (32) and nonce (12)
 * are HKDF-SHA256 (RFC 5869) of the shared X25519 secret with salt = sender's key + vault's key and
 * info = "paddock envelope 1". Everything before the sealed bytes, then the vault's key, is
 * authenticated with them.
 *
 * The ticket comes from the vault (GET /v1/vault/key), holds for ten minutes and is used once: an
 * envelope is of no use a second time, nor after the vault was started anew (vault/ticket.h).
 */
#pragma once
#include "link/desk.h"

#define ENVELOPE_KEY    32 /* bytes of the vault's public key */
#define ENVELOPE_STEP   512
#define ENVELOPE_HEAD   37 /* before the sealed bytes */
#define ENVELOPE_TAG    16
#define ENVELOPE_MAX    (SECRET_VALUE_MAX + 4096)
#define ENVELOPE_TICKET 32

struct envelope {
        struct slice ticket;
        uint32_t verb; /* DESK_SET or DESK_ROTATE */
        struct desk_secret secret;
        struct slice padding;
};

/* Appends what is to be sealed; -EINVAL with the field. */
MUST_CHECK int envelope_pack(const struct envelope *e, struct buf *out, struct err *err);
/* Slices of *ret point into p. -EPROTO with the field. */
MUST_CHECK int envelope_unpack(const void *p, size_t n, struct envelope *ret, struct err *err);

/* envelope_seal.c: appends the envelope around n bytes. */
MUST_CHECK int envelope_seal(const unsigned char vault_key[ENVELOPE_KEY], const void *plain,
                             size_t n, struct buf *out, struct err *err);
/* Into plain, which has room for n bytes. -EBADMSG: not for this key, or changed. */
MUST_CHECK int envelope_open(const unsigned char public_key[ENVELOPE_KEY],
                             const unsigned char secret_key[ENVELOPE_KEY], const void *p, size_t n,
                             unsigned char *plain, size_t *ret_n, struct err *err);
/* "sha256:" and the hash of a public key in hex: what people compare. */
#define FINGERPRINT_TEXT (7 + 64 + 1)
void envelope_fingerprint(const unsigned char key[ENVELOPE_KEY], char ret[FINGERPRINT_TEXT]);
