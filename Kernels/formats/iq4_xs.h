// IQ4_XS: 256 columns in 136 bytes, w = d * scale * table[q], with IQ4_NL's table and a signed 6-bit scale per 32 columns.
//
//   quants  8 units of 4 lines of nibbles            2048 bytes for 16 rows
//   scales  d of 16 rows; 8 bytes for each row        160 bytes, 32 more than in the file

struct IQ4_XS {
    static constexpr const uint8_t (&values)[16] = IQ4_NL::values;
    using Block = block_iq4_xs;
    using Quants = Looked<IQ4_NL, true>;
    using Scales = ByteScales<8>;
    static constexpr ggml_type type = GGML_TYPE_IQ4_XS;
    static constexpr int width = 256, span = 128, group = 32, zeroPoint = 127;
    static constexpr bool hasMinimum = false;

    static void unpack(const Block & block, uint8_t * values) {
        for (int u = 0; u < 8; u++) unpackNibbles(block.qs + 16 * u, values + 32 * u);
    }
    static void storeScales(const Block * const * rows, uint8_t * out) {
        for (int r = 0; r < panelRows; r++) {
            putHalf(out, r, rows[r]->d);
            for (int g = 0; g < 8; g++) {
                int low = rows[r]->scales_l[g / 2] >> 4 * (g % 2) & 15, high = rows[r]->scales_h >> 2 * g & 3;
                out[panelRows * 2 + g * panelRows + r] = uint8_t((low | high << 4) - 32);
            }
        }
    }
};
