// Q6_K: 256 columns in 210 bytes, w = d * scale * (q - 32), with a signed 8-bit scale per 16 columns.
//
//   quants  8 units of 6 lines of sixes                3072 bytes for 16 rows
//   scales  d of 16 rows; 16 bytes for each row         288 bytes

struct Q6_K {
    using Block = block_q6_K;
    using Quants = Sixes;
    using Scales = ByteScales<16>;
    static constexpr ggml_type type = GGML_TYPE_Q6_K;
    static constexpr int width = 256, span = 128, group = 16, zeroPoint = 32;
    static constexpr bool hasMinimum = false;

    static void unpack(const Block & block, uint8_t * values) {
        for (int h = 0; h < 2; h++) {
            const uint8_t * low = block.ql + 64 * h, * high = block.qh + 32 * h;
            uint8_t * v = values + 128 * h;
            for (int i = 0; i < 32; i++) {
                v[i] = uint8_t((low[i] & 15) | (high[i] & 3) << 4);
                v[32 + i] = uint8_t((low[32 + i] & 15) | (high[i] >> 2 & 3) << 4);
                v[64 + i] = uint8_t(low[i] >> 4 | (high[i] >> 4 & 3) << 4);
                v[96 + i] = uint8_t(low[32 + i] >> 4 | (high[i] >> 6) << 4);
            }
        }
    }
    static void storeScales(const Block * const * rows, uint8_t * out) {
        for (int r = 0; r < panelRows; r++) {
            putHalf(out, r, rows[r]->d);
            for (int g = 0; g < 16; g++) out[panelRows * 2 + g * panelRows + r] = uint8_t(rows[r]->scales[g]);
        }
    }
};
