/* frame.h - what of an image's root is ours: the directories at the bottom, and what lies on top so
 * that no image can have anything there. Made once in launch's state, under a name that changes with
 * the content, for layers may not change while an overlay uses them. */
#pragma once
#include "box/host.h"

enum frame {
        FRAME_BOTTOM,      /* of an image with its own /usr */
        FRAME_BOTTOM_HOST, /* of one on top of the host's */
        FRAME_TOP,
        FRAME_TOP_HOST,
        FRAMES_N,
};

MUST_CHECK int frames_open(struct box_host *h, struct err *err);
MUST_CHECK int frame_mount(struct box_host *h, enum frame f, uint32_t slot, struct err *err);
