// Q2_K: 256 columns in 84 bytes, w = d * scale * q - dmin * minimum, with a 4-bit scale and a 4-bit minimum per 16 columns.
//
//   quants  8 units of 2 lines of pairs                       1024 bytes for 16 rows
//   scales  d, then dmin, of 16 rows; 16 bytes for each row    320 bytes

struct Q2_K {
    using Block = block_q2_K;
    using Quants = Pairs;
    using Scales = NibbleScalesAndMinima;
    static constexpr ggml_type type = GGML_TYPE_Q2_K;
    static constexpr int width = 256, span = 128, group = 16, zeroPoint = 0;
    static constexpr bool hasMinimum = true;

    static void unpack(const Block & block, uint8_t * values) { unpackPairs(block.qs, values); }
    static void storeScales(const Block * const * rows, uint8_t * out) {
        storeSuperScalesAndMinima(rows, out);
        for (int r = 0; r < panelRows; r++) {
            for (int g = 0; g < 16; g++) out[panelRows * 4 + g * panelRows + r] = rows[r]->scales[g];
        }
    }
};
