#include "role/table.h"

const struct role_row role_rows[] = {
        {.name = "keep", .uid_offset = 1, .outlives_serve = true, .seccomp = "role-keep"},
        {.name = "launch", .host_view = true, .seccomp = "role-launch"},
        {.name = "vault",
         .uid_offset = 3,
         .net = ROLE_NET_HOST,
         .seccomp = "role-vault",
         .libs = "libcares libsodium libssl libcrypto",
         .mounts = "/etc/ssl /usr/share/ca-certificates /etc/resolv.conf /etc/hosts"},
        {.name = "gate", .uid_offset = 4, .seccomp = "role-gate"},
        {.name = "rag",
         .uid_offset = 5,
         .seccomp = "role-rag",
         .libs = "libxxhash libstemmer libutf8proc libm"},
        {.name = "api",
         .uid_offset = 6,
         .net = ROLE_NET_HOST,
         .seccomp = "role-api",
         .libs = "libmicrohttpd libwslay libjansson libsqlite3 libssl libcrypto libm libgnutls "
                 "libp11-kit libidn2 "
                 "libunistring libtasn1 libnettle libhogweed libgmp libffi",
         .mounts = ""},
};
const size_t role_rows_n = ARRAY_LEN(role_rows);

const struct role_pair role_pairs[] = {
        {"launch", "keep"}, {"api", "keep"},  {"api", "launch"}, {"rag", "launch"},
        {"api", "rag"},     {"api", "vault"}, {"gate", "vault"}, {"launch", "vault"},
        {"launch", "gate"}, {"rag", "vault"},
};
const size_t role_pairs_n = ARRAY_LEN(role_pairs);

const struct role_row *role_row_find(const char *name)
{
        for (size_t i = 0; i < role_rows_n; i++)
                if (strcmp(role_rows[i].name, name) == 0)
                        return &role_rows[i];
        return NULL;
}
