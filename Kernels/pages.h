// Hints to the operating system about the memory pages of weights.

#pragma once

#include <cstddef>

namespace shimmy {

// Releases the pages of a file mapping that are wholly inside these bytes. The system reads them from the file again on access.
// Has no effect on other memory.
void releaseMappedPages(const void * bytes, size_t size);

// Requests huge pages (2 MiB), so that reading all weights in each step causes fewer TLB misses.
void useLargePages(void * bytes, size_t size);

}  // namespace shimmy
