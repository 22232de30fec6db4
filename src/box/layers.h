/* layers.h - the verbs of link/launch.h about layers of images, for the tables in boxes.c. */
#pragma once
#include "box/verbs.h"

BOX_VERB(layer_have);
BOX_VERB(layer_list);
BOX_VERB(layer_remove);
BOX_VERB(layer_commit);
BOX_VERB(layer_snapshot);
