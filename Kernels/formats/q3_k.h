// Q3_K: 256 columns in 110 bytes, w = d * scale * (q - 4), with a signed 6-bit scale per 16 columns.
//
//   quants  8 units of 2 lines of pairs and 1 of third bits   1536 bytes for 16 rows
//   scales  d of 16 rows; 16 scales of 6 bits for each row     224 bytes

struct Q3_K {
    using Block = block_q3_K;
    using Quants = Triples;
    using Scales = SixBitSignedScales;
    static constexpr ggml_type type = GGML_TYPE_Q3_K;
    static constexpr int width = 256, span = 128, group = 16, zeroPoint = 4;
    static constexpr bool hasMinimum = false;

    static void unpack(const Block & block, uint8_t * values) {
        unpackPairs(block.qs, values);
        for (int j = 0; j < 8; j++) {
            for (int i = 0; i < 32; i++) values[j * 32 + i] |= (block.hmask[i] >> j & 1) << 2;
        }
    }
    static void storeScales(const Block * const * rows, uint8_t * out) {
        uint8_t values[256];
        for (int r = 0; r < panelRows; r++) {
            putHalf(out, r, rows[r]->d);
            const uint8_t * s = rows[r]->scales;
            for (int g = 0; g < 16; g++) {
                int low = g < 8 ? s[g] & 15 : s[g - 8] >> 4;
                values[g * panelRows + r] = uint8_t(low | (s[8 + g % 4] >> 2 * (g / 4) & 3) << 4);
            }
        }
        SixBitScales::store(values, out + panelRows * 2);
    }
};
