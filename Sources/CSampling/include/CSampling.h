// Passes over a vocabulary: what sampling does for every token of it. Knows numbers; nothing of tokens, filters or random draws.
//
// Each is compiled for AVX-512, for AVX2 and for any processor, and the best that this one has is taken. All of them add in the same
// order and never contract a product and a sum, so that they give the same results to the bit.

#ifndef CSAMPLING_H
#define CSAMPLING_H

#include <stddef.h>
#include <stdint.h>

// A token that may be drawn, and how likely it is, relative to the likeliest one.
typedef struct {
    int32_t token;
    float weight;
} CSamplingCandidate;

// Bounds that `csampling_measure` compares with at once.
enum { CSAMPLING_BOUNDS = 4 };

// What the tokens of at least some weight have together.
typedef struct {
    double mass;
    size_t count;
} CSamplingMeasure;

// The first of the greatest values; not-a-number never wins. 0 where there is nothing else.
size_t csampling_greatest(const float *values, size_t count);

// weights[i] = exp((logits[i] - greatest) * scale), to a relative error below 3e-7, 0 below e^-87; returns their sum.
// No logit may be above `greatest`; `weights` may be null where only the sum is wanted.
double csampling_exponentials(const float *logits, size_t count, float greatest, float scale, float *weights);

// Writes the weights from `least` to what is just below `bound`, in order, as far as there is room; returns how many there are, or more
// than `room` where they are more. `candidates` has 16 places beyond `room`.
size_t csampling_collect(const float *weights, size_t count, float least, float bound, CSamplingCandidate *candidates, size_t room);

// For each bound what the weights of at least so much have together.
void csampling_measure(const float *weights, size_t count, const float bounds[CSAMPLING_BOUNDS], CSamplingMeasure measures[CSAMPLING_BOUNDS]);

// The place where the sum of the weights of at least `least` first exceeds `point`; `count` where it never does.
size_t csampling_locate(const float *weights, size_t count, float least, double point);

// How the passes are compiled, worst first.
typedef enum { CSAMPLING_PLAIN = 0, CSAMPLING_AVX2 = 1, CSAMPLING_AVX512 = 2 } CSamplingSet;

// Computes with one set of instructions from now on; false, with nothing changed, where this processor has not got it. For tests: without
// it the best one is taken.
int csampling_choose(CSamplingSet set);

#endif
