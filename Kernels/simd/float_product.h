// The product of a panel of 16-bit floats and N rows of activations, in single precision: only the sums are rounded.
//
// A column of a panel contains 16 rows, 32 bytes. Each sum covers 64 columns; these partial sums are added up over the row.

template <class Format, int N> static void multiplyFloatPanel(const PanelProduct & product) {
    constexpr int span = 64;
    for (int part = 0; part < panelRows / Simd::lanes; part++) {
        Simd::Float out[N];
        for (int n = 0; n < N; n++) out[n] = Simd::zero();
        for (int first = 0; first < product.width; first += span) {
            const int last = first + span < product.width ? first + span : product.width;
            Simd::Float sums[N];
            for (int n = 0; n < N; n++) sums[n] = Simd::zero();
            for (int column = first; column < last; column++) {
                const uint8_t * at = product.quants + size_t(column) * panelRows * 2 + size_t(part) * Simd::lanes * 2;
                if (column % 2 == 0) _mm_prefetch((const char *) at + (32 << 10), _MM_HINT_T1);
                const Simd::Float weights = Format::Row::load(at, 0);
                for (int n = 0; n < N; n++) {
                    const auto * row = (const float *) (product.rows + size_t(n) * product.rowBytes);
                    sums[n] = Simd::fma(weights, Simd::all(row[column]), sums[n]);
                }
            }
            for (int n = 0; n < N; n++) out[n] = Simd::add(out[n], sums[n]);
        }
        for (int n = 0; n < N; n++) Simd::storeFloats(product.out + size_t(n) * product.outStride + part * Simd::lanes, out[n]);
    }
}

static void packFloatPanel(const void * const * rows, size_t blocks, uint8_t * quants, uint8_t *) {
    for (size_t column = 0; column < blocks; column++) {
        for (int r = 0; r < panelRows; r++) {
            uint16_t value = 0;
            if (rows[r]) memcpy(&value, (const char *) rows[r] + 2 * column, 2);
            memcpy(quants + (column * panelRows + size_t(r)) * 2, &value, 2);
        }
    }
}

static void copyRow(const float * values, int width, uint8_t * row) { memcpy(row, values, size_t(width) * sizeof(float)); }

static size_t floatRowBytes(int width) { return (size_t(width) * sizeof(float) + 63) / 64 * 64; }

template <class Format, int N> static constexpr auto floatTileOf() -> void (*)(const PanelProduct &) {
    if constexpr (N <= Simd::widestTile && (N <= 4 || N == 8)) return multiplyFloatPanel<Format, N>;
    return nullptr;
}

template <class Format> static constexpr FormatKernels floatKernelsOf() {
    return {
        Format::type, 1, panelRows * 2, 0, packFloatPanel, copyRow, floatRowBytes, true,
        {nullptr, floatTileOf<Format, 1>(), floatTileOf<Format, 2>(), floatTileOf<Format, 3>(), floatTileOf<Format, 4>(), nullptr, nullptr, nullptr,
            floatTileOf<Format, 8>()},
        Simd::widestTile,
    };
}
