/* The role `rag`: documents, index, search. It parses no document (that is done in sandboxes, which
 * launch makes) and knows no user (api has decided who may search where). */
#include "rag/service.h"
#include "base/str.h"
#include "link/vault.h"
#include "role/role.h"

#define DRAIN_MS  100 /* between two looks whether everything has ended */
#define DRAIN_MAX 20  /* looks: an index job is safe to be cut off */

struct rag {
        struct role_run *run;
        struct service *service;
        unsigned looks;
};
static struct rag rag;

static struct peer *link_to_launch(void *ctx)
{
        struct rag *r = ctx;
        return role_peer(r->run, "launch");
}

static void peer_up(void *ctx, const char *name, struct peer *p UNUSED)
{
        if (str_eq(name, "launch"))
                service_launch_up(ctx);
}

static int start(struct role_run *run, void **ret_ctx, struct err *err)
{
        rag.run = run;
        if (fchdir(role_state_fd(run)) < 0)
                return err_sys(err, -errno, "the state directory");
        rag.service = service_new(role_loop(run), link_to_launch, &rag, err);
        if (!rag.service)
                return err->code;
        *ret_ctx = rag.service;
        return 0;
}

static void look(void *ctx UNUSED)
{
        if (service_idle(rag.service) || ++rag.looks > DRAIN_MAX)
                role_drained(rag.run);
        else
                loop_timer_add(role_loop(rag.run), DRAIN_MS, look, NULL);
}

static void drain(void *ctx)
{
        service_stop(ctx);
        look(NULL);
}

int main(void)
{
        static const struct peer_ops vault = {&vault_link, NULL, NULL};
        static const struct role_peer peers[] = {{"api", &service_api},
                                                 {"launch", &service_launch},
                                                 {"vault", &vault},
                                                 {NULL, NULL}};
        static const struct role role = {
                .name = "rag", .peers = peers, .start = start, .peer_up = peer_up, .drain = drain};
        return role_main(&role);
}
