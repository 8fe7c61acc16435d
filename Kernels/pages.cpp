#include "pages.h"

#include <cstdint>
#include <cstdio>
#include <mutex>

#if defined(__linux__)
#include <sys/mman.h>
#include <unistd.h>
#endif

namespace shimmy {

#if defined(__linux__)

namespace {

struct Range {
    uintptr_t start = 0, end = 0;
    bool isFile = false;
    bool contains(uintptr_t address) const { return start <= address && address < end; }
};

// Returns the mapping that contains `address`, and whether it is a file mapping: the heap must not lose its pages.
Range rangeOf(uintptr_t address) {
    Range found;
    FILE * maps = fopen("/proc/self/maps", "r");
    if (!maps) return found;
    char text[512];
    while (fgets(text, sizeof text, maps)) {
        unsigned long start, end, offset, inode;
        char flags[5], device[16];
        if (sscanf(text, "%lx-%lx %4s %lx %15s %lu", &start, &end, flags, &offset, device, &inode) != 6) continue;
        if (address < start || end <= address) continue;
        // A modified private page has no copy in the file, so only read-only ranges count as files.
        found = {start, end, inode != 0 && flags[1] != 'w'};
        break;
    }
    fclose(maps);
    return found;
}

}  // namespace

void releaseMappedPages(const void * bytes, size_t size) {
    static std::mutex mutex;
    static Range last;
    auto address = uintptr_t(bytes), page = uintptr_t(sysconf(_SC_PAGESIZE));
    uintptr_t start = (address + page - 1) / page * page, end = (address + size) / page * page;
    if (start >= end) return;
    std::lock_guard<std::mutex> lock(mutex);
    if (!last.contains(address)) last = rangeOf(address);
    if (last.isFile && last.contains(end - 1)) madvise((void *) start, end - start, MADV_DONTNEED);
}

void useLargePages(void * bytes, size_t size) {
    const uintptr_t page = 2 << 20;
    uintptr_t start = (uintptr_t(bytes) + page - 1) / page * page, end = (uintptr_t(bytes) + size) / page * page;
    if (start < end) madvise((void *) start, end - start, MADV_HUGEPAGE);
}

#else

void releaseMappedPages(const void *, size_t) {}
void useLargePages(void *, size_t) {}

#endif

}  // namespace shimmy
