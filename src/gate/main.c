/* The role gate: faces the sandboxes. It holds only sockets handed to it, in an empty network
 * namespace, and decides nothing: it asks vault. No sandbox has a network yet, so nothing is handed
 * to it. */
#include "link/vault.h"
#include "role/role.h"

int main(void)
{
        static const struct peer_ops vault = {&vault_link, NULL, NULL};
        static const struct role_peer peers[] = {{"vault", &vault}, {NULL, NULL}};
        static const struct role role = {.name = "gate", .peers = peers};
        return role_main(&role);
}
