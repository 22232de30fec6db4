/* The role gate: faces the sandboxes. It holds only sockets that were handed to it, in an empty
 * network namespace, and decides nothing: it asks vault. */
#include "base/log.h"
#include "gate/gate.h"
#include "role/role.h"

static struct gate gate;

static struct peer *find_vault(void *ctx)
{
        return role_peer(ctx, "vault");
}

static void on_listen(void *ctx UNUSED, struct peer_request *rq, const void *req, int *fds,
                      uint32_t n_fds)
{
        const struct gate_listener *l = req;
        if (n_fds != 1 || l->kind < GATE_HTTP || l->kind > GATE_SOCKS) {
                peer_fail(rq, -EINVAL, "a listening socket of a known kind is expected");
                return;
        }
        gate_listen(&gate, l, TAKE_FD(fds[0]));
        log_debug("gate.listen", kv("id", l->id), kv("kind", l->kind));
        peer_reply(rq, &(struct gate_empty){0}, NULL, 0, false);
}

static void on_close(void *ctx UNUSED, struct peer_request *rq UNUSED, const void *req,
                     int *fds UNUSED, uint32_t n_fds UNUSED)
{
        gate_close(&gate, ((const struct gate_id *)req)->id);
}

static int start(struct role_run *run, void **ret_ctx, struct err *err UNUSED)
{
        gate = (struct gate){.loop = role_loop(run), .vault = find_vault, .ctx = run};
        *ret_ctx = &gate;
        return 0;
}

int main(void)
{
        static const struct peer_handler for_launch[] = {
                {GATE_LISTEN, on_listen}, {GATE_CLOSE, on_close}, {0, NULL}};
        static const struct peer_ops vault = {&vault_link, NULL, NULL};
        static const struct peer_ops launch = {&gate_link, for_launch, NULL};
        static const struct role_peer peers[] = {
                {"vault", &vault}, {"launch", &launch}, {NULL, NULL}};
        static const struct role role = {.name = "gate", .peers = peers, .start = start};
        return role_main(&role);
}
