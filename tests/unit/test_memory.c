/* What of the host's memory sandboxes may have. */
#include "os/memory.h"
#include "test.h"

TEST(an_eighth_and_at_least_half_a_gigabyte_is_left_to_the_host)
{
        CHECK_INT(memory_for_sandboxes(64ull << 30), ==, 56ull << 30);
        CHECK_INT(memory_for_sandboxes(2ull << 30), ==, (2ull << 30) - (512ull << 20));
        CHECK_INT(memory_for_sandboxes(512ull << 20), ==, 256ull << 20);
        CHECK_INT(memory_for_sandboxes(0), ==, 0);
}

TEST(the_host_says_how_much_it_has)
{
        CHECK_INT(memory_of_host(), >, 16ull << 20);
        CHECK_INT(memory_of_host(), <, 1ull << 50);
}
