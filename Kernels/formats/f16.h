// F16 and BF16: 2 bytes per weight.
//
//   quants  column by column, 16 rows each    32 bytes per column

struct F16 {
    using Row = HalfRow;
    static constexpr ggml_type type = GGML_TYPE_F16;
};

struct BF16 {
    using Row = BFloatRow;
    static constexpr ggml_type type = GGML_TYPE_BF16;
};
