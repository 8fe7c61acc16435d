// Q5_0: 32 columns in 22 bytes, w = d * (q - 16).
//
//   quants  4 lines of nibbles, 1 of fifth bits   320 bytes for 16 rows
//   scales  d of 16 rows                            32 bytes

struct Q5_0 {
    using Block = block_q5_0;
    using Quants = Fives;
    using Scales = HalfScale;
    static constexpr ggml_type type = GGML_TYPE_Q5_0;
    static constexpr int width = 32, span = 32, group = 32, zeroPoint = 16;
    static constexpr bool hasMinimum = false;

    static void unpack(const Block & block, uint8_t * values) {
        unpackNibbles(block.qs, values);
        addFifthBits(block.qh, values);
    }
    static void storeScales(const Block * const * rows, uint8_t * out) { storeHalfScales(rows, out); }
};
