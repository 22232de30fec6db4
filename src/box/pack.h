/* pack.h - the root of an image as a tar on standard output, from inside. */
#pragma once
#include "base/err.h"

MUST_CHECK int pack_root(struct err *err);
