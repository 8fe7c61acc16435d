// Q4_0: 32 columns in 18 bytes, w = d * (q - 8).
//
//   quants  4 lines of nibbles     256 bytes for 16 rows
//   scales  d of 16 rows            32 bytes

struct Q4_0 {
    using Block = block_q4_0;
    using Quants = Nibbles;
    using Scales = HalfScale;
    static constexpr ggml_type type = GGML_TYPE_Q4_0;
    static constexpr int width = 32, span = 32, group = 32, zeroPoint = 8;
    static constexpr bool hasMinimum = false;

    static void unpack(const Block & block, uint8_t * values) { unpackNibbles(block.qs, values); }
    static void storeScales(const Block * const * rows, uint8_t * out) { storeHalfScales(rows, out); }
};
