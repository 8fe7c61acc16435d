// The attention functions that each instruction set implements. They process the KV cache in tiles of `tileCells` cells.

#pragma once

#include <cstddef>
#include <cstdint>

namespace shimmy {

constexpr int tileCells = 32;

// The max number of columns of a value.
constexpr int widestValue = 2048;

// Minus infinity in half precision: the mask's value for a cell that a row does not see.
constexpr uint16_t unseen = 0xFC00;

// The parameters that turn scores into weights. Scores are scaled so that the weight of a score is 2^score.
struct ScoreTerms {
    float cap;    // 0 for no cap; otherwise scores become `cap * tanh(score)`
    float slope;  // the factor of the mask's values
};

struct AttentionKernels {
    enum Type { half, bfloat, byte, types };

    // Writes scores[i * tileCells + cell] for `count` queries and the keys of `tileCells` cells. A null cell counts as zeros. `scratch` has room
    // for `tileCells * width` floats.
    void (*score[types])(const void * const * cells, int width, float * scratch, const float * const * queries, int count, float * scores);

    // Turns the scores of one query into weights 2^(score - top), where `top` is an integer that is at least as large as every score so far.
    // Returns 2^(old top - new top), the correction factor for the earlier sums. `mask` may be null.
    float (*weigh)(float * scores, const uint16_t * mask, const ScoreTerms & terms, float & top);

    // Sets sums[i] to sums[i] * corrections[i] + the weights of query i, and outs[i] likewise with the weighted values of `tileCells` cells.
    // Adds in the order of the cells. A null cell counts as zeros. `scratch` has room for `tileCells * width` floats.
    void (*accumulate[types])(const void * const * cells, int width, float * scratch, const float * weights, const float * corrections,
        float * const * outs, float * const * sums, int count);

    // Returns how many of `count` cells the mask leaves visible, or -1 if all `tileCells` values of the mask are 0.
    int (*visible)(const uint16_t * mask, int count);

    // Multiplies one query's weights of a tile by `factor`.
    void (*rescale)(const float * weights, float factor, float * out);

    // Returns 2^power with the same arithmetic as `weigh`.
    float (*power)(float power);
};

}  // namespace shimmy
