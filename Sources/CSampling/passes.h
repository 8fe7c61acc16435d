// The passes, compiled once for each instruction set. TARGET is the attribute of the functions, NAME makes their names.
//
// All code uses 16 lanes, whatever the size of the registers: the compiler splits the vectors. Sums run over 64 values in single precision, lane by
// lane, and over those sums in double precision. Loops also process the end of a vocabulary as 16 values, padded with `filling`.

#define LOCAL static inline __attribute__((always_inline)) TARGET

LOCAL Floats NAME(load)(const float *values, size_t at, size_t count, float filling) {
    Floats loaded;
    if (at + LANES <= count) {
        __builtin_memcpy(&loaded, values + at, sizeof loaded);
    } else {
        for (size_t lane = 0; lane < LANES; lane++) loaded[lane] = at + lane < count ? values[at + lane] : filling;
    }
    return loaded;
}

LOCAL Floats NAME(select)(Ints mask, Floats yes, Floats no) { return (Floats)(((Ints)yes & mask) | ((Ints)no & ~mask)); }

LOCAL float NAME(sum)(Floats v) {
    Eight e = __builtin_shufflevector(v, v, 0, 1, 2, 3, 4, 5, 6, 7) + __builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15);
    Four f = __builtin_shufflevector(e, e, 0, 1, 2, 3) + __builtin_shufflevector(e, e, 4, 5, 6, 7);
    return (f[0] + f[2]) + (f[1] + f[3]);
}

LOCAL double NAME(total)(Doubles v) { return ((v[0] + v[4]) + (v[2] + v[6])) + ((v[1] + v[5]) + (v[3] + v[7])); }

LOCAL Doubles NAME(doubles)(Floats v) {
    Eight low = __builtin_shufflevector(v, v, 0, 1, 2, 3, 4, 5, 6, 7), high = __builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15);
    return __builtin_convertvector(low, Doubles) + __builtin_convertvector(high, Doubles);
}

// Returns the greatest of the values at indices from `start` to `end`, not including `end`.
LOCAL float NAME(most)(const float *values, size_t start, size_t end, size_t count) {
    Floats best[4];
    for (int n = 0; n < 4; n++) best[n] = (Floats){0} - INFINITY;
    for (size_t at = start; at < end; at += 4 * LANES) {
        for (size_t n = 0; n < 4 && at + n * LANES < end; n++) {
            Floats loaded = NAME(load)(values, at + n * LANES, count, -INFINITY);
            best[n] = NAME(select)(loaded > best[n], loaded, best[n]);
        }
    }
    for (int n = 1; n < 4; n++) best[0] = NAME(select)(best[n] > best[0], best[n], best[0]);
    float most = best[0][0];
    for (int lane = 1; lane < LANES; lane++) most = best[0][lane] > most ? best[0][lane] : most;
    return most;
}

TARGET static size_t NAME(greatest)(const float *values, size_t count) {
    float greatest = -INFINITY;
    size_t first = 0, last = count;
    for (size_t start = 0; start < count; start += BLOCK) {
        const size_t end = start + BLOCK < count ? start + BLOCK : count;
        const float most = NAME(most)(values, start, end, count);
        if (most > greatest) greatest = most, first = start, last = end;
    }
    // Search for the index only in the block of the greatest value.
    for (size_t at = first; at < last; at += LANES) {
        Ints found = NAME(load)(values, at, count, NAN) == greatest;
        if (!__builtin_reduce_or(found)) continue;
        for (size_t lane = 0; lane < LANES; lane++) {
            if (found[lane]) return at + lane;
        }
    }
    return 0;
}

// Returns e^x for x <= 0; 0 for x below -87 and for NaN.
LOCAL Floats NAME(exponential)(Floats x) {
    const Floats low = (Floats){0} - 87, shift = (Floats){0} + 12582912;  // 1.5 * 2^23: the unit of its last bit is 1
    Ints is_seen = x >= low;
    x = NAME(select)(is_seen, x, low);
    // x = n ln 2 + r with |r| <= ln 2 / 2. ln 2 is split into two parts, so that r keeps its precision. Adding `shift` rounds to an integer and
    // leaves that integer in the low bits.
    Floats shifted = x * 1.44269504f + shift, n = shifted - shift;
    Floats r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
    // The Taylor polynomial of e^r of degree 6.
    Floats p = (Floats){0} + 1.3888889e-3f;
    p = p * r + 8.3333333e-3f;
    p = p * r + 4.1666667e-2f;
    p = p * r + 1.6666667e-1f;
    p = p * r + 0.5f;
    p = p * r + 1.0f;
    p = p * r + 1.0f;
    Ints power = ((Ints)shifted - (Ints)shift + 127) << 23;
    return (Floats)((Ints)(p * (Floats)power) & is_seen);
}

TARGET static double NAME(exponentials)(const float *logits, size_t count, float greatest, float scale, float *weights) {
    Doubles sums = {0};
    for (size_t at = 0; at < count; at += 4 * LANES) {
        Floats block = {0};
        for (size_t n = 0; n < 4 && at + n * LANES < count; n++) {
            size_t place = at + n * LANES;
            Floats powers = NAME(exponential)((NAME(load)(logits, place, count, -INFINITY) - greatest) * scale);
            block += powers;
            if (weights) __builtin_memcpy(weights + place, &powers, place + LANES <= count ? sizeof powers : (count - place) * sizeof(float));
        }
        sums += NAME(doubles)(block);
    }
    return NAME(total)(sums);
}

TARGET static size_t NAME(collect)(const float *weights, size_t count, float least, float bound, CSamplingCandidate *candidates, size_t room) {
    size_t found = 0;
    for (size_t at = 0; at < count && found <= room; at += LANES) {
        Floats loaded = NAME(load)(weights, at, count, -INFINITY);
        Ints kept = (loaded >= least) & (loaded < bound);
        // Most groups of 16 tokens have no match.
        if (!__builtin_reduce_or(kept)) continue;
        for (size_t lane = 0; lane < LANES && at + lane < count; lane++) {
            candidates[found] = (CSamplingCandidate){(int32_t)(at + lane), weights[at + lane]};
            found += weights[at + lane] >= least && weights[at + lane] < bound;
        }
    }
    return found;
}

TARGET static void NAME(measure)(
    const float *weights, size_t count, const float bounds[CSAMPLING_BOUNDS], CSamplingMeasure measures[CSAMPLING_BOUNDS]) {
    Doubles sums[CSAMPLING_BOUNDS] = {0};
    Ints counts[CSAMPLING_BOUNDS] = {0};
    for (size_t at = 0; at < count; at += 4 * LANES) {
        Floats blocks[CSAMPLING_BOUNDS] = {0};
        for (size_t n = 0; n < 4 && at + n * LANES < count; n++) {
            Floats loaded = NAME(load)(weights, at + n * LANES, count, -INFINITY);
            for (int b = 0; b < CSAMPLING_BOUNDS; b++) {
                Ints kept = loaded >= bounds[b];
                blocks[b] += (Floats)((Ints)loaded & kept);
                counts[b] -= kept;
            }
        }
        for (int b = 0; b < CSAMPLING_BOUNDS; b++) sums[b] += NAME(doubles)(blocks[b]);
    }
    for (int b = 0; b < CSAMPLING_BOUNDS; b++) {
        measures[b] = (CSamplingMeasure){NAME(total)(sums[b]), 0};
        for (int lane = 0; lane < LANES; lane++) measures[b].count += (size_t)counts[b][lane];
    }
}

TARGET static size_t NAME(locate)(const float *weights, size_t count, float least, double point) {
    double sum = 0;
    for (size_t at = 0; at < count; at += 4 * LANES) {
        Floats block = {0};
        for (size_t n = 0; n < 4 && at + n * LANES < count; n++) {
            Floats loaded = NAME(load)(weights, at + n * LANES, count, -INFINITY);
            block += (Floats)((Ints)loaded & (loaded >= least));
        }
        // Most blocks do not reach `point`, so their tokens are not visited one by one.
        double whole = sum + NAME(sum)(block);
        if (whole > point) {
            for (size_t place = at; place < at + 4 * LANES && place < count; place++) {
                if (weights[place] >= least) sum += weights[place];
                if (sum > point) return place;
            }
        }
        sum = whole;
    }
    return count;
}

static const struct Passes NAME(passes) = {NAME(greatest), NAME(exponentials), NAME(collect), NAME(measure), NAME(locate)};

#undef LOCAL
#undef TARGET
#undef NAME
