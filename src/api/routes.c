/* THE table of routes, and the shapes of what goes in and comes out. */
#include "api/handlers.h"
#include "api/metrics.h"
#include "api/router.h"

#define STR(n, need, d)                                                                            \
        {                                                                                          \
                .name = n, .type = FIELD_STR, .required = need, .doc = d                           \
        }
#define U64(n, need, d)                                                                            \
        {                                                                                          \
                .name = n, .type = FIELD_U64, .required = need, .doc = d                           \
        }
#define I64(n, need, d)                                                                            \
        {                                                                                          \
                .name = n, .type = FIELD_I64, .required = need, .doc = d                           \
        }
#define NUM(n, need, d)                                                                            \
        {                                                                                          \
                .name = n, .type = FIELD_NUM, .required = need, .doc = d                           \
        }
#define BOOL(n, need, d)                                                                           \
        {                                                                                          \
                .name = n, .type = FIELD_BOOL, .required = need, .doc = d                          \
        }
#define TEXTS(n, need, d)                                                                          \
        {                                                                                          \
                .name = n, .type = FIELD_TEXTS, .required = need, .doc = d                         \
        }
#define ANY(n, need, d)                                                                            \
        {                                                                                          \
                .name = n, .type = FIELD_ANY, .required = need, .doc = d                           \
        }
#define STRS(n, need, d)                                                                           \
        {                                                                                          \
                .name = n, .type = FIELD_STRS, .required = need, .doc = d                          \
        }
#define MAP(n, need, d)                                                                            \
        {                                                                                          \
                .name = n, .type = FIELD_MAP, .required = need, .doc = d                           \
        }
#define OBJ(n, need, f, d)                                                                         \
        {                                                                                          \
                .name = n, .type = FIELD_OBJ, .required = need, .of = f, .doc = d                  \
        }
#define LIST(n, need, f, d)                                                                        \
        {                                                                                          \
                .name = n, .type = FIELD_LIST, .required = need, .of = f, .doc = d                 \
        }
#define FIELDS(name, ...) static const struct field name[] = {__VA_ARGS__, FIELD_END}

/* ---- shapes ---- */

static const struct field nothing[] = {FIELD_END};
FIELDS(health, STR("status", true, "ok or draining"), STR("version", true, NULL));

FIELDS(role, STR("role", true, NULL), STR("state", true, "starting, ready, failed or draining"),
       U64("pid", true, NULL), U64("restarts", true, NULL),
       U64("since_ms", true, "Wall clock of the last start."),
       STR("reason", true, "Why it last ended."));
FIELDS(counts, U64("accepted", true, NULL), U64("running", true, NULL), U64("ended", true, NULL));
FIELDS(kinds, OBJ("sandbox", true, counts, NULL), OBJ("index", true, counts, NULL),
       OBJ("image", true, counts, NULL));
FIELDS(docs, U64("docs", true, NULL), U64("passages", true, NULL), U64("failed", true, NULL));
FIELDS(whoami, STR("name", true, NULL), BOOL("operator", true, NULL));
FIELDS(queue, U64("waiting", true, "Creates that wait for room."),
       U64("place", true, "Of the caller's first; 0: none waits."));
FIELDS(status, STR("version", true, NULL), STR("status", true, "ok or draining"),
       U64("started_ms", true, NULL), U64("uptime_ms", true, NULL),
       OBJ("user", true, whoami, "Who asks."), OBJ("queue", true, queue, NULL),
       LIST("roles", true, role, NULL), OBJ("jobs", true, kinds, NULL),
       OBJ("docs", false, docs, "Of the caller's volume docs."));

FIELDS(stop, BOOL("all", false, "Sandboxes too."));
FIELDS(stopping, BOOL("stopping", true, NULL));
FIELDS(change, STR("option", true, NULL), BOOL("applied", true, "false: needs a restart"));
FIELDS(changes, LIST("changes", true, change, NULL));

FIELDS(token_new, STR("name", true, NULL), STRS("scopes", true, "operator, member or sandbox:NAME"),
       U64("expires_ms", false, "Wall clock; absent: never."));
FIELDS(token_made, STR("name", true, NULL), STR("token", true, "Shown this once."));
FIELDS(token, STR("name", true, NULL), STR("owner", true, NULL), STRS("scopes", true, NULL),
       U64("created_ms", true, NULL), U64("expires_ms", false, NULL), U64("used_ms", false, NULL));
FIELDS(tokens, LIST("tokens", true, token, NULL));
FIELDS(named, STR("name", true, NULL));

FIELDS(mount, STR("volume", true, "Name of a volume of the caller."),
       STR("target", true, "Absolute path in the sandbox."), BOOL("read_only", false, NULL),
       STR("subpath", false, "Only this part of the volume."));
FIELDS(secret, STR("secret", true, "Name of a file secret of the caller."),
       STR("target", false, "Absolute path in the sandbox; else /run/secrets/NAME."));
FIELDS(sandbox_new,
       STRS("argv", false, "The program and its arguments; none: it waits for commands by exec."),
       MAP("env", false, NULL), BOOL("stdin", false, "A stream will send stdin; else it is empty."),
       BOOL("tty", false, "The command has a terminal."), U64("rows", false, "Of the terminal."),
       U64("cols", false, NULL),
       U64("idle_timeout_ms", false, "Ends it after so long without work. 0: never."),
       U64("cpu_time_ms", false, "Processor time of all of it. 0: no limit."),
       U64("output_limit_bytes", false, "Ends it when it has written so much. 0: no limit."),
       LIST("secrets", false, secret, NULL),
       STRS("gpu", false, "CDI names such as nvidia.com/gpu=0, all, or how many."),
       STR("driver", false, "ns or runsc."), MAP("labels", false, NULL), STR("image", false, NULL),
       STR("template", false, "Forked from that template of the caller."),
       STR("workdir", false, NULL),
       STR("name", false, "A second create with a name that runs returns the one that runs."),
       U64("memory_bytes", false, NULL), U64("cpu_milli", false, "Thousandths of a core."),
       U64("pids", false, NULL), U64("disk_bytes", false, NULL),
       U64("timeout_ms", false, "0: none"), LIST("volumes", false, mount, NULL),
       STR("network", false, "none (the default), proxy or, for operators, open"),
       STRS("allow", false, "Hosts it may reach: NAME[:PORT], *.NAME; network proxy."),
       STRS("routes", false, "Routes of the configuration that it may use; network proxy."));
FIELDS(result, U64("exit_code", false, "When it ended by itself."), U64("signal", false, NULL),
       STR("reason", false,
           "exited, signal, wall, idle, cpu, oom, disk, output, policy, killed or "
           "lost"),
       STR("cause", false, "Of lost."), U64("queue_ms", false, NULL),
       U64("start_us", false, "From the request to the command released."),
       U64("run_ms", false, NULL), U64("cpu_us", false, NULL),
       U64("peak_memory_bytes", false, NULL), U64("io_read_bytes", false, NULL),
       U64("io_write_bytes", false, NULL), U64("oom_kills", false, NULL),
       U64("output_bytes", false, NULL),
       U64("output_dropped", false, "Output that was not stored."),
       STR("state", false, "Index: done or failed."), U64("total", false, NULL),
       U64("done", false, NULL), U64("changed", false, NULL), U64("removed", false, NULL),
       U64("failed", false, NULL), U64("passages", false, NULL));
FIELDS(enforcement, STR("driver", true, NULL), STR("namespaces", true, NULL),
       STR("ids", true, NULL), STR("seccomp", true, "SHA-256 of the filter."),
       STR("cgroup", true, NULL), STR("network", true, NULL),
       STR("start", true, "cold, ahead (from the pool) or forked (from a template)."),
       STR("disk", true, "What holds the disk limit."),
       STR("missing", true, "Layers that could not be had."),
       STR("gpus", true, "Devices that it has."), U64("capabilities", true, NULL),
       BOOL("no_new_privs", true, NULL), U64("landlock_abi", true, NULL),
       BOOL("memory_limit", true, NULL), BOOL("cpu_limit", true, NULL),
       BOOL("pids_limit", true, NULL), BOOL("disk_limit", true, NULL));
FIELDS(job, STR("id", true, NULL), STR("name", false, NULL),
       STR("kind", true, "sandbox, exec or index"), STR("owner", true, NULL),
       STR("state", true, "accepted, running or ended"), U64("created_ms", true, NULL),
       U64("ended_ms", false, NULL), OBJ("result", false, result, "Once ended."),
       OBJ("enforcement", false, enforcement, "Sandbox: what was in force."),
       STR("sandbox", false, "Exec: where it runs."), STRS("argv", false, NULL),
       BOOL("stdin", false, NULL), BOOL("tty", false, NULL), STR("image", false, NULL),
       STR("template", false, NULL), STR("driver", false, NULL), STR("network", false, NULL),
       STRS("allow", false, NULL), STRS("routes", false, NULL),
       LIST("secrets", false, secret, NULL), STRS("gpu", false, NULL), MAP("labels", false, NULL),
       U64("idle_timeout_ms", false, NULL), U64("cpu_time_ms", false, NULL),
       U64("output_limit_bytes", false, NULL),
       BOOL("reused", false, "POST: it ran already under that name."), STR("workdir", false, NULL),
       U64("memory_bytes", false, NULL), U64("cpu_milli", false, NULL), U64("pids", false, NULL),
       U64("disk_bytes", false, NULL), U64("timeout_ms", false, NULL),
       LIST("volumes", false, mount, NULL), STR("volume", false, "Index: its name."),
       STR("prefix", false, NULL), BOOL("force", false, NULL));
FIELDS(sandboxes, LIST("sandboxes", true, job, NULL));
FIELDS(jobs, LIST("jobs", true, job, NULL));
FIELDS(signal_fields, U64("signal", true, "A number, 15 for TERM."));
FIELDS(grace, U64("grace_ms", false, "From TERM to the end of everything."));
FIELDS(id_fields, STR("id", true, NULL));
FIELDS(exec_new, STRS("argv", true, "The program and its arguments."), MAP("env", false, NULL),
       BOOL("stdin", false, "A stream will send stdin; else it is empty."),
       BOOL("tty", false, "It has a terminal."), U64("rows", false, NULL), U64("cols", false, NULL),
       STR("workdir", false, NULL), U64("timeout_ms", false, "0: none"),
       U64("output_limit_bytes", false, NULL));
FIELDS(execs, LIST("execs", true, job, NULL));
FIELDS(stats, U64("cpu_us", true, NULL), U64("memory_bytes", true, NULL),
       U64("peak_memory_bytes", true, NULL), U64("pids", true, NULL),
       U64("io_read_bytes", true, NULL), U64("io_write_bytes", true, NULL),
       U64("oom_kills", true, NULL), BOOL("frozen", true, NULL),
       U64("time_ms", true, "When it was measured."));
FIELDS(policy, STRS("allow", false, "Hosts it may reach, as when it was made."),
       STRS("routes", false, "Routes that it may use."));
FIELDS(upstream, STR("name", true, NULL), STR("upstream", true, "Where it leads."),
       STR("secret", false, "The key that vault adds; its name."),
       STR("as", false, "How it is added."), STR("meter", false, "anthropic or openai"),
       STRS("allow", true, "METHOD:PATH"), STRS("repos", false, NULL), STRS("models", false, NULL),
       STRS("hosts", false, "May be reached through the proxy as well."),
       STRS("env", false, "Set in the sandbox; @ is its address there."),
       STRS("users", false, "Operators: who may use it."),
       STRS("roles", false, "Operators: roles of Paddock that use it."));
FIELDS(tested, STR("name", true, NULL), BOOL("fine", true, NULL),
       U64("status", true, "Of the upstream; 0: it did not come so far."),
       STR("text", true, "What is wrong, or that it answers."), U64("us", true, NULL));
FIELDS(upstreams, LIST("routes", true, upstream, NULL));
FIELDS(vault_key, STR("state", true, "unlocked, locked or new"),
       STR("fingerprint", false, "sha256: of the key."),
       STR("key", false, "X25519, 32 bytes in hex: what values are sealed to."),
       STR("ticket", false, "32 bytes in hex: for one envelope within ten minutes."));
FIELDS(secret_shown, STR("name", true, NULL), STR("kind", true, "route or file"),
       STR("host", false, "Route: where it is sent."), STR("as", false, "Route: how it is added."),
       STR("for", false, "File: whose sandboxes may have it."), U64("created_ms", true, NULL),
       U64("changed_ms", true, NULL));
FIELDS(secrets_shown, LIST("secrets", true, secret_shown, NULL));
FIELDS(sealed, STR("envelope", true, "In hex: the value, sealed; see docs/vault.md."));
FIELDS(limit_query, U64("limit", false, NULL));
FIELDS(all_query, BOOL("all", false, "Operators: everybody's."));
FIELDS(sandboxes_query, U64("limit", false, NULL), STR("before", false, "Id: only older ones."),
       BOOL("all", false, "Operators: everybody's."), STR("label", false, "KEY=VALUE"));
FIELDS(paging, U64("limit", false, NULL), STR("before", false, "Id: only older ones."),
       BOOL("all", false, "Operators: everybody's."));
FIELDS(wait_query, U64("timeout_ms", false, NULL));
FIELDS(logs_query, U64("offset", false, NULL), BOOL("follow", false, NULL));
FIELDS(stream_query, U64("offset", false, "Of the output."),
       U64("stdin_offset", false, "Number of the first byte of stdin that will be sent."));

FIELDS(volume, STR("id", true, NULL), STR("name", true, NULL), STR("owner", true, NULL),
       U64("created_ms", true, NULL), U64("quota_bytes", true, "0: none"),
       STR("quota", true, "What holds it: project, loop, or watched (best effort)."));
FIELDS(volume_new, STR("name", true, NULL), U64("quota_bytes", false, "At least 16 MiB."));
FIELDS(restore_from, STR("from", true, "The name of a volume, a snapshot or any."));
FIELDS(volumes, LIST("volumes", true, volume, NULL));
FIELDS(file, STR("path", true, NULL), U64("size_bytes", true, NULL), U64("mtime_ms", true, NULL));
FIELDS(files, LIST("files", true, file, NULL), STR("next", false, "Ask again with after=this."),
       U64("skipped", true, "Entries whose names cannot be shown."));
FIELDS(files_query, STR("prefix", false, NULL), STR("after", false, NULL),
       U64("limit", false, NULL));
FIELDS(file_put, STR("path", true, NULL), U64("size_bytes", false, "Of a file."),
       U64("entries", false, "Of an archive."));
FIELDS(archive_query, STR("archive", false, "tar: what is in that folder, as an archive."));
FIELDS(file_gone, STR("path", true, NULL), U64("files", true, NULL));
FIELDS(layer, STR("key", true, "What it was made from, hashed."), U64("size_bytes", true, NULL));
FIELDS(image, STR("name", true, NULL), STR("owner", true, NULL), U64("created_ms", true, NULL),
       U64("size_bytes", true, "Of all its layers; others may share them."),
       LIST("layers", true, layer, "The lowest first."),
       BOOL("host", true, "It lies on top of the host's /usr."), MAP("env", true, NULL),
       STR("workdir", true, NULL), STRS("entrypoint", true, NULL));
FIELDS(images, LIST("images", true, image, NULL));
FIELDS(template_new, STR("name", true, NULL), STR("image", false, "Default: host."),
       STR("runtime", false, "python (the default) or shell."),
       STRS("imports", false, "python: modules that are imported ahead."),
       U64("memory_bytes", false, "Of its process."));
FIELDS(template, STR("name", true, NULL), STR("owner", true, NULL), U64("created_ms", true, NULL),
       STR("image", true, NULL), STR("runtime", true, NULL), STRS("imports", true, NULL),
       U64("memory_bytes", true, NULL), STR("state", true, "stopped, starting or ready"),
       STR("error", false, "Why it last could not be started."),
       U64("sandboxes", true, "Made from it, running."));
FIELDS(templates, LIST("templates", true, template, NULL));
FIELDS(prune_done, U64("layers", true, "How many were removed."), U64("bytes", true, NULL),
       U64("in_use", true, "By running sandboxes: left."));
FIELDS(recipe_step, STR("kind", true, "apt, pip, npm, run or copy"),
       STRS("items", false, "apt, pip, npm: packages."), STR("text", false, "run: a shell script."),
       STR("target", false, "copy: an absolute path."),
       STR("data", false, "copy: a tar archive in base 64."));
FIELDS(recipe, STR("from", false, "host, debian:SUITE, image:NAME or oci:REFERENCE"),
       LIST("steps", false, recipe_step, NULL), MAP("env", false, NULL),
       STR("workdir", false, NULL), STRS("entrypoint", false, NULL),
       MAP("mirrors", false, "URLs: debian, security, pip, npm, at hosts that builds may reach."),
       STRS("reach", false, "Of the hosts that builds may reach only these."));
FIELDS(snapshot_new, STR("image", true, "The name of the image that it becomes."));
FIELDS(image_build, STR("name", true, NULL), OBJ("recipe", true, recipe, NULL));
FIELDS(import_query, STR("name", false, "Of the image; needed."), BOOL("oci", false, NULL));
FIELDS(index_new, STR("volume", false, "Default: docs."), STR("prefix", false, "Only below it."),
       BOOL("force", false, "Parse again what has not changed."));
FIELDS(document, STR("path", true, NULL),
       STR("status", true, "indexed, partial, encrypted, no-text, unsupported or failed"),
       STR("reason", true, NULL), STR("type", true, NULL), STR("title", true, NULL),
       STR("hash", true, NULL), U64("size_bytes", true, NULL), U64("mtime_ms", true, NULL),
       U64("passages", true, "How many."), U64("pages", true, NULL));
FIELDS(documents, LIST("documents", true, document, NULL), STR("next", false, NULL));
FIELDS(explained, U64("word_rank", false, "Its place among those found by word, from 1; null."),
       NUM("word_score", true, NULL), U64("meaning_rank", false, "The same by meaning."),
       NUM("cosine", true, NULL));
FIELDS(hit, STR("path", true, NULL), STR("title", true, NULL), STR("heading", true, NULL),
       U64("page", false, "From 1."), U64("ordinal", true, "Of the passage in its document."),
       NUM("score", true, "Higher is better."), STR("text", true, NULL),
       OBJ("explain", false, explained, "What the score is made of, if that was asked."));
FIELDS(document_whole, STR("path", true, NULL), STR("status", true, NULL),
       STR("reason", true, NULL), STR("type", true, NULL), STR("title", true, NULL),
       STR("hash", true, NULL), U64("size_bytes", true, NULL), U64("mtime_ms", true, NULL),
       LIST("passages", true, hit, NULL), U64("pages", true, NULL));
FIELDS(documents_query, STR("volume", false, NULL), STR("after", false, NULL),
       U64("limit", false, NULL));
FIELDS(volume_query, STR("volume", false, NULL));
FIELDS(path_fields, STR("path", true, NULL));
FIELDS(search, STR("query", true, NULL), U64("limit", false, NULL), STR("prefix", false, NULL),
       STR("volume", false, NULL), BOOL("explain", false, NULL));
FIELDS(found, LIST("hits", true, hit, NULL),
       STR("mode", true, "hybrid, by word and meaning; lexical, by word alone"),
       NUM("embedded", true, "Share of the passages that have a vector, 0 to 1."),
       U64("took_us", true, NULL));
FIELDS(ask, STR("question", true, NULL), U64("limit", false, NULL), STR("volume", false, NULL));
FIELDS(asked, STR("mode", true, "passages"), STR("notice", true, NULL),
       LIST("passages", true, hit, NULL), U64("took_us", true, NULL));

FIELDS(model, STR("name", true, NULL),
       STR("id", true, "Only vectors of models with equal ids may be compared."),
       STR("precision", true, "int8, bf16 or fp32"), STR("kernel", true, "On this processor."),
       STR("languages", true, NULL), BOOL("in_use", true, "For whoever names none."),
       U64("dims", true, NULL), U64("max_tokens", true, "Of one text, with its prefix."),
       U64("layers", true, NULL), U64("bytes", true, NULL),
       STR("problem", false, "Why it cannot be used."));
FIELDS(models, LIST("models", true, model, NULL));
FIELDS(model_new, STR("name", true, NULL),
       STR("volume", true, "Holds the published files: config.json, model.safetensors, ..."),
       STR("folder", false, "Of the volume."), STR("precision", false, "Default: int8."),
       STR("languages", false, "\"en de\""), STR("passage_prefix", false, NULL),
       STR("query_prefix", false, NULL));
FIELDS(embeddings_new, TEXTS("input", true, "A string or a list of strings."),
       STR("model", false, "Default: the one in use."),
       STR("encoding_format", false, "float or base64"), U64("dimensions", false, "Refused."),
       STR("input_type", false, "passage (default) or query"), STR("user", false, "Not used."));
FIELDS(embedding_one, STR("object", true, NULL), U64("index", true, NULL),
       ANY("embedding", true, "Floats, or their bytes in base 64."));
FIELDS(embeddings_usage, U64("prompt_tokens", true, NULL), U64("total_tokens", true, NULL));
FIELDS(embeddings, STR("object", true, NULL), LIST("data", true, embedding_one, NULL),
       STR("model", true, NULL), OBJ("usage", true, embeddings_usage, NULL));
FIELDS(embed_new, TEXTS("inputs", true, "A string or a list of strings."),
       BOOL("normalize", false, NULL), BOOL("truncate", false, "A text is refused, never cut."),
       STR("truncation_direction", false, "Not used."),
       STR("prompt_name", false, "passage (default) or query"));

#define BYTES      "application/octet-stream"
#define JOB_STREAM "application/vnd.paddock.stream"

/* ---- THE table ---- */

const struct route routes[] = {
        {"GET", "/v1/health", SCOPE_SANDBOX, health_get, "Is the server there?", .status = 200,
         .answer = health},
        {"GET", "/v1/status", SCOPE_MEMBER, status_get, "Roles, jobs, documents, who asks.",
         .status = 200, .answer = status},
        {"GET", "/metrics", SCOPE_MEMBER, metrics_route, "Prometheus text.", .status = 200,
         .type = "text/plain"},
        {"GET", "/v1/openapi.json", SCOPE_SANDBOX, openapi_get, "This document.", .status = 200,
         .type = "application/json"},
        {"POST", "/v1/stop", SCOPE_OPERATOR, control_stop, "Ends the server.", .body = stop,
         .status = 200, .answer = stopping},
        {"POST", "/v1/reload", SCOPE_OPERATOR, control_reload, "Reads the configuration again.",
         .body = nothing, .status = 200, .answer = changes},

        {"GET", "/v1/tokens", SCOPE_MEMBER, tokens_get, "Tokens, without their text.",
         .status = 200, .answer = tokens},
        {"POST", "/v1/tokens", SCOPE_MEMBER, tokens_post, "Makes a token.", .body = token_new,
         .status = 201, .answer = token_made},
        {"DELETE", "/v1/tokens/{name}", SCOPE_MEMBER, tokens_delete, "Revokes a token.",
         .status = 200, .answer = named},

        {"POST", "/v1/sandboxes", SCOPE_MEMBER, sandboxes_post, "Starts a command in a sandbox.",
         .body = sandbox_new, .status = 201, .answer = job},
        {"GET", "/v1/sandboxes", SCOPE_MEMBER, sandboxes_get, "Sandboxes, newest first.",
         .query = sandboxes_query, .status = 200, .answer = sandboxes},
        {"GET", "/v1/sandboxes/events", SCOPE_MEMBER, sandboxes_events,
         "What happens to them, as server-sent events.", .query = all_query, .status = 200,
         .type = "text/event-stream"},
        {"GET", "/v1/sandboxes/{id}", SCOPE_SANDBOX, sandbox_get, "One sandbox.", .status = 200,
         .answer = job},
        {"DELETE", "/v1/sandboxes/{id}", SCOPE_SANDBOX, sandbox_delete, "Ends and forgets it.",
         .status = 200, .answer = id_fields},
        {"POST", "/v1/sandboxes/{id}/signal", SCOPE_SANDBOX, sandbox_signal,
         "Signals its main process.", .body = signal_fields, .status = 200, .answer = nothing},
        {"POST", "/v1/sandboxes/{id}/stop", SCOPE_SANDBOX, sandbox_stop, "Ends it.", .body = grace,
         .status = 200, .answer = nothing},
        {"GET", "/v1/sandboxes/{id}/stream", SCOPE_SANDBOX, sandbox_stream,
         "Attaches to stdin, stdout and stderr: Upgrade: paddock-stream/1, or by WebSocket with "
         "sub-protocol paddock-stream.1.",
         .query = stream_query, .status = 101, .answer = nothing},
        {"GET", "/v1/sandboxes/{id}/stats", SCOPE_SANDBOX, sandbox_stats, "What it uses now.",
         .status = 200, .answer = stats},
        {"GET", "/v1/sandboxes/{id}/events", SCOPE_SANDBOX, sandbox_events,
         "What happens to it, as server-sent events.", .status = 200, .type = "text/event-stream"},
        {"POST", "/v1/sandboxes/{id}/freeze", SCOPE_SANDBOX, sandbox_freeze,
         "Nothing of it runs until it is used again.", .body = nothing, .status = 200,
         .answer = nothing},
        {"POST", "/v1/sandboxes/{id}/thaw", SCOPE_SANDBOX, sandbox_thaw, "It runs again.",
         .body = nothing, .status = 200, .answer = nothing},
        {"POST", "/v1/sandboxes/{id}/snapshot", SCOPE_MEMBER, sandbox_snapshot,
         "Makes an image of what it has written on top of its own.", .body = snapshot_new,
         .status = 202, .answer = job},
        {"GET", "/v1/sandboxes/{id}/policy", SCOPE_MEMBER, policy_get, "What it may reach.",
         .status = 200, .answer = policy},
        {"PUT", "/v1/sandboxes/{id}/policy", SCOPE_MEMBER, policy_put,
         "Changes what it may reach, at once: what is no longer allowed is cut.", .body = policy,
         .status = 200, .answer = policy},
        {"GET", "/v1/sandboxes/{id}/exec", SCOPE_SANDBOX, execs_get,
         "Commands that were started in it, newest first.", .query = limit_query, .status = 200,
         .answer = execs},
        {"POST", "/v1/sandboxes/{id}/exec", SCOPE_SANDBOX, execs_post, "Starts a command in it.",
         .body = exec_new, .status = 201, .answer = job},
        {"GET", "/v1/sandboxes/{id}/exec/{exec}", SCOPE_SANDBOX, exec_get, "One of them.",
         .status = 200, .answer = job},
        {"GET", "/v1/sandboxes/{id}/exec/{exec}/stream", SCOPE_SANDBOX, exec_stream,
         "Attaches to it, as to a sandbox.", .query = stream_query, .status = 101,
         .answer = nothing},
        {"POST", "/v1/sandboxes/{id}/exec/{exec}/signal", SCOPE_SANDBOX, exec_signal, "Signals it.",
         .body = signal_fields, .status = 200, .answer = nothing},
        {"GET", "/v1/sandboxes/{id}/files", SCOPE_SANDBOX, sandbox_files,
         "Its files, by path, as it sees them.", .query = files_query, .status = 200,
         .answer = files},
        {"GET", "/v1/sandboxes/{id}/files/{path...}", SCOPE_SANDBOX, sandbox_file_get,
         "A file, or with archive=tar a folder.", .query = archive_query, .status = 200,
         .type = BYTES},
        {"PUT", "/v1/sandboxes/{id}/files/{path...}", SCOPE_SANDBOX, sandbox_file_put,
         "Puts a file, whole or not at all; with archive=tar what is in the archive into that "
         "folder. "
         "X-Paddock-Mtime-Ms and X-Paddock-Mode are kept.",
         .query = archive_query, .upload = true, .status = 200, .answer = file_put},
        {"DELETE", "/v1/sandboxes/{id}/files/{path...}", SCOPE_SANDBOX, sandbox_file_delete,
         "Removes a file.", .status = 200, .answer = file_gone},

        {"GET", "/v1/routes", SCOPE_MEMBER, upstreams_get,
         "Routes of the configuration that the caller's sandboxes may use.", .status = 200,
         .answer = upstreams},

        {"POST", "/v1/routes/{name}/test", SCOPE_OPERATOR, upstream_test,
         "A real request on the route: whether it works, or what is wrong.", .body = nothing,
         .status = 200, .answer = tested},

        {"GET", "/v1/vault/key", SCOPE_MEMBER, vault_key_get,
         "The vault's public key, and a ticket for one envelope.", .status = 200,
         .answer = vault_key},
        {"GET", "/v1/secrets", SCOPE_OPERATOR, secrets_get, "Secrets, never their values.",
         .status = 200, .answer = secrets_shown},
        {"PUT", "/v1/secrets/{name}", SCOPE_OPERATOR, secret_put,
         "Gives the vault a secret, sealed to its key.", .body = sealed, .status = 200,
         .answer = named},
        {"POST", "/v1/secrets/{name}/rotate", SCOPE_OPERATOR, secret_rotate,
         "A new value, sealed; what it is bound to stays.", .body = sealed, .status = 200,
         .answer = named},
        {"DELETE", "/v1/secrets/{name}", SCOPE_OPERATOR, secret_delete, "Removes a secret.",
         .status = 200, .answer = named},

        {"GET", "/v1/jobs", SCOPE_MEMBER, jobs_get_all, "Jobs, newest first.", .query = paging,
         .status = 200, .answer = jobs},
        {"GET", "/v1/jobs/{id}", SCOPE_SANDBOX, job_get, "One job.", .status = 200, .answer = job},
        {"GET", "/v1/jobs/{id}/wait", SCOPE_SANDBOX, job_wait, "Waits for its end.",
         .query = wait_query, .status = 200, .answer = job},
        {"GET", "/v1/jobs/{id}/logs", SCOPE_SANDBOX, job_logs, "Its stored output, as frames.",
         .query = logs_query, .status = 200, .type = JOB_STREAM},

        {"GET", "/v1/volumes", SCOPE_MEMBER, volumes_get, "The caller's volumes.", .status = 200,
         .answer = volumes},
        {"POST", "/v1/volumes", SCOPE_MEMBER, volumes_post, "Makes a volume.", .body = volume_new,
         .status = 201, .answer = volume},
        {"DELETE", "/v1/volumes/{name}", SCOPE_MEMBER, volume_delete,
         "Removes a volume with all its files.", .status = 200, .answer = named},
        {"POST", "/v1/volumes/{name}/snapshot", SCOPE_MEMBER, volume_snapshot,
         "A new volume with the same content; 409 while a sandbox uses it.", .body = named,
         .status = 201, .answer = volume},
        {"POST", "/v1/volumes/{name}/restore", SCOPE_MEMBER, volume_restore,
         "Its content becomes that of another volume; 409 while a sandbox uses one of them.",
         .body = restore_from, .status = 200, .answer = volume},
        {"GET", "/v1/volumes/{name}/files", SCOPE_MEMBER, volume_files, "Its files, by path.",
         .query = files_query, .status = 200, .answer = files},
        {"GET", "/v1/volumes/{name}/files/{path...}", SCOPE_MEMBER, volume_file_get,
         "A file, or with archive=tar a folder.", .query = archive_query, .status = 200,
         .type = BYTES},
        {"PUT", "/v1/volumes/{name}/files/{path...}", SCOPE_MEMBER, volume_file_put,
         "Puts a file, whole or not at all; with archive=tar what is in the archive into that "
         "folder. "
         "X-Paddock-Mtime-Ms and X-Paddock-Mode are kept.",
         .query = archive_query, .upload = true, .status = 200, .answer = file_put},
        {"DELETE", "/v1/volumes/{name}/files/{path...}", SCOPE_MEMBER, volume_file_delete,
         "Removes a file.", .status = 200, .answer = file_gone},

        {"GET", "/v1/images", SCOPE_MEMBER, images_get, "The caller's images.", .status = 200,
         .answer = images},
        {"POST", "/v1/images/builds", SCOPE_MEMBER, images_build, "Builds an image by a recipe.",
         .body = image_build, .status = 202, .answer = job},
        {"POST", "/v1/images/prune", SCOPE_OPERATOR, images_prune,
         "Removes the layers that no image has.", .body = nothing, .status = 200,
         .answer = prune_done},
        {"GET", "/v1/images/{name}", SCOPE_MEMBER, image_get, "One image.", .status = 200,
         .answer = image},
        {"GET", "/v1/images/{name}/export", SCOPE_MEMBER, image_export,
         "Its root as a tar archive; of one on top of the host, what lies beside /usr and /etc.",
         .status = 200, .type = "application/x-tar"},
        {"DELETE", "/v1/images/{name}", SCOPE_MEMBER, image_delete, "Removes an image.",
         .status = 200, .answer = named},
        {"POST", "/v1/images/imports", SCOPE_MEMBER, image_import,
         "Imports a tar archive of a root (oci=true: of an OCI layout) as an image.",
         .query = import_query, .upload = true, .status = 200, .answer = job},

        {"GET", "/v1/templates", SCOPE_MEMBER, templates_get, "The caller's templates.",
         .status = 200, .answer = templates},
        {"POST", "/v1/templates", SCOPE_MEMBER, templates_post,
         "Makes a template; its first use starts it.", .body = template_new, .status = 201,
         .answer = template},
        {"GET", "/v1/templates/{name}", SCOPE_MEMBER, template_get, "One template.", .status = 200,
         .answer = template},
        {"DELETE", "/v1/templates/{name}", SCOPE_MEMBER, template_delete,
         "Removes one that no sandbox uses.", .status = 200, .answer = named},

        {"POST", "/v1/index/jobs", SCOPE_MEMBER, index_post, "Indexes what has changed.",
         .body = index_new, .status = 202, .answer = job},
        {"GET", "/v1/index/jobs/{id}/events", SCOPE_MEMBER, index_events,
         "Its progress as server-sent events: progress, then end.", .status = 200,
         .type = "text/event-stream"},
        {"GET", "/v1/documents", SCOPE_MEMBER, documents_get, "Indexed documents, by path.",
         .query = documents_query, .status = 200, .answer = documents},
        {"GET", "/v1/documents/{path...}", SCOPE_MEMBER, document_get,
         "A document and its passages.", .query = volume_query, .status = 200,
         .answer = document_whole},
        {"DELETE", "/v1/documents/{path...}", SCOPE_MEMBER, document_delete,
         "Removes it from the volume and from the index.", .query = volume_query, .status = 200,
         .answer = path_fields},
        {"GET", "/v1/models", SCOPE_MEMBER, models_get, "Models for embeddings.", .status = 200,
         .answer = models},
        {"POST", "/v1/models", SCOPE_OPERATOR, models_post,
         "Packs the published files of a volume and adds the model, or replaces it.",
         .body = model_new, .status = 200, .answer = model},
        {"POST", "/v1/models/{name}/use", SCOPE_OPERATOR, model_use,
         "From now on the model for whoever names none.", .body = nothing, .status = 200,
         .answer = model},
        {"DELETE", "/v1/models/{name}", SCOPE_OPERATOR, model_delete,
         "Removes a model that is not in use.", .status = 200, .answer = model},
        {"POST", "/v1/embeddings", SCOPE_MEMBER, embeddings_post,
         "Texts to vectors, as OpenAI's clients ask.", .body = embeddings_new, .status = 200,
         .answer = embeddings},
        {"POST", "/embed", SCOPE_MEMBER, embed_post,
         "The same as clients of text-embeddings-inference ask: a list of vectors.",
         .body = embed_new, .status = 200, .type = "application/json"},
        {"POST", "/v1/search", SCOPE_MEMBER, search_post, "Finds passages.", .body = search,
         .status = 200, .answer = found},
        {"POST", "/v1/ask", SCOPE_MEMBER, ask_post, "Answers a question from the documents.",
         .body = ask, .status = 200, .answer = asked},
};
const size_t routes_n = sizeof routes / sizeof *routes;
