#include "frames.h"
#include "link/files.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        return fuzz_frames(&files_frames, data, size);
}
