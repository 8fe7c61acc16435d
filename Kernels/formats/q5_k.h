// Q5_K: 256 columns in 176 bytes, w = d * scale * q - dmin * minimum, with a 6-bit scale and a 6-bit minimum per 32 columns.
//
//   quants  8 units of 4 lines of nibbles and 1 of fifth bits                    2560 bytes for 16 rows
//   scales  d, then dmin, of 16 rows; 8 scales and 8 minima of 6 bits a row       256 bytes

struct Q5_K {
    using Block = block_q5_K;
    using Quants = Fives;
    using Scales = SixBitScalesAndMinima;
    static constexpr ggml_type type = GGML_TYPE_Q5_K;
    static constexpr int width = 256, span = 128, group = 32, zeroPoint = 0;
    static constexpr bool hasMinimum = true;

    static void unpack(const Block & block, uint8_t * values) {
        unpackNibblesOf64(block.qs, values);
        for (int j = 0; j < 8; j++) {
            for (int i = 0; i < 32; i++) values[j * 32 + i] |= (block.qh[i] >> j & 1) << 4;
        }
    }
    static void storeScales(const Block * const * rows, uint8_t * out) { storeSixBitScalesAndMinima(rows, out); }
};
