/* The role vault: the only process that may hold a secret. What it answers is what it has: its
 * state and how many secrets and routes it keeps; the store and the routes join it here. */
#include "link/vault.h"
#include "role/role.h"

static void on_status(void *ctx UNUSED, struct peer_request *rq, const void *req UNUSED,
                      int *fds UNUSED, uint32_t n_fds UNUSED)
{
        struct vault_status s = {.state = "unlocked"};
        peer_reply(rq, &s, NULL, 0, false);
}

int main(void)
{
        static const struct peer_handler handlers[] = {{VAULT_STATUS, on_status}, {0, NULL}};
        static const struct peer_ops ops = {&vault_link, handlers, NULL};
        static const struct role_peer peers[] = {{"api", &ops}, {"gate", &ops}, {NULL, NULL}};
        static const struct role role = {.name = "vault", .peers = peers};
        return role_main(&role);
}
