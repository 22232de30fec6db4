#include "box/init_send.h"

int init_send(uint32_t verb, uint32_t flags, uint64_t id, const struct wire_type *t,
              const void *obj, int fd)
{
        CLEANUP(buf_done) struct buf b;
        buf_init(&b, LINK_MESSAGE_MAX / 2);
        int r = wire_encode(t, obj, &b, NULL);
        struct link_message m = {.verb = verb,
                                 .flags = flags,
                                 .id = id,
                                 .body = {b.data ? b.data : "", b.len},
                                 .fds = {fd},
                                 .n_fds = fd >= 0};
        return r < 0 ? r : link_send(INIT_CONTROL, &init_link, &m);
}

int init_event(uint32_t verb, const void *obj)
{
        return init_send(verb, LINK_EVENT, 0, link_find(&init_link, verb)->req, obj, -1);
}

void init_refuse(const struct link_message *rq, const struct err *err)
{
        const char *text = err_text(err);
        struct link_message m = {.verb = rq->verb,
                                 .flags = LINK_ANSWER,
                                 .id = rq->id,
                                 .status = err->code,
                                 .body = {text, strlen(text)}};
        if (link_send(INIT_CONTROL, &init_link, &m) < 0)
                _exit(1);
}

void init_answer(const struct link_message *rq, pid_t pid, int master)
{
        struct init_started started = {.pid = (uint32_t)pid};
        if (init_send(rq->verb, LINK_ANSWER, rq->id, link_find(&init_link, rq->verb)->rep, &started,
                      master) < 0)
                _exit(1);
}

int init_take_fds(struct run *run, const struct link_message *m, struct err *err)
{
        if (m->n_fds != (run->tty ? 1 : 4))
                return err_set(err, -EINVAL, "%u descriptors are not what it takes", m->n_fds);
        for (uint32_t i = 1; i < m->n_fds; i++)
                run->stdio[i - 1] = m->fds[i];
        return run->program >= 0 ? 0 : run_read(run, m->fds[0], err);
}
