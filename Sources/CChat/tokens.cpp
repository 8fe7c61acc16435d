// The tokenizer, and the order in which it searches a text for special tokens (src/llama-vocab.cpp, `cache_special_tokens`).

#include <algorithm>
#include <numeric>

#include "cchat.h"
#include "llama.h"

int64_t cchat_tokenize(
    const struct llama_vocab *vocabulary, const char *text, int32_t length, int32_t *tokens, int32_t capacity, bool adds_special,
    bool parses_special) {
    try {
        const int32_t count = llama_tokenize(vocabulary, text, length, tokens, capacity, adds_special, parses_special);
        if (count == INT32_MIN) return -1;
        // If the tokens exceed the capacity, llama.cpp returns their negated number.
        return count < 0 ? -static_cast<int64_t>(count) : count;
    } catch (...) {
        return -1;
    }
}

void cchat_search_order(const size_t *lengths, int32_t count, int32_t *order) {
    std::iota(order, order + count, 0);
    // As in llama.cpp: this sort is not stable, but it gives the same order for the same lengths.
    std::sort(order, order + count, [&](const int32_t a, const int32_t b) { return lengths[a] > lengths[b]; });
}
