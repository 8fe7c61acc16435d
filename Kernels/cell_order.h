// In which order the cells of a KV cache were written.
//
// A sum in floating point depends on the order of its parts. A sequence's tokens are computed one after the other, but llama.cpp puts
// them into whatever cells are free: where they lie depends on what else the cache has held. Attention passes the cells in the order
// in which they were written, and so a sequence's result does not depend on its neighbours. Rows of a saved state that is read back count
// as written in their order. Cells whose history is unknown (of a state that was read back before the first step) come first, as they lie.

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
    std::vector<uint8_t> isRun;  // of each tile: whether its cells lie one after the other

    CellOrder(const std::vector<int32_t> & written, int64_t count);

private:
    void findRuns();
};

// The order for the cache whose first cell lies at `cache`.
std::shared_ptr<const CellOrder> cellOrder(const void * cache, int64_t count);

// Caches whose writes are remembered: none of contexts that are gone.
size_t knownCaches();

// Takes note of rows that are written, and leaves the operation to ggml.
ggml::cpu::tensor_traits * writeTraits();

}  // namespace shimmy
