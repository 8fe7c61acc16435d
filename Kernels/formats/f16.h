// F16 and BF16: a weight in 2 bytes.
//
//   quants  column by column, 16 rows side by side    32 bytes a column

struct F16 {
    using Row = HalfRow;
    static constexpr ggml_type type = GGML_TYPE_F16;
};

struct BF16 {
    using Row = BFloatRow;
    static constexpr ggml_type type = GGML_TYPE_BF16;
};
