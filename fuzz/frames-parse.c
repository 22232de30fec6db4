#include "frames.h"
#include "link/parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        return fuzz_frames(&parse_frames, data, size);
}
