// Passes over a vocabulary: the computations of sampling that run for every token of it. They operate on numbers and do not depend on the meaning of
// tokens, on filters or on random draws.
//
// Each pass is compiled for AVX-512, for AVX2 and for any processor, and the best version for this processor is used. All versions add in the same
// order and never fuse a multiplication and an addition, so that their results are bit-identical.

#ifndef CSAMPLING_H
#define CSAMPLING_H

#include <stddef.h>
#include <stdint.h>

// A token that may be drawn, and its probability relative to the most likely token.
typedef struct {
    int32_t token;
    float weight;
} CSamplingCandidate;

// The number of bounds that `csampling_measure` compares with in one pass.
enum { CSAMPLING_BOUNDS = 4 };

// The sum and the number of the weights of at least some bound.
typedef struct {
    double mass;
    size_t count;
} CSamplingMeasure;

// Returns the index of the first of the greatest values; NaN is never the greatest. Returns 0 if there is no other value.
size_t csampling_greatest(const float *values, size_t count);

// Computes weights[i] = exp((logits[i] - greatest) * scale), to a relative error below 3e-7, and 0 below e^-87. Returns their sum.
// `greatest` must not be less than any logit. `weights` may be null if only the sum is needed.
double csampling_exponentials(const float *logits, size_t count, float greatest, float scale, float *weights);

// Writes the weights in [`least`, `bound`) with their tokens to `candidates`, in order of the tokens, at most `room` of them. Returns their number;
// if there are more than `room`, returns a number greater than `room`. `candidates` must have space for `room` + 16 elements.
size_t csampling_collect(const float *weights, size_t count, float least, float bound, CSamplingCandidate *candidates, size_t room);

// Computes for each bound the sum and the number of the weights of at least that bound.
void csampling_measure(const float *weights, size_t count, const float bounds[CSAMPLING_BOUNDS], CSamplingMeasure measures[CSAMPLING_BOUNDS]);

// Returns the first index at which the running sum of the weights of at least `least` exceeds `point`; `count` if it never does.
size_t csampling_locate(const float *weights, size_t count, float least, double point);

// The instruction sets that the passes are compiled for, slowest first.
typedef enum { CSAMPLING_PLAIN = 0, CSAMPLING_AVX2 = 1, CSAMPLING_AVX512 = 2 } CSamplingSet;

// Uses one instruction set from now on. Returns false and changes nothing if this processor does not have it. For tests; by default the best set is
// used.
int csampling_choose(CSamplingSet set);

#endif
