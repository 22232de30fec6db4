/* handlers.h - the functions behind the table of routes, by file. */
#pragma once
#include "api/call.h"
#include "store/jobs.h"
#include "store/volumes.h"

/* health.c */
void health_get(struct call *c);
/* status.c */
void status_get(struct call *c);
/* control.c */
void control_stop(struct call *c);
void control_reload(struct call *c);
/* openapi.c */
void openapi_get(struct call *c);
/* tokens.c */
void tokens_get(struct call *c);
void tokens_post(struct call *c);
void tokens_delete(struct call *c);
/* sandbox_create.c */
void sandboxes_post(struct call *c);
/* sandboxes.c */
void sandboxes_get(struct call *c);
void sandbox_get(struct call *c);
void sandbox_delete(struct call *c);
void sandbox_signal(struct call *c);
void sandbox_stop(struct call *c);
void sandbox_stats(struct call *c);
void sandbox_freeze(struct call *c);
void sandbox_thaw(struct call *c);
/* policy.c */
void policy_get(struct call *c);
void policy_put(struct call *c);
/* secrets.c */
void vault_key_get(struct call *c);
void secrets_get(struct call *c);
void secret_put(struct call *c);
void secret_rotate(struct call *c);
void secret_delete(struct call *c);
/* upstreams.c */
void upstreams_get(struct call *c);
void upstream_test(struct call *c);
/* execs.c */
void execs_get(struct call *c);
void execs_post(struct call *c);
void exec_get(struct call *c);
void exec_stream(struct call *c);
void exec_signal(struct call *c);
/* snapshot.c */
void sandbox_snapshot(struct call *c);
/* events.c */
void sandbox_events(struct call *c);
void sandboxes_events(struct call *c);
/* streams.c */
void sandbox_stream(struct call *c);
/* idle.c: a private instance leaves when nothing uses it. */
void idle_start(struct api *a);
void idle_used(struct api *a);   /* a request came or has ended */
void streams_cut(struct api *a); /* every attached client: it comes back, or not */
/* jobs.c */
void jobs_get_all(struct call *c);
void job_get(struct call *c);
void job_wait(struct call *c);
void job_logs(struct call *c);
/* volumes.c */
void volumes_get(struct call *c);
void volumes_post(struct call *c);
void volume_delete(struct call *c);
json_t *volume_object(const struct volume *v);
/* launch makes the files of a volume whose row is there; v->quota_bytes 0: without a quota. fn calls
 * volume_made with the answer before anything else. */
void volume_make(struct peer *launch, const struct volume *v, peer_answer_fn fn, void *ctx);
/* Stores what holds the quota. 0, or the failure of launch or of the store in *err. */
MUST_CHECK int volume_made(struct api *a, struct volume *v, const struct peer_answer *answer,
                           struct err *err);
void volumes_rag_up(struct api *a); /* the indexes of volumes that went while it was away */
/* volume_copy.c */
void volume_snapshot(struct call *c);
void volume_restore(struct call *c);
/* volume_files.c */
void volume_files(struct call *c);
void volume_file_get(struct call *c);
void volume_file_put(struct call *c);
void volume_file_delete(struct call *c);
/* The same in a sandbox that runs, as it sees them. */
void sandbox_files(struct call *c);
void sandbox_file_get(struct call *c);
void sandbox_file_put(struct call *c);
void sandbox_file_delete(struct call *c);
/* templates.c */
void templates_get(struct call *c);
void templates_post(struct call *c);
void template_get(struct call *c);
void template_delete(struct call *c);
/* images.c */
void images_get(struct call *c);
void image_get(struct call *c);
void image_delete(struct call *c);
void images_prune(struct call *c);
void images_build(struct call *c);
void image_import(struct call *c);
/* image_export.c */
void image_export(struct call *c);
/* index.c */
void index_post(struct call *c);
void index_events(struct call *c);
/* documents.c */
void documents_get(struct call *c);
void document_get(struct call *c);
void document_delete(struct call *c);
/* models.c, embeddings.c */
void models_get(struct call *c);
void models_post(struct call *c);
void model_use(struct call *c);
void model_delete(struct call *c);
void embeddings_post(struct call *c);
void embed_post(struct call *c);
/* search.c, ask.c */
void search_post(struct call *c);
void ask_post(struct call *c);

/* ---- shared by them ---- */

/* jobs.c: the caller's jobs of a kind ("": of all), a page of them, under `key`. */
void jobs_answer_list(struct call *c, const char *kind, const char *key);
/* jobs.c: the job that {id} names, by id or by the caller's own name for it, as its JSON object (a
 * new reference); or NULL, and 404 was answered: also for another's. */
json_t *job_of_call(struct call *c, const char *kind, char ret_id[ID_TEXT_LEN + 1]);
json_t *job_load(struct api *a, const char *id); /* NULL when it is gone */
/* streams.c: answers with the stream of a sandbox or an exec, which is the caller's. */
void stream_answer(struct call *c, const char *id);
/* execs.c: the jobs and the output of a sandbox's execs, which have ended. */
MUST_CHECK int execs_remove(struct api *a, const char *sandbox, struct err *err);
/* volumes.c: the caller's volume of that name; NULL or "" is "docs". false: answered. */
MUST_CHECK bool volume_of_call(struct call *c, const char *name, struct volume *ret);
/* The same, and "docs" is made when it is not there yet: for what puts, indexes or asks. */
MUST_CHECK bool volume_need(struct call *c, const char *name, struct volume *ret);
