// Q4_1: 32 columns in 20 bytes, w = d * q + m.
//
//   quants  4 lines of nibbles     256 bytes for 16 rows
//   scales  d, then m, of 16 rows   64 bytes

struct Q4_1 {
    using Block = block_q4_1;
    using Quants = Nibbles;
    using Scales = HalfScaleAndMinimum;
    static constexpr ggml_type type = GGML_TYPE_Q4_1;
    static constexpr int width = 32, span = 32, group = 32, zeroPoint = 0;
    static constexpr bool hasMinimum = true;

    static void unpack(const Block & block, uint8_t * values) { unpackNibbles(block.qs, values); }
    static void storeScales(const Block * const * rows, uint8_t * out) { storeScalesAndMinima(rows, out); }
};
