// IQ4_NL: 32 columns in 18 bytes, w = d * table[q]; 127 is added to the table's values.
//
//   quants  4 lines of nibbles     256 bytes for 16 rows
//   scales  d of 16 rows            32 bytes

struct IQ4_NL {
    static constexpr uint8_t values[16] = {0, 23, 44, 62, 78, 92, 105, 117, 128, 140, 152, 165, 180, 196, 216, 240};
    using Block = block_iq4_nl;
    using Quants = Looked<IQ4_NL, true>;
    using Scales = HalfScale;
    static constexpr ggml_type type = GGML_TYPE_IQ4_NL;
    static constexpr int width = 32, span = 32, group = 32, zeroPoint = 127;
    static constexpr bool hasMinimum = false;

    static void unpack(const Block & block, uint8_t * values) { unpackNibbles(block.qs, values); }
    static void storeScales(const Block * const * rows, uint8_t * out) { storeHalfScales(rows, out); }
};
