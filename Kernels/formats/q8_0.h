// Q8_0: 32 columns in 34 bytes, w = d * q with a signed q; stored as q + 128.
//
//   quants  8 lines of bytes   512 bytes for 16 rows
//   scales  d of 16 rows        32 bytes

struct Q8_0 {
    using Block = block_q8_0;
    using Quants = Bytes;
    using Scales = HalfScale;
    static constexpr ggml_type type = GGML_TYPE_Q8_0;
    static constexpr int width = 32, span = 32, group = 32, zeroPoint = 128;
    static constexpr bool hasMinimum = false;

    static void unpack(const Block & block, uint8_t * values) {
        for (int i = 0; i < 32; i++) values[i] = uint8_t(block.qs[i]) ^ 0x80;
    }
    static void storeScales(const Block * const * rows, uint8_t * out) { storeHalfScales(rows, out); }
};
