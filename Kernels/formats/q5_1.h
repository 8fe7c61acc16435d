// Q5_1: 32 columns in 24 bytes, w = d * q + m.
//
//   quants  4 lines of nibbles, 1 of fifth bits   320 bytes for 16 rows
//   scales  d, then m, of 16 rows                   64 bytes

struct Q5_1 {
    using Block = block_q5_1;
    using Quants = Fives;
    using Scales = HalfScaleAndMinimum;
    static constexpr ggml_type type = GGML_TYPE_Q5_1;
    static constexpr int width = 32, span = 32, group = 32, zeroPoint = 0;
    static constexpr bool hasMinimum = true;

    static void unpack(const Block & block, uint8_t * values) {
        unpackNibbles(block.qs, values);
        addFifthBits(block.qh, values);
    }
    static void storeScales(const Block * const * rows, uint8_t * out) { storeScalesAndMinima(rows, out); }
};
