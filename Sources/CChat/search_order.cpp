// The order in which llama.cpp searches a text for special tokens (src/llama-vocab.cpp, `cache_special_tokens`).

#include <algorithm>
#include <numeric>

#include "cchat.h"

void cchat_search_order(const size_t *lengths, int32_t count, int32_t *order) {
    std::iota(order, order + count, 0);
    // As in llama.cpp: this sort is not stable, but it gives the same order for the same lengths.
    std::sort(order, order + count, [&](const int32_t a, const int32_t b) { return lengths[a] > lengths[b]; });
}
