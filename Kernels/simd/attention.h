// Attention over one tile of cells. The lanes contain cells while scores are computed, and columns of a value while values are summed.
// Each sum adds its columns or cells one after the other, so that it depends only on their order, not on the tiles, the other rows or the
// threads. The max score so far is rounded up to an integer, so that the correction of earlier sums is a power of two and therefore exact.

struct HalfRow {
    static INLINE Simd::Float load(const void * row, int d) { return Simd::fromHalves((const uint16_t *) row + d); }
};

struct BFloatRow {
    static INLINE Simd::Float load(const void * row, int d) { return Simd::fromBFloats((const uint16_t *) row + d); }
};

struct ByteRow {
    static INLINE Simd::Float load(const void * row, int d) {
        const block_q8_0 & block = ((const block_q8_0 *) row)[d / 32];
        return Simd::multiply(Simd::real(Simd::signedBytes(block.qs + d % 32)), Simd::oneHalf(block.d));
    }
};

// Loads `Simd::lanes` columns of `Simd::lanes` cells, transposed: the lanes contain cells.
template <class Row> static INLINE void loadSquare(const void * const * cells, int d, Simd::Float (&square)[Simd::lanes]) {
    for (int i = 0; i < Simd::lanes; i++) square[i] = cells[i] ? Row::load(cells[i], d) : Simd::zero();
    Simd::transpose(square);
}

// Computes the scores of few queries and transposes the keys on the fly.
template <class Row, int N> static void scoreCells(const void * const * cells, int width, const float * const * queries, float * scores) {
    for (int cell = 0; cell < tileCells; cell += Simd::lanes) {
        Simd::Float sums[N];
        for (int n = 0; n < N; n++) sums[n] = Simd::zero();
        for (int d = 0; d < width; d += Simd::lanes) {
            Simd::Float square[Simd::lanes];
            loadSquare<Row>(cells + cell, d, square);
            for (int i = 0; i < Simd::lanes; i++) {
                for (int n = 0; n < N; n++) sums[n] = Simd::fma(Simd::all(queries[n][d + i]), square[i], sums[n]);
            }
        }
        for (int n = 0; n < N; n++) Simd::storeFloats(scores + n * tileCells + cell, sums[n]);
    }
}

// Transposes the keys once, for many queries: tile[d * tileCells + cell].
template <class Row> static void loadKeys(const void * const * cells, int width, float * tile) {
    for (int cell = 0; cell < tileCells; cell += Simd::lanes) {
        for (int d = 0; d < width; d += Simd::lanes) {
            Simd::Float square[Simd::lanes];
            loadSquare<Row>(cells + cell, d, square);
            for (int i = 0; i < Simd::lanes; i++) Simd::storeFloats(tile + (d + i) * tileCells + cell, square[i]);
        }
    }
}

template <int N> static INLINE void scoreRows(const float * keys, int width, const float * const * queries, float * scores) {
    constexpr int vectors = tileCells / Simd::lanes;
    Simd::Float sums[N][vectors];
    for (int n = 0; n < N; n++) {
        for (int v = 0; v < vectors; v++) sums[n][v] = Simd::zero();
    }
    for (int d = 0; d < width; d++) {
        Simd::Float key[vectors];
        for (int v = 0; v < vectors; v++) key[v] = Simd::loadFloats(keys + d * tileCells + v * Simd::lanes);
        for (int n = 0; n < N; n++) {
            Simd::Float query = Simd::all(queries[n][d]);
            for (int v = 0; v < vectors; v++) sums[n][v] = Simd::fma(query, key[v], sums[n][v]);
        }
    }
    for (int n = 0; n < N; n++) {
        for (int v = 0; v < vectors; v++) Simd::storeFloats(scores + n * tileCells + v * Simd::lanes, sums[n][v]);
    }
}

template <class Row>
static void score(const void * const * cells, int width, float * keys, const float * const * queries, int count, float * scores) {
    if (count == 1) return scoreCells<Row, 1>(cells, width, queries, scores);
    if (count == 2) return scoreCells<Row, 2>(cells, width, queries, scores);
    if (Simd::lanes == 16 && count == 3) return scoreCells<Row, 3>(cells, width, queries, scores);
    if (Simd::lanes == 16 && count == 4) return scoreCells<Row, 4>(cells, width, queries, scores);
    loadKeys<Row>(cells, width, keys);
    constexpr int widest = Simd::lanes == 16 ? 8 : 2;
    while (count > 0) {
        int taken = 1;
        if (count >= widest) {
            scoreRows<widest>(keys, width, queries, scores);
            taken = widest;
        } else if (Simd::lanes == 16 && count >= 4) {
            scoreRows<4>(keys, width, queries, scores);
            taken = 4;
        } else if (Simd::lanes == 16 && count == 3) {
            scoreRows<3>(keys, width, queries, scores);
            taken = 3;
        } else if (Simd::lanes == 16 && count == 2) {
            scoreRows<2>(keys, width, queries, scores);
            taken = 2;
        } else {
            scoreRows<1>(keys, width, queries, scores);
        }
        queries += taken;
        scores += taken * tileCells;
        count -= taken;
    }
}

// Returns 2^(v - by) from its series around the nearest integer to `v`. The scaling by a power of two is exact.
static INLINE Simd::Float powerOfTwo(Simd::Float v, Simd::Float by) {
    Simd::Float whole = Simd::nearest(v), rest = Simd::subtract(v, whole);
    Simd::Float sum = Simd::all(1.525273380e-5f);
    sum = Simd::fma(sum, rest, Simd::all(1.540353039e-4f));
    sum = Simd::fma(sum, rest, Simd::all(1.333355814e-3f));
    sum = Simd::fma(sum, rest, Simd::all(9.618129107e-3f));
    sum = Simd::fma(sum, rest, Simd::all(5.550410866e-2f));
    sum = Simd::fma(sum, rest, Simd::all(2.402265069e-1f));
    sum = Simd::fma(sum, rest, Simd::all(6.931471805e-1f));
    sum = Simd::fma(sum, rest, Simd::all(1.0f));
    return Simd::scale(sum, Simd::subtract(whole, by));
}

// tanh(v) = 1 - 2 / (e^(2v) + 1)
static INLINE Simd::Float hyperbolicTangent(Simd::Float v) {
    Simd::Float bounded = Simd::greater(Simd::all(-10.0f), Simd::subtract(Simd::zero(), Simd::greater(Simd::all(-10.0f), Simd::subtract(Simd::zero(), v))));
    Simd::Float e = powerOfTwo(Simd::multiply(bounded, Simd::all(2.885390082f)), Simd::zero());
    return Simd::subtract(Simd::all(1.0f), Simd::divide(Simd::all(2.0f), Simd::add(e, Simd::all(1.0f))));
}

static float weigh(float * scores, const uint16_t * mask, const ScoreTerms & terms, float & top) {
    constexpr int vectors = tileCells / Simd::lanes;
    // Minus infinity minus its nearest integer would be NaN.
    const Simd::Float least = Simd::all(-1e30f);
    Simd::Float values[vectors], most = Simd::all(top > -1e30f ? top : -1e30f);
    for (int v = 0; v < vectors; v++) {
        Simd::Float value = Simd::loadFloats(scores + v * Simd::lanes);
        if (terms.cap != 0) value = Simd::multiply(Simd::all(terms.cap), hyperbolicTangent(value));
        if (mask) value = Simd::fma(Simd::all(terms.slope), Simd::fromHalves(mask + v * Simd::lanes), value);
        values[v] = Simd::greater(least, value);
        most = Simd::greater(most, values[v]);
    }
    float old = top;
    top = __builtin_ceilf(Simd::greatest(most));
    for (int v = 0; v < vectors; v++) Simd::storeFloats(scores + v * Simd::lanes, powerOfTwo(values[v], Simd::all(top)));
    if (old == top) return 1.0f;
    return Simd::first(Simd::scale(Simd::all(1.0f), Simd::all(old - top)));
}

// Values read directly from the cache.
template <class Row> struct ValuesOfCells {
    const void * cells[tileCells];

    explicit ValuesOfCells(const void * const * given) {
        static const uint8_t zeros[2 * widestValue] = {};
        for (int i = 0; i < tileCells; i++) cells[i] = given[i] ? given[i] : zeros;
    }
    INLINE Simd::Float load(int cell, int d) const { return Row::load(cells[cell], d); }
};

// Values that are converted to single precision once, for many rows.
struct ValuesOfTile {
    float * tile;
    int width;

    template <class Row> ValuesOfTile(const ValuesOfCells<Row> & values, int width, float * tile) : tile(tile), width(width) {
        for (int cell = 0; cell < tileCells; cell++) {
            for (int d = 0; d < width; d += Simd::lanes) Simd::storeFloats(tile + cell * width + d, values.load(cell, d));
        }
    }
    INLINE Simd::Float load(int cell, int d) const { return Simd::loadFloats(tile + cell * width + d); }
};

// Updates some columns of the sums of N rows. `Sums`: whether to sum the weights themselves too, which only one range of columns does.
template <int N, int Vectors, bool Sums, class Values>
static INLINE void accumulateRows(const Values & values, int d, const float * weights, const float * corrections, float * const * outs, float * const * sums) {
    Simd::Float out[N][Vectors], total[N];
    for (int n = 0; n < N; n++) {
        Simd::Float correction = Simd::all(corrections[n]);
        for (int v = 0; v < Vectors; v++) out[n][v] = Simd::multiply(Simd::loadFloats(outs[n] + d + v * Simd::lanes), correction);
        if (Sums) total[n] = Simd::multiply(Simd::all(*sums[n]), correction);
    }
    for (int cell = 0; cell < tileCells; cell++) {
        Simd::Float value[Vectors];
        for (int v = 0; v < Vectors; v++) value[v] = values.load(cell, d + v * Simd::lanes);
        for (int n = 0; n < N; n++) {
            Simd::Float weight = Simd::all(weights[n * tileCells + cell]);
            for (int v = 0; v < Vectors; v++) out[n][v] = Simd::fma(weight, value[v], out[n][v]);
            if (Sums) total[n] = Simd::add(total[n], weight);
        }
    }
    for (int n = 0; n < N; n++) {
        for (int v = 0; v < Vectors; v++) Simd::storeFloats(outs[n] + d + v * Simd::lanes, out[n][v]);
        if (Sums) *sums[n] = Simd::first(total[n]);
    }
}

template <int N, class Values>
static INLINE void accumulateColumns(const Values & values, int width, const float * weights, const float * corrections, float * const * outs, float * const * sums) {
    constexpr int widest = Simd::lanes == 16 ? 4 : 2;
    for (int d = 0; d < width;) {
        const int rest = (width - d) / Simd::lanes, taken = rest >= widest ? widest : rest >= 2 ? 2 : 1;
        if (taken == widest && d == 0) accumulateRows<N, widest, true>(values, d, weights, corrections, outs, sums);
        else if (taken == widest) accumulateRows<N, widest, false>(values, d, weights, corrections, outs, sums);
        else if (taken == 2 && d == 0) accumulateRows<N, 2, true>(values, d, weights, corrections, outs, sums);
        else if (taken == 2) accumulateRows<N, 2, false>(values, d, weights, corrections, outs, sums);
        else if (d == 0) accumulateRows<N, 1, true>(values, d, weights, corrections, outs, sums);
        else accumulateRows<N, 1, false>(values, d, weights, corrections, outs, sums);
        d += taken * Simd::lanes;
    }
}

// The max number of rows per pass over the values.
constexpr int widestPass = Simd::lanes == 16 ? 5 : 3;

template <class Values>
static INLINE void accumulatePasses(const Values & values, int width, const float * weights, const float * corrections, float * const * outs, float * const * sums, int count) {
    for (int i = 0; i < count;) {
        const int rest = count - i, taken = std::min(rest, widestPass);
        const float * w = weights + i * tileCells;
        if (taken == widestPass) accumulateColumns<widestPass>(values, width, w, corrections + i, outs + i, sums + i);
        else if (taken == 4) accumulateColumns<4>(values, width, w, corrections + i, outs + i, sums + i);
        else if (taken == 3) accumulateColumns<3>(values, width, w, corrections + i, outs + i, sums + i);
        else if (taken == 2) accumulateColumns<2>(values, width, w, corrections + i, outs + i, sums + i);
        else accumulateColumns<1>(values, width, w, corrections + i, outs + i, sums + i);
        i += taken;
    }
}

template <class Row>
static void accumulate(const void * const * cells, int width, float * scratch, const float * weights, const float * corrections, float * const * outs,
    float * const * sums, int count) {
    const ValuesOfCells<Row> values(cells);
    if (count <= widestPass) {
        accumulatePasses(values, width, weights, corrections, outs, sums, count);
    } else {
        accumulatePasses(ValuesOfTile(values, width, scratch), width, weights, corrections, outs, sums, count);
    }
}

static int visible(const uint16_t * mask, int count) {
    int seen = 0, zeros = 0;
    for (int i = 0; i < count; i++) {
        seen += mask[i] != unseen;
        zeros += (mask[i] & 0x7FFF) == 0;
    }
    return zeros == tileCells ? -1 : seen;
}

static void rescale(const float * weights, float factor, float * out) {
    for (int v = 0; v < tileCells; v += Simd::lanes) Simd::storeFloats(out + v, Simd::multiply(Simd::loadFloats(weights + v), Simd::all(factor)));
}

static float power(float v) { return Simd::first(powerOfTwo(Simd::all(v), Simd::zero())); }

static const AttentionKernels attentionKernels = {
    {score<HalfRow>, score<BFloatRow>, score<ByteRow>}, weigh, {accumulate<HalfRow>, accumulate<BFloatRow>, accumulate<ByteRow>}, visible, rescale, power,
};
