#include "CSampling.h"

#include <math.h>
#include <stdatomic.h>

#pragma STDC FP_CONTRACT OFF

enum { LANES = 16 };
// The number of values per block in the search for the greatest value. The search first finds the block, then the index in it.
enum { BLOCK = 4096 };

typedef float Floats __attribute__((vector_size(64)));
typedef int32_t Ints __attribute__((vector_size(64)));
typedef double Doubles __attribute__((vector_size(64)));
typedef float Eight __attribute__((vector_size(32)));
typedef float Four __attribute__((vector_size(16)));

// All passes for one instruction set.
struct Passes {
    size_t (*greatest)(const float *, size_t);
    double (*exponentials)(const float *, size_t, float, float, float *);
    size_t (*collect)(const float *, size_t, float, float, CSamplingCandidate *, size_t);
    void (*measure)(const float *, size_t, const float *, CSamplingMeasure *);
    size_t (*locate)(const float *, size_t, float, double);
};

// The helpers are always inlined, so the calling convention for wide vectors, which -Wpsabi warns about, does not matter.
#pragma clang diagnostic ignored "-Wpsabi"

#define NAME(name) plain_##name
#define TARGET
#include "passes.h"

#if defined(__x86_64__)

#define NAME(name) avx2_##name
#define TARGET __attribute__((target("avx2")))
#include "passes.h"

#define NAME(name) avx512_##name
#define TARGET __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl")))
#include "passes.h"

#endif

static const struct Passes *find(CSamplingSet set) {
#if defined(__x86_64__)
    if (set == CSAMPLING_AVX512) {
        int has = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq")
            && __builtin_cpu_supports("avx512vl");
        return has ? &avx512_passes : NULL;
    }
    if (set == CSAMPLING_AVX2) return __builtin_cpu_supports("avx2") ? &avx2_passes : NULL;
#endif
    return set == CSAMPLING_PLAIN ? &plain_passes : NULL;
}

static _Atomic(const struct Passes *) chosen;

// Returns the passes for this processor. The first caller chooses them; concurrent first callers choose the same.
static const struct Passes *passes(void) {
    const struct Passes *found = atomic_load_explicit(&chosen, memory_order_relaxed);
    for (int set = CSAMPLING_AVX512; !found; set--) found = find((CSamplingSet)set);
    atomic_store_explicit(&chosen, found, memory_order_relaxed);
    return found;
}

int csampling_choose(CSamplingSet set) {
    const struct Passes *found = find(set);
    if (found) atomic_store_explicit(&chosen, found, memory_order_relaxed);
    return found != NULL;
}

size_t csampling_greatest(const float *values, size_t count) { return passes()->greatest(values, count); }

double csampling_exponentials(const float *logits, size_t count, float greatest, float scale, float *weights) {
    return passes()->exponentials(logits, count, greatest, scale, weights);
}

size_t csampling_collect(const float *weights, size_t count, float least, float bound, CSamplingCandidate *candidates, size_t room) {
    return passes()->collect(weights, count, least, bound, candidates, room);
}

void csampling_measure(const float *weights, size_t count, const float bounds[CSAMPLING_BOUNDS], CSamplingMeasure measures[CSAMPLING_BOUNDS]) {
    passes()->measure(weights, count, bounds, measures);
}

size_t csampling_locate(const float *weights, size_t count, float least, double point) { return passes()->locate(weights, count, least, point); }
