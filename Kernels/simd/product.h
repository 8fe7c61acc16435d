// The product of a panel and N rows of activations: the 16 sums of each row stay in registers during one pass over the panel.
//
// A row's sums are computed in the order of its columns by the same instructions for every N, so that its result is bit-identical
// whichever rows are computed with it.

// Calls `body` with constant indices, which forces unrolling. Compilers do not always unroll a loop, and a loop that is not unrolled keeps
// its sums in memory.
template <int First, int Count, class Body> static INLINE void each(Body body) {
    if constexpr (Count > 0) {
        body(std::integral_constant<int, First>());
        each<First + 1, Count - 1>(body);
    }
}

// The addresses of the same offset in each row of activations. Eight addresses do not fit into the registers, so that compilers would
// reload them for each column. Three of them and the distance between two rows are enough to address the others. The assembly statement
// hides from the compiler how they are related.
class Places {
    const uint8_t * zero, * three, * six;
    size_t step;

public:
    INLINE Places(const uint8_t * first, size_t step) : zero(first), three(first + 3 * step), six(first + 6 * step), step(step) {
        __asm__("" : "+r"(zero), "+r"(three), "+r"(six));
    }
    INLINE const uint8_t * operator[](int n) const {
        switch (n) {
        case 3: return three;
        case 5: return three + 2 * step;
        case 6: return six;
        case 7: return three + 4 * step;
        default: return zero + size_t(n) * step;
        }
    }
};

// Adds the integer products of one group of columns, which starts at quad `First` of its unit.
template <class Format, int N, int First>
static INLINE void addGroup(const uint8_t * unit, int part, const Places & values, Simd::Int (&sums)[N]) {
    each<First, Format::group / 4>([&](auto quad) __attribute__((always_inline)) {
        constexpr int t = decltype(quad)::value;
        Simd::Int weights = Format::Quants::template quad<t>(unit, part);
        each<0, N>([&](auto n) __attribute__((always_inline)) {
            const auto * four = (const int8_t *) values[n] + 4 * t;
            sums[n] = Format::Quants::wide ? Simd::dotWide(sums[n], weights, four) : Simd::dot(sums[n], weights, four);
        });
    });
}

template <class Format, int N> struct Tile {
    static constexpr int units = Format::span / 32, groups = 32 / Format::group;

    const PanelProduct & product;
    const int part;
    Simd::Float out[N];

    INLINE Tile(const PanelProduct & product, int part) : product(product), part(part) {
        each<0, N>([&](auto n) __attribute__((always_inline)) { out[n] = Simd::zero(); });
    }

    // Returns the addresses `offset` bytes after the start of each row.
    INLINE Places places(size_t offset) const { return Places(product.rows + offset, product.rowBytes); }

    // Adds one group. `group` is its index in the row, `inBlock` its index in the block.
    template <int Quad>
    INLINE void addGroupOf(const uint8_t * unit, int column, const typename Format::Scales & scales, int inBlock, Simd::Float (&span)[N]) {
        int group = column / Format::group + Quad * 4 / Format::group;
        const Places stored = places(ActivationRow::sums(product.width) + sizeof(float) * size_t(group));
        Simd::Int sums[N];
        each<0, N>([&](auto n) __attribute__((always_inline)) { sums[n] = Simd::words(Format::hasMinimum ? 0 : *(const int32_t *) stored[n]); });
        addGroup<Format, N, Quad>(unit, part, places(size_t(column)), sums);
        Simd::Float scale = scales.scale(inBlock);
        each<0, N>([&](auto n) __attribute__((always_inline)) { span[n] = Simd::fma(Simd::real(sums[n]), scale, span[n]); });
        if constexpr (Format::hasMinimum) {
            Simd::Float minimum = scales.minimum(inBlock);
            each<0, N>([&](auto n) __attribute__((always_inline)) { out[n] = Simd::fma(minimum, Simd::all(*(const float *) stored[n]), out[n]); });
        }
    }

    // Prefetches weights from memory, because the computation between two lines delays the processor's own requests for the next ones.
    // The distance is 32 KiB, into L2: a shorter distance, or a prefetch into L1, is slower than no prefetch. All lines of a panel are
    // prefetched, including the scales: a missing line in ten costs as much as prefetching several.
    static constexpr size_t ahead = 32 << 10;
    static INLINE void fetchAhead(const uint8_t * bytes, size_t count) {
        for (size_t at = 0; at < count; at += lineBytes) _mm_prefetch((const char *) bytes + ahead + at, _MM_HINT_T1);
    }

    INLINE void addSpan(const uint8_t * quants, int column, const typename Format::Scales & scales, int inBlock) {
        Simd::Float span[N];
        each<0, N>([&](auto n) __attribute__((always_inline)) { span[n] = Simd::zero(); });
        for (int u = 0; u < units; u++) {
            const uint8_t * unit = quants + u * Format::Quants::size;
            fetchAhead(unit, Format::Quants::size);
            addGroupOf<0>(unit, column + u * 32, scales, inBlock + u * groups, span);
            if constexpr (groups == 2) addGroupOf<4>(unit, column + u * 32, scales, inBlock + u * groups + 1, span);
        }
        const Places scalesOfRows = places(ActivationRow::scales(product.width) + sizeof(float) * size_t(column / Format::span));
        each<0, N>([&](auto n) __attribute__((always_inline)) { out[n] = Simd::fma(span[n], Simd::all(*(const float *) scalesOfRows[n]), out[n]); });
    }

    INLINE void run() {
        const uint8_t * quants = product.quants, * stored = product.scales;
        for (int column = 0; column < product.width; column += Format::width, stored += Format::Scales::size) {
            fetchAhead(stored, Format::Scales::size);
            typename Format::Scales scales(stored, part);
            for (int inside = 0; inside < Format::width; inside += Format::span, quants += units * Format::Quants::size) {
                addSpan(quants, column + inside, scales, inside / Format::group);
            }
        }
        each<0, N>([&](auto n) __attribute__((always_inline)) { Simd::storeFloats(product.out + n * product.outStride + part * Simd::lanes, out[n]); });
    }
};

template <class Format, int N> static void multiplyPanel(const PanelProduct & product) {
    for (int part = 0; part < panelRows / Simd::lanes; part++) Tile<Format, N>(product, part).run();
}

// Packs 16 rows block by block. The format unpacks each block to bytes and stores its scales.
template <class Format> static void packPanel(const void * const * rows, size_t blocks, uint8_t * quants, uint8_t * scales) {
    using Block = typename Format::Block;
    static const Block none = {};
    constexpr int units = Format::width / 32;
    for (size_t b = 0; b < blocks; b++) {
        const Block * block[panelRows];
        Unit words[units];
        for (int r = 0; r < panelRows; r++) {
            block[r] = rows[r] ? (const Block *) rows[r] + b : &none;
            if constexpr (units == 1) {
                Format::unpack(*block[r], (uint8_t *) words[0][r]);
            } else {
                uint8_t values[Format::width];
                Format::unpack(*block[r], values);
                for (int u = 0; u < units; u++) memcpy(words[u][r], values + 32 * u, 32);
            }
        }
        for (int u = 0; u < units; u++) Format::Quants::store(words[u], quants + u * Format::Quants::size);
        Format::storeScales(block, scales);
        quants += units * Format::Quants::size;
        scales += Format::Scales::size;
    }
}

template <class Format, int N> static constexpr auto tileOf() -> void (*)(const PanelProduct &) {
    if constexpr (N <= Simd::widestTile && (N <= 4 || N == 8)) return multiplyPanel<Format, N>;
    return nullptr;
}

template <class Format> static constexpr FormatKernels kernelsOf() {
    return {
        Format::type, Format::width, Format::width / 32 * Format::Quants::size, Format::Scales::size, packPanel<Format>, quantizeRow<Format>, ActivationRow::bytes, false,
        {nullptr, tileOf<Format, 1>(), tileOf<Format, 2>(), tileOf<Format, 3>(), tileOf<Format, 4>(), nullptr, nullptr, nullptr, tileOf<Format, 8>()},
        Simd::widestTile,
    };
}
