// Quantizes rows of activations to signed bytes with one scale per span. The largest magnitude becomes 127.
//
// The stored scale is not max / 127 but the one with the least squared error for these bytes, sum(x * q) / sum(q * q).
// It removes 1/n of the rounding error, where n is the number of columns in the span.

template <class Format> struct ActivationSpan {
    Simd::Float inverse;
    Simd::Float products = Simd::zero(), squares = Simd::zero();

    explicit INLINE ActivationSpan(const float * values) {
        Simd::Float most = Simd::zero();
        for (int i = 0; i < Format::span; i += Simd::lanes) most = Simd::greater(most, Simd::magnitude(Simd::loadFloats(values + i)));
        float greatest = Simd::greatest(most);
        // The reciprocal of a smaller number is infinite; such spans count as zeros.
        inverse = Simd::all(greatest > 1e-36f ? 127.0f / greatest : 0.0f);
    }

    // Quantizes one group and returns its sum.
    INLINE int32_t add(const float * values, int8_t * quants) {
        Simd::Int sum = Simd::words(0);
        for (int i = 0; i < Format::group; i += Simd::lanes) {
            Simd::Float value = Simd::loadFloats(values + i);
            Simd::Int quant = Simd::whole(Simd::multiply(value, inverse));
            Simd::storeBytes(quants + i, quant);
            sum = Simd::addInts(sum, quant);
            products = Simd::fma(value, Simd::real(quant), products);
            squares = Simd::fma(Simd::real(quant), Simd::real(quant), squares);
        }
        return Simd::total(sum);
    }

    // Returns the scale of the span, or NaN if an input is NaN, because `products` is then NaN too.
    INLINE float scale() const {
        float total = Simd::sum(squares);
        return Simd::sum(products) / (total > 0 ? total : 1.0f);
    }
};

template <class Format> static void quantizeRow(const float * values, int width, uint8_t * row) {
    auto * quants = (int8_t *) row;
    auto * scales = (float *) (row + ActivationRow::scales(width));
    auto * sums = row + ActivationRow::sums(width);
    constexpr int groups = Format::span / Format::group;
    for (int at = 0; at < width; at += Format::span) {
        ActivationSpan<Format> span(values + at);
        int32_t totals[groups];
        for (int g = 0; g < groups; g++) totals[g] = span.add(values + at + g * Format::group, quants + at + g * Format::group);
        float scale = span.scale();
        *scales++ = scale;
        for (int g = 0; g < groups; g++, sums += 4) {
            if constexpr (Format::hasMinimum) {
                float inUnits = float(totals[g]) * scale;
                memcpy(sums, &inUnits, 4);
            } else {
                int32_t offset = -Format::zeroPoint * totals[g];
                memcpy(sums, &offset, 4);
            }
        }
    }
}
