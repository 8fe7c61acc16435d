// The layout of the scales of a block of 16 rows in a panel, one type per family of formats.
//
// The formats' `storeScales` writes them. A value of the type represents one block and one part of the rows. It provides `scale(group)` and,
// if the format has minima, `minimum(group)`: the term that is added to each weight of the group.

// One half-precision scale for 32 columns: d of 16 rows.
struct HalfScale {
    static constexpr size_t size = panelRows * 2;
    Simd::Float d;

    INLINE HalfScale(const uint8_t * scales, int part) : d(Simd::fromHalves((const uint16_t *) scales + part * Simd::lanes)) {}
    INLINE Simd::Float scale(int) const { return d; }
};

// A scale and a minimum in half precision for 32 columns: d of 16 rows, then m of 16 rows. The format adds m.
struct HalfScaleAndMinimum {
    static constexpr size_t size = panelRows * 4;
    Simd::Float d, m;

    INLINE HalfScaleAndMinimum(const uint8_t * scales, int part)
        : d(Simd::fromHalves((const uint16_t *) scales + part * Simd::lanes)),
          m(Simd::fromHalves((const uint16_t *) scales + panelRows + part * Simd::lanes)) {}
    INLINE Simd::Float scale(int) const { return d; }
    INLINE Simd::Float minimum(int) const { return m; }
};

// The exponent of a power of two per 32 columns: E8M0 of the OCP Microscaling Formats, halved because the table's values are doubled.
struct ExponentScale {
    static constexpr size_t size = panelRows;
    Simd::Float d;

    // Computes 2^(e - 128) as a product of two powers, because it may be subnormal.
    INLINE ExponentScale(const uint8_t * scales, int part) {
        Simd::Int e = Simd::unsignedBytes(scales + part * Simd::lanes);
        Simd::Int low = Simd::shiftWords<1>(e), high = Simd::subtractInts(e, low), bias = Simd::words(63);
        d = Simd::multiply(
            Simd::asFloat(Simd::shiftWords<-23>(Simd::addInts(low, bias))), Simd::asFloat(Simd::shiftWords<-23>(Simd::addInts(high, bias))));
    }
    INLINE Simd::Float scale(int) const { return d; }
};

// 256 values of 6 bits in 192 bytes: value i is in the low bits of byte i up to 191; the others use the remaining two bits of the bytes.
struct SixBitScales {
    static constexpr size_t size = 192;

    static void store(const uint8_t values[256], uint8_t * out) {
        for (int i = 0; i < 64; i++) {
            for (int j = 0; j < 3; j++) out[64 * j + i] = uint8_t((values[64 * j + i] & 63) | (values[192 + i] >> 2 * j & 3) << 6);
        }
    }

    static INLINE void load(const uint8_t * stored, uint8_t values[256]) {
        for (int at = 0; at < 64; at += Simd::lanes * 4) {
            Simd::Int a = Simd::load(stored + at), b = Simd::load(stored + 64 + at), c = Simd::load(stored + 128 + at);
            Simd::store(values + at, Sixes::take<0>(a, b, c));
            Simd::store(values + 64 + at, Sixes::take<1>(a, b, c));
            Simd::store(values + 128 + at, Sixes::take<2>(a, b, c));
            Simd::store(values + 192 + at, Sixes::take<3>(a, b, c));
        }
    }
};

// Q4_K and Q5_K: d and dmin of 16 rows in half precision, then 8 scales and 8 minima of 6 bits: value[j * 16 + row], the scales first.
struct SixBitScalesAndMinima {
    static constexpr size_t size = panelRows * 4 + SixBitScales::size;
    Simd::Float d, dmin;
    int first;
    alignas(64) uint8_t values[256];

    INLINE SixBitScalesAndMinima(const uint8_t * scales, int part)
        : d(Simd::fromHalves((const uint16_t *) scales + part * Simd::lanes)),
          dmin(Simd::subtract(Simd::zero(), Simd::fromHalves((const uint16_t *) scales + panelRows + part * Simd::lanes))),
          first(part * Simd::lanes) {
        SixBitScales::load(scales + panelRows * 4, values);
    }
    INLINE Simd::Float scale(int group) const {
        return Simd::multiply(d, Simd::real(Simd::unsignedBytes(values + group * panelRows + first)));
    }
    INLINE Simd::Float minimum(int group) const {
        return Simd::multiply(dmin, Simd::real(Simd::unsignedBytes(values + 128 + group * panelRows + first)));
    }
};

// Q3_K: d of 16 rows in half precision, then 16 scales of 6 bits with an offset of 32 (the stored value 0 means -32).
struct SixBitSignedScales {
    static constexpr size_t size = panelRows * 2 + SixBitScales::size;
    Simd::Float d;
    int first;
    alignas(64) uint8_t values[256];

    INLINE SixBitSignedScales(const uint8_t * scales, int part)
        : d(Simd::fromHalves((const uint16_t *) scales + part * Simd::lanes)), first(part * Simd::lanes) {
        SixBitScales::load(scales + panelRows * 2, values);
    }
    INLINE Simd::Float scale(int group) const {
        Simd::Int value = Simd::unsignedBytes(values + group * panelRows + first);
        return Simd::multiply(d, Simd::real(Simd::subtractInts(value, Simd::words(32))));
    }
};

// Q6_K (16 groups) and IQ4_XS (8): d of 16 rows in half precision, then signed bytes: value[group * 16 + row].
template <int Groups> struct ByteScales {
    static constexpr size_t size = panelRows * 2 + Groups * panelRows;
    Simd::Float d;
    const int8_t * values;

    INLINE ByteScales(const uint8_t * scales, int part)
        : d(Simd::fromHalves((const uint16_t *) scales + part * Simd::lanes)),
          values((const int8_t *) scales + panelRows * 2 + part * Simd::lanes) {}
    INLINE Simd::Float scale(int group) const { return Simd::multiply(d, Simd::real(Simd::signedBytes(values + group * panelRows))); }
};

// Q2_K: d and dmin of 16 rows in half precision, then 16 bytes per row, with a scale in the low half and a minimum in the high half.
struct NibbleScalesAndMinima {
    static constexpr size_t size = panelRows * 4 + 16 * panelRows;
    Simd::Float d, dmin;
    const uint8_t * values;

    INLINE NibbleScalesAndMinima(const uint8_t * scales, int part)
        : d(Simd::fromHalves((const uint16_t *) scales + part * Simd::lanes)),
          dmin(Simd::subtract(Simd::zero(), Simd::fromHalves((const uint16_t *) scales + panelRows + part * Simd::lanes))),
          values(scales + panelRows * 4 + part * Simd::lanes) {}
    INLINE Simd::Float scale(int group) const {
        return Simd::multiply(d, Simd::real(Simd::keep(Simd::unsignedBytes(values + group * panelRows), Simd::words(15))));
    }
    INLINE Simd::Float minimum(int group) const {
        return Simd::multiply(dmin, Simd::real(Simd::shiftWords<4>(Simd::unsignedBytes(values + group * panelRows))));
    }
};
