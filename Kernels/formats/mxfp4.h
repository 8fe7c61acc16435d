// MXFP4: 32 columns in 17 bytes, w = 2^(e - 127) * value[q] with 4-bit floats (E2M1). The table's values are doubled, plus 12.
//
//   quants  4 lines of nibbles     256 bytes for 16 rows
//   scales  e of 16 rows            16 bytes

struct MXFP4 {
    static constexpr uint8_t values[16] = {12, 13, 14, 15, 16, 18, 20, 24, 12, 11, 10, 9, 8, 6, 4, 0};
    using Block = block_mxfp4;
    using Quants = Looked<MXFP4, false>;
    using Scales = ExponentScale;
    static constexpr ggml_type type = GGML_TYPE_MXFP4;
    static constexpr int width = 32, span = 32, group = 32, zeroPoint = 12;
    static constexpr bool hasMinimum = false;

    static void unpack(const Block & block, uint8_t * values) { unpackNibbles(block.qs, values); }
    static void storeScales(const Block * const * rows, uint8_t * out) {
        for (int r = 0; r < panelRows; r++) out[r] = rows[r]->e;
    }
};
