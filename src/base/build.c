#include "base/build.h"
#include "build_id.h" /* generated, see tools/programs.mk */

const char build_version[] = PADDOCK_VERSION;
const char build_id[] = PADDOCK_BUILD_ID;
