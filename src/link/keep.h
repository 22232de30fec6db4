/* keep.h - verbs of the descriptor store. Askers: launch and api.
 *
 * keep holds descriptors under (id, name), id a sandbox, and does nothing with them: it never
 * reads, writes or polls one. It outlives serve, so that sandboxes outlive every restart. Links to
 * keep accept version n and n-1.
 */
#pragma once
#include "link/link.h"

enum keep_verb { KEEP_PUT = 1, KEEP_GET, KEEP_DROP, KEEP_LIST };

struct keep_key {
        char id[ID_TEXT_LEN + 1]; /* a sandbox */
        char name[16];            /* "init", "stdio"; empty in KEEP_DROP: everything of that id */
};
struct keep_entry {
        char id[ID_TEXT_LEN + 1];
        char name[16];
        uint32_t n_fds;
};
struct keep_done {
        uint32_t n; /* descriptors stored, returned or dropped */
};

extern const struct link_spec keep_link;
/* PUT  keep_key  + 1..LINK_FDS_MAX descriptors -> keep_done; replaces what was there
 * GET  keep_key  -> keep_done + the descriptors; -ENOENT
 * DROP keep_key  -> keep_done
 * LIST keep_key (id: only that one, empty: all) -> keep_entry parts; the last part has an empty id
 */
