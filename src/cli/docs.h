/* docs.h - the list of documents, for the commands that print or count it. */
#pragma once
#include "base/json.h"
#include "cli/command.h"

/* {"documents":[...]} of the volume of --volume (default docs), all pages; a new reference. */
MUST_CHECK int docs_all(const struct invocation *inv, json_t **ret, struct err *err);
