// The order in which the cells of a KV cache were written.
//
// A floating-point sum depends on the order of its terms. A sequence's tokens are computed one after the other, but llama.cpp puts
// them into any free cells, so that their cells depend on the earlier contents of the cache. Attention processes cells in the order
// in which they were written, and therefore a sequence's result does not depend on other sequences. Rows that are restored from a saved
// state count as written in their order. Cells with unknown history (restored before the first step) come first, by index.

#pragma once

#include "ggml.h"
#include "traits.h"

#include <cstdint>
#include <memory>
#include <vector>

namespace shimmy {

// The order of the first `count` cells of a cache.
struct CellOrder {
    std::vector<int32_t> cells;
    std::vector<uint8_t> isRun;  // for each tile, whether its cells are contiguous

    CellOrder(const std::vector<int32_t> & written, int64_t count);

private:
    void findRuns();
};

// Returns the order of the first `count` cells of the cache that starts at `cache`.
std::shared_ptr<const CellOrder> cellOrder(const void * cache, int64_t count);

// Returns the number of caches with a recorded history. Caches of freed contexts are not counted.
size_t knownCaches();

// Returns traits that record which rows are written and let ggml perform the operation.
ggml::cpu::tensor_traits * writeTraits();

}  // namespace shimmy
