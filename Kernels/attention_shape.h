// The sizes of an attention operation, its work memory, and the visibility of cells per token.

#pragma once

#include "attention_kernels.h"
#include "cell_order.h"
#include "kernel_table.h"

#include "ggml.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace shimmy {

constexpr float log2e = 1.44269504088896f;

// A token that sees fewer cells of a tile than this gathers them into a turn of its own.
constexpr int fewCells = tileCells / 4;

inline int typeOf(const ggml_tensor * t) {
    switch (t->type) {
        case GGML_TYPE_F16: return AttentionKernels::half;
        case GGML_TYPE_BF16: return AttentionKernels::bfloat;
        case GGML_TYPE_Q8_0: return AttentionKernels::byte;
        default: return -1;
    }
}

// The tensors and sizes of the operation. Shapes in ggml's order: q (width, tokens, heads), k and v (width, cells, headsOfCache),
// mask (cells, tokens).
struct Shape {
    const ggml_tensor * q, * k, * v, * mask, * sinks, * out;
    int64_t keyWidth, valueWidth, tokens, heads, headsOfCache, cells, group, tiles;
    float scale, maxBias, cap;

    explicit Shape(const ggml_tensor * op)
        : q(op->src[0]), k(op->src[1]), v(op->src[2]), mask(op->src[3]), sinks(op->src[4]), out(op) {
        keyWidth = q->ne[0];
        valueWidth = v->ne[0];
        tokens = q->ne[1];
        heads = q->ne[2];
        cells = k->ne[1];
        headsOfCache = k->ne[2];
        group = heads / headsOfCache;
        tiles = (cells + tileCells - 1) / tileCells;
        const auto * parameters = (const float *) op->op_params;
        scale = parameters[0];
        maxBias = parameters[1];
        cap = parameters[2];
    }

    bool isSupported() const {
        auto isPlain = [](const ggml_tensor * t) { return t->ne[3] == 1; };
        return isPlain(q) && isPlain(k) && isPlain(v) && q->type == GGML_TYPE_F32 && q->nb[0] == sizeof(float) && typeOf(k) >= 0 && typeOf(v) >= 0
            && (!mask || (mask->type == GGML_TYPE_F16 && mask->ne[2] == 1 && isPlain(mask))) && keyWidth % panelRows == 0 && valueWidth % panelRows == 0 && valueWidth <= widestValue
            && (k->type != GGML_TYPE_Q8_0 || keyWidth % 32 == 0) && (v->type != GGML_TYPE_Q8_0 || valueWidth % 32 == 0) && v->ne[2] == headsOfCache
            && heads % headsOfCache == 0;
    }

    const uint16_t * maskOf(int64_t token) const { return mask ? (const uint16_t *) ((const char *) mask->data + size_t(token) * mask->nb[1]) : nullptr; }

    // Returns ALiBi's factor of the mask for one head, or 1 without ALiBi.
    float slope(int64_t head) const {
        if (maxBias <= 0) return 1;
        const int64_t power = int64_t(1) << int(std::floor(std::log2(double(heads))));
        if (head < power) return std::pow(std::pow(2.0f, -maxBias / float(power)), float(head + 1));
        return std::pow(std::pow(2.0f, -maxBias / 2 / float(power)), float(2 * (head - power) + 1));
    }

    const void * key(int64_t cell, int64_t head) const { return (const char *) k->data + size_t(cell) * k->nb[1] + size_t(head) * k->nb[2]; }
    const void * value(int64_t cell, int64_t head) const { return (const char *) v->data + size_t(cell) * v->nb[1] + size_t(head) * v->nb[2]; }
    float * result(int64_t token, int64_t head) const { return (float *) ((char *) out->data + size_t(head) * out->nb[1] + size_t(token) * out->nb[2]); }

    // Writes the query, scaled so that a weight is 2^(query * key). With a cap, `terms` contains the factor log2(e), because it follows the tanh.
    void scaleQuery(int64_t token, int64_t head, float * to) const {
        const float factor = cap != 0 ? scale / cap : scale * log2e;
        const auto * query = (const float *) ((const char *) q->data + size_t(token) * q->nb[1] + size_t(head) * q->nb[2]);
        for (int64_t d = 0; d < keyWidth; d++) to[d] = query[d] * factor;
    }

    ScoreTerms terms(int64_t head) const { return {cap * log2e, slope(head) * log2e}; }

    // Returns the final factor of the sums of weighted values. A head's sink adds to the sum of the weights but has no value.
    float share(const AttentionKernels & kernels, int64_t head, float top, float sum) const {
        float correction = 1;
        if (sinks) {
            const float sink = ((const float *) sinks->data)[head] * log2e, higher = std::max(top, std::ceil(sink));
            correction = kernels.power(top - higher);
            sum = sum * correction + kernels.power(sink - higher);
        }
        return sum == 0 ? 0 : correction / sum;
    }
};

// A bump allocator in one block of memory. Each allocation is rounded up to whole cache lines (64 bytes).
// With a null `base` it only counts the bytes.
struct Arena {
    uint8_t * base;
    size_t used = 0;

    template <class T> T * take(int64_t count) {
        T * taken = base ? (T *) (base + used) : nullptr;
        used += (size_t(count) * sizeof(T) + 63) / 64 * 64;
        return taken;
    }
};

// For each token and tile, the number of cells that the token sees; `everything` if the mask is 0 for the whole tile. All threads read it.
// A tile is `tileCells` cells that are consecutive in the order in which they were written.
struct Visibility {
    static constexpr uint8_t everything = 255;
    const Shape & shape;
    const CellOrder & order;
    uint8_t * counts;

    Visibility(const Shape & shape, const CellOrder & order, Arena & arena)
        : shape(shape), order(order), counts(arena.take<uint8_t>(shape.tokens * shape.tiles)) {}

    uint8_t of(int64_t token, int64_t tile) const { return counts[token * shape.tiles + tile]; }

    int cellsOf(int64_t tile) const { return int(std::min<int64_t>(tileCells, shape.cells - tile * tileCells)); }

    // Returns the mask values of a token for a tile's cells. Copies them to `copy` if the cells are not contiguous.
    const uint16_t * maskOf(int64_t token, int64_t tile, uint16_t * copy) const {
        const uint16_t * mask = shape.maskOf(token);
        const int32_t * cells = order.cells.data() + tile * tileCells;
        const int count = cellsOf(tile);
        if (mask && count == tileCells && order.isRun[size_t(tile)]) return mask + cells[0];
        for (int i = 0; i < tileCells; i++) copy[i] = i >= count ? unseen : mask ? mask[cells[i]] : 0;
        return copy;
    }

    void find(const AttentionKernels & kernels, int thread, int threads) {
        const int64_t all = shape.tokens * shape.tiles, first = all * thread / threads, last = all * (thread + 1) / threads;
        uint16_t copy[tileCells];
        for (int64_t i = first; i < last; i++) {
            const int seen = kernels.visible(maskOf(i / shape.tiles, i % shape.tiles, copy), tileCells);
            counts[i] = seen < 0 ? everything : uint8_t(seen);
        }
    }
};

}  // namespace shimmy
