// AVX2: 8 rows of weights per register. With `SHIMMY_DPBUSD` (AVX-VNNI) a sum of products takes one instruction instead of three.

struct Simd {
    static constexpr int lanes = 8;
    static constexpr int widestTile = 4;
    using Int = __m256i;
    using Float = __m256;

    // Bytes

    static INLINE Int load(const void * p) { return _mm256_loadu_si256((const __m256i *) p); }
    static INLINE void store(void * p, Int v) { _mm256_storeu_si256((__m256i *) p, v); }
    static INLINE Int bytes(int value) { return _mm256_set1_epi8(char(value)); }
    static INLINE Int words(int32_t value) { return _mm256_set1_epi32(value); }
    static INLINE Int table(const uint8_t * sixteen) { return _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *) sixteen)); }
    static INLINE Int lookup(Int table, Int index) { return _mm256_shuffle_epi8(table, index); }
    static INLINE Int keep(Int v, Int mask) { return _mm256_and_si256(v, mask); }
    static INLINE Int merge(Int base, Int v, Int mask) { return _mm256_or_si256(base, _mm256_and_si256(v, mask)); }
    template <int N> static INLINE Int shift(Int v) {
        if constexpr (N > 0) return _mm256_srli_epi16(v, N);
        if constexpr (N < 0) return _mm256_slli_epi16(v, -N);
        return v;
    }

#ifdef SHIMMY_DPBUSD
    static INLINE Int dot(Int sum, Int weights, const int8_t * four) {
        int32_t word;
        memcpy(&word, four, 4);
        return SHIMMY_DPBUSD(sum, weights, _mm256_set1_epi32(word));
    }
    static INLINE Int dotWide(Int sum, Int weights, const int8_t * four) { return dot(sum, weights, four); }
#else
    // The sum of two products of at most 127 * 127 fits into 16 bits.
    static INLINE Int dot(Int sum, Int weights, const int8_t * four) {
        int32_t word;
        memcpy(&word, four, 4);
        Int pairs = _mm256_maddubs_epi16(weights, _mm256_set1_epi32(word));
        return _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
    }
    // Bytes above 127 would saturate in `dot`, so even and odd bytes are multiplied as 16-bit numbers.
    static INLINE Int dotWide(Int sum, Int weights, const int8_t * four) {
        int32_t word;
        memcpy(&word, four, 4);
        Int values = _mm256_set1_epi32(word);
        Int even = _mm256_madd_epi16(_mm256_and_si256(weights, _mm256_set1_epi16(0xFF)), _mm256_srai_epi16(_mm256_slli_epi16(values, 8), 8));
        Int odd = _mm256_madd_epi16(_mm256_srli_epi16(weights, 8), _mm256_srai_epi16(values, 8));
        return _mm256_add_epi32(sum, _mm256_add_epi32(even, odd));
    }
#endif

    // Numbers

    static INLINE Float zero() { return _mm256_setzero_ps(); }
    static INLINE Float all(float v) { return _mm256_set1_ps(v); }
    static INLINE Float loadFloats(const float * p) { return _mm256_loadu_ps(p); }
    static INLINE void storeFloats(float * p, Float v) { _mm256_storeu_ps(p, v); }
    static INLINE Float add(Float a, Float b) { return _mm256_add_ps(a, b); }
    static INLINE Float subtract(Float a, Float b) { return _mm256_sub_ps(a, b); }
    static INLINE Float multiply(Float a, Float b) { return _mm256_mul_ps(a, b); }
    static INLINE Float divide(Float a, Float b) { return _mm256_div_ps(a, b); }
    static INLINE Float fma(Float a, Float b, Float c) { return _mm256_fmadd_ps(a, b, c); }
    static INLINE Float greater(Float a, Float b) { return _mm256_max_ps(a, b); }
    static INLINE Float magnitude(Float v) { return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), v); }
    static INLINE float greatest(Float v) {
        __m128 m = _mm_max_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
        m = _mm_max_ps(m, _mm_movehl_ps(m, m));
        return _mm_cvtss_f32(_mm_max_ss(m, _mm_movehdup_ps(m)));
    }
    static INLINE float sum(Float v) {
        __m128 s = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
        s = _mm_add_ps(s, _mm_movehl_ps(s, s));
        return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
    }
    static INLINE Float nearest(Float v) { return _mm256_round_ps(v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
    static INLINE Float upwards(Float v) { return _mm256_round_ps(v, _MM_FROUND_TO_POS_INF | _MM_FROUND_NO_EXC); }
    // Returns v * 2^power for integer powers, which is exact, or 0 if the power is below -126.
    static INLINE Float scale(Float v, Float power) {
        Float seen = _mm256_cmp_ps(power, _mm256_set1_ps(-126.0f), _CMP_GE_OQ);
        Int exponent = _mm256_slli_epi32(_mm256_add_epi32(_mm256_cvtps_epi32(power), _mm256_set1_epi32(127)), 23);
        return _mm256_and_ps(seen, _mm256_mul_ps(v, _mm256_castsi256_ps(exponent)));
    }

    static INLINE Float real(Int v) { return _mm256_cvtepi32_ps(v); }
    static INLINE Int whole(Float v) { return _mm256_cvtps_epi32(v); }
    static INLINE Int addInts(Int a, Int b) { return _mm256_add_epi32(a, b); }
    static INLINE int32_t total(Int v) {
        __m128i s = _mm_add_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
        s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0x4E));
        return _mm_cvtsi128_si32(_mm_add_epi32(s, _mm_shuffle_epi32(s, 0xB1)));
    }
    // 32-bit lanes as bytes, in order.
    static INLINE void storeBytes(int8_t * p, Int v) {
        __m128i words = _mm_packs_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
        _mm_storel_epi64((__m128i *) p, _mm_packs_epi16(words, words));
    }

    static INLINE Float fromHalves(const uint16_t * p) { return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *) p)); }
    static INLINE Float fromBFloats(const uint16_t * p) {
        return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *) p)), 16));
    }
    static INLINE Int unsignedBytes(const uint8_t * p) { return _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *) p)); }
    static INLINE Int signedBytes(const int8_t * p) { return _mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *) p)); }
    template <int N> static INLINE Int shiftWords(Int v) {
        if constexpr (N > 0) return _mm256_srli_epi32(v, N);
        if constexpr (N < 0) return _mm256_slli_epi32(v, -N);
        return v;
    }
    static INLINE Int subtractInts(Int a, Int b) { return _mm256_sub_epi32(a, b); }
    static INLINE Float asFloat(Int v) { return _mm256_castsi256_ps(v); }
    static INLINE float first(Float v) { return _mm256_cvtss_f32(v); }
    static INLINE Float oneHalf(uint16_t v) { return _mm256_set1_ps(_cvtsh_ss(v)); }

    // Transposes a square of numbers.
    static INLINE void transpose(Float (&v)[8]) {
        Float t[8];
        for (int i = 0; i < 8; i += 2) {
            t[i] = _mm256_unpacklo_ps(v[i], v[i + 1]);
            t[i + 1] = _mm256_unpackhi_ps(v[i], v[i + 1]);
        }
        for (int i = 0; i < 8; i += 4) {
            for (int j = 0; j < 2; j++) {
                v[i + 2 * j] = _mm256_shuffle_ps(t[i + j], t[i + 2 + j], 0x44);
                v[i + 2 * j + 1] = _mm256_shuffle_ps(t[i + j], t[i + 2 + j], 0xEE);
            }
        }
        for (int c = 0; c < 4; c++) {
            t[c] = _mm256_permute2f128_ps(v[c], v[4 + c], 0x20);
            t[4 + c] = _mm256_permute2f128_ps(v[c], v[4 + c], 0x31);
        }
        for (int i = 0; i < 8; i++) v[i] = t[i];
    }
};
