// Memory pages: what the system is told about weights.

#pragma once

#include <cstddef>

namespace shimmy {

// Gives back the pages of a file's mapping that lie wholly inside these bytes: the system reads them again when they are needed.
// Does nothing for any other memory.
void releaseMappedPages(const void * bytes, size_t size);

// Asks for large pages, so that reading weights once a step costs fewer misses in the page tables.
void useLargePages(void * bytes, size_t size);

}  // namespace shimmy
