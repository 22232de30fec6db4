/* index_plan.h - what a scan found against what the manifest knows: the work of an index job. */
#pragma once
#include "rag/index.h"
#include "rag/listing.h"

struct work {
        struct parse_entry
                *found;      /* as scanned; only the path may be longer lived than the stamps */
        struct known *old;   /* the row of that path, or NULL */
        struct known *guess; /* a row whose file is gone and may be this one, moved; or NULL */
};
struct plan {
        struct known_list known;
        size_t at; /* known files that the scan has passed */
        struct work *work;
        size_t n, cap;
        uint64_t bytes;      /* of the work */
        uint64_t found;      /* files scanned */
        uint64_t unread;     /* unchanged files that are not wholly indexed */
        size_t gone;         /* known files that the scan did not find */
        struct known **lost; /* those, by size, for the guesses */
        bool force;
};

void plan_done(struct plan *p);
/* An entry_fn: the next scanned file. */
int plan_add(void *plan, const struct parse_entry *e, struct err *err);
/* After the last one: finds what is gone and guesses what was moved. */
MUST_CHECK int plan_end(struct plan *p, struct err *err);
