// AVX-512 with VNNI: 16 rows of weights per register.

struct Simd {
    static constexpr int lanes = 16;
    static constexpr int widestTile = 8;
    using Int = __m512i;
    using Float = __m512;

    // Bytes

    static INLINE Int load(const void * p) { return _mm512_loadu_si512(p); }
    static INLINE void store(void * p, Int v) { _mm512_storeu_si512(p, v); }
    static INLINE Int bytes(int value) { return _mm512_set1_epi8(char(value)); }
    static INLINE Int words(int32_t value) { return _mm512_set1_epi32(value); }
    static INLINE Int table(const uint8_t * sixteen) { return _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *) sixteen)); }
    static INLINE Int lookup(Int table, Int index) { return _mm512_shuffle_epi8(table, index); }
    static INLINE Int keep(Int v, Int mask) { return _mm512_and_si512(v, mask); }
    // base | (v & mask)
    static INLINE Int merge(Int base, Int v, Int mask) { return _mm512_ternarylogic_epi32(base, v, mask, 0xF8); }
    // Shifts the bits of each byte right by N, or left if N is negative. The caller has to mask out bits that come from the neighboring byte.
    template <int N> static INLINE Int shift(Int v) {
        if constexpr (N > 0) return _mm512_srli_epi16(v, N);
        if constexpr (N < 0) return _mm512_slli_epi16(v, -N);
        return v;
    }

    // Adds the products of four unsigned bytes (0 to 127) and four signed bytes to a 32-bit sum.
    static INLINE Int dot(Int sum, Int weights, const int8_t * four) {
        int32_t word;
        memcpy(&word, four, 4);
        return _mm512_dpbusd_epi32(sum, weights, _mm512_set1_epi32(word));
    }
    // The same for unsigned bytes from 0 to 255.
    static INLINE Int dotWide(Int sum, Int weights, const int8_t * four) { return dot(sum, weights, four); }

    // Numbers

    static INLINE Float zero() { return _mm512_setzero_ps(); }
    static INLINE Float all(float v) { return _mm512_set1_ps(v); }
    static INLINE Float loadFloats(const float * p) { return _mm512_loadu_ps(p); }
    static INLINE void storeFloats(float * p, Float v) { _mm512_storeu_ps(p, v); }
    static INLINE Float add(Float a, Float b) { return _mm512_add_ps(a, b); }
    static INLINE Float subtract(Float a, Float b) { return _mm512_sub_ps(a, b); }
    static INLINE Float multiply(Float a, Float b) { return _mm512_mul_ps(a, b); }
    static INLINE Float divide(Float a, Float b) { return _mm512_div_ps(a, b); }
    static INLINE Float fma(Float a, Float b, Float c) { return _mm512_fmadd_ps(a, b, c); }
    static INLINE Float greater(Float a, Float b) { return _mm512_max_ps(a, b); }
    static INLINE Float magnitude(Float v) { return _mm512_abs_ps(v); }
    static INLINE float greatest(Float v) { return _mm512_reduce_max_ps(v); }
    static INLINE float sum(Float v) { return _mm512_reduce_add_ps(v); }
    static INLINE Float nearest(Float v) { return _mm512_roundscale_ps(v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
    static INLINE Float upwards(Float v) { return _mm512_roundscale_ps(v, _MM_FROUND_TO_POS_INF | _MM_FROUND_NO_EXC); }
    // Returns v * 2^power for integer powers, which is exact, or 0 if the power is below -126.
    static INLINE Float scale(Float v, Float power) {
        __mmask16 seen = _mm512_cmp_ps_mask(power, _mm512_set1_ps(-126.0f), _CMP_GE_OQ);
        return _mm512_maskz_scalef_ps(seen, v, power);
    }

    static INLINE Float real(Int v) { return _mm512_cvtepi32_ps(v); }
    static INLINE Int whole(Float v) { return _mm512_cvtps_epi32(v); }
    static INLINE Int addInts(Int a, Int b) { return _mm512_add_epi32(a, b); }
    static INLINE int32_t total(Int v) { return _mm512_reduce_add_epi32(v); }
    // 32-bit lanes as bytes, in order.
    static INLINE void storeBytes(int8_t * p, Int v) { _mm_storeu_si128((__m128i *) p, _mm512_cvtepi32_epi8(v)); }

    static INLINE Float fromHalves(const uint16_t * p) { return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *) p)); }
    static INLINE Float fromBFloats(const uint16_t * p) {
        return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *) p)), 16));
    }
    static INLINE Int unsignedBytes(const uint8_t * p) { return _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *) p)); }
    static INLINE Int signedBytes(const int8_t * p) { return _mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i *) p)); }
    template <int N> static INLINE Int shiftWords(Int v) {
        if constexpr (N > 0) return _mm512_srli_epi32(v, N);
        if constexpr (N < 0) return _mm512_slli_epi32(v, -N);
        return v;
    }
    static INLINE Int subtractInts(Int a, Int b) { return _mm512_sub_epi32(a, b); }
    static INLINE Float asFloat(Int v) { return _mm512_castsi512_ps(v); }
    static INLINE float first(Float v) { return _mm512_cvtss_f32(v); }
    static INLINE Float oneHalf(uint16_t v) { return _mm512_set1_ps(_cvtsh_ss(v)); }

    // Transposes a square of numbers.
    static INLINE void transpose(Float (&v)[16]) {
        Float t[16];
        for (int i = 0; i < 16; i += 2) {
            t[i] = _mm512_unpacklo_ps(v[i], v[i + 1]);
            t[i + 1] = _mm512_unpackhi_ps(v[i], v[i + 1]);
        }
        for (int i = 0; i < 16; i += 4) {
            for (int j = 0; j < 2; j++) {
                __m512d a = _mm512_castps_pd(t[i + j]), b = _mm512_castps_pd(t[i + 2 + j]);
                v[i + 2 * j] = _mm512_castpd_ps(_mm512_unpacklo_pd(a, b));
                v[i + 2 * j + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(a, b));
            }
        }
        // v[4g + c] contains, in its four parts p, column 4p + c of rows 4g to 4g + 3.
        for (int c = 0; c < 4; c++) {
            t[c] = _mm512_shuffle_f32x4(v[c], v[4 + c], 0x88);
            t[4 + c] = _mm512_shuffle_f32x4(v[c], v[4 + c], 0xDD);
            t[8 + c] = _mm512_shuffle_f32x4(v[8 + c], v[12 + c], 0x88);
            t[12 + c] = _mm512_shuffle_f32x4(v[8 + c], v[12 + c], 0xDD);
        }
        for (int c = 0; c < 4; c++) {
            v[c] = _mm512_shuffle_f32x4(t[c], t[8 + c], 0x88);
            v[4 + c] = _mm512_shuffle_f32x4(t[4 + c], t[12 + c], 0x88);
            v[8 + c] = _mm512_shuffle_f32x4(t[c], t[8 + c], 0xDD);
            v[12 + c] = _mm512_shuffle_f32x4(t[4 + c], t[12 + c], 0xDD);
        }
    }
};
