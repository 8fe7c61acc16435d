// Q4_K: 256 columns in 144 bytes, w = d * scale * q - dmin * minimum, with a 6-bit scale and a 6-bit minimum per 32 columns.
//
//   quants  8 units of 4 lines of nibbles                                        2048 bytes for 16 rows
//   scales  d, then dmin, of 16 rows; 8 scales and 8 minima of 6 bits a row       256 bytes

struct Q4_K {
    using Block = block_q4_K;
    using Quants = Nibbles;
    using Scales = SixBitScalesAndMinima;
    static constexpr ggml_type type = GGML_TYPE_Q4_K;
    static constexpr int width = 256, span = 128, group = 32, zeroPoint = 0;
    static constexpr bool hasMinimum = true;

    static void unpack(const Block & block, uint8_t * values) { unpackNibblesOf64(block.qs, values); }
    static void storeScales(const Block * const * rows, uint8_t * out) { storeSixBitScalesAndMinima(rows, out); }
};
