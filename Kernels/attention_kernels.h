// What the code of one instruction set offers for attention. The tile is the unit: so many cells of the KV cache at once.

#pragma once

#include <cstddef>
#include <cstdint>

namespace shimmy {

constexpr int tileCells = 32;

// Columns of a value at most.
constexpr int widestValue = 2048;

// Minus infinity in half precision: what a mask says of a cell that a row does not see.
constexpr uint16_t unseen = 0xFC00;

// How scores become weights, in powers of two: a score is scaled so that its weight is 2^score.
struct ScoreTerms {
    float cap;    // 0 for none; else scores are `cap * tanh(score)`
    float slope;  // of the mask's values
};

struct AttentionKernels {
    enum Type { half, bfloat, byte, types };

    // scores[i * tileCells + cell] for `count` queries and the keys of `tileCells` cells; a null one counts as zeros. `scratch` has room for
    // `tileCells * width`.
    void (*score[types])(const void * const * cells, int width, float * scratch, const float * const * queries, int count, float * scores);

    // Turns the scores of one query into weights 2^(score - top), where `top` is a whole number no less than any score so far.
    // Returns 2^(old top - new top), with which what was summed up before has to be multiplied; `mask` may be null.
    float (*weigh)(float * scores, const uint16_t * mask, const ScoreTerms & terms, float & top);

    // sums[i] = sums[i] * corrections[i] + the weights of query i; outs[i] likewise with the weighted values of `tileCells` cells. In the order
    // of the cells; a null one counts as zeros. `scratch` has room for `tileCells * width`.
    void (*accumulate[types])(const void * const * cells, int width, float * scratch, const float * weights, const float * corrections,
        float * const * outs, float * const * sums, int count);

    // How many of `count` cells a mask lets through; -1 when it does nothing to any of `tileCells`.
    int (*visible)(const uint16_t * mask, int count);

    // A tile of one query's weights times a factor.
    void (*rescale)(const float * weights, float factor, float * out);

    // 2^power, as `weigh` computes it.
    float (*power)(float power);
};

}  // namespace shimmy
