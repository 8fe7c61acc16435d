#include "packed_weights.h"

#include "registry.h"

#include <algorithm>
#include <atomic>
#include <thread>
#include <vector>

namespace shimmy {

PackedWeights::PackedWeights(const ggml_tensor * tensor)
    : format(nullptr), width(tensor->ne[0]), rows(tensor->ne[1]), matrices(tensor->ne[2]) {
    if (!kernels() || tensor->ne[3] != 1 || tensor->view_src || tensor->ne[1] < panelRows) return;
    const FormatKernels * found = kernels()->find(tensor->type);
    if (found && width % found->blockWidth == 0) format = found;
}

void PackedWeights::pack(const void * blocks, size_t rowBytes, uint8_t * out) const {
    const int64_t total = matrices * panels();
    auto packOne = [&](int64_t index) {
        int64_t matrix = index / panels(), panel = index % panels();
        const void * sources[panelRows];
        for (int r = 0; r < panelRows; r++) {
            int64_t row = panel * panelRows + r;
            sources[r] = row < rows ? (const char *) blocks + size_t(matrix * rows + row) * rowBytes : nullptr;
        }
        uint8_t * at = out + size_t(index) * panelBytes();
        format->pack(sources, size_t(width / format->blockWidth), at, at + quantBytes());
    };
    std::atomic<int64_t> next(0);
    constexpr int64_t share = 8;
    auto work = [&] {
        for (int64_t first; (first = next.fetch_add(share)) < total;) {
            for (int64_t i = first; i < std::min(first + share, total); i++) packOne(i);
        }
    };
    // Packing a small tensor takes less time than starting a thread.
    constexpr size_t small = 1 << 18;
    size_t cores = std::max(1u, std::thread::hardware_concurrency());
    size_t helpers = std::min(cores - 1, bytes() / small);
    std::vector<std::thread> threads;
    for (size_t i = 0; i < helpers; i++) threads.emplace_back(work);
    work();
    for (auto & thread : threads) thread.join();
}

}  // namespace shimmy
