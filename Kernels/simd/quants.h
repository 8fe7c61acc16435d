// The layout of weight bits in a panel, and the extraction of four columns (a quad) as unsigned bytes.
//
// A line is 64 bytes: 16 rows of 4 adjacent columns, so that one instruction multiplies it by 4 activations that all rows share.
// A unit is 32 columns: 8 quads. `store` takes a unit as words[row][quad]; `quad<T>` returns quad T of `Simd::lanes` rows.

constexpr int lineBytes = 64;

using Unit = uint32_t[panelRows][8];

static INLINE Simd::Int line(const uint8_t * unit, int index, int part) {
    return Simd::load(unit + index * lineBytes + part * Simd::lanes * 4);
}

static INLINE void putWord(uint8_t * unit, int index, int row, uint32_t word) {
    memcpy(unit + index * lineBytes + row * 4, &word, 4);
}

// 4 bits: a line contains quad 2i in the low halves of its bytes and quad 2i + 1 in the high halves.
struct Nibbles {
    static constexpr size_t size = 4 * lineBytes;
    static constexpr bool wide = false;

    static void store(const Unit & words, uint8_t * unit) {
        for (int r = 0; r < panelRows; r++) {
            for (int i = 0; i < 4; i++) putWord(unit, i, r, (words[r][2 * i] & 0x0F0F0F0F) | (words[r][2 * i + 1] & 0x0F0F0F0F) << 4);
        }
    }

    template <int T> static INLINE Simd::Int quad(const uint8_t * unit, int part) {
        return Simd::keep(Simd::shift<T % 2 * 4>(line(unit, T / 2, part)), Simd::bytes(15));
    }
};

// 1 bit: quad i is in bit i of one line; `add` returns it in bit `At`.
template <int At> struct Bits {
    static constexpr size_t size = lineBytes;

    static void store(const Unit & words, uint8_t * unit) {
        for (int r = 0; r < panelRows; r++) {
            uint32_t word = 0;
            for (int t = 0; t < 8; t++) word |= (words[r][t] >> At & 0x01010101) << t;
            putWord(unit, 0, r, word);
        }
    }

    template <int T> static INLINE Simd::Int add(Simd::Int low, const uint8_t * unit, int part) {
        return Simd::merge(low, Simd::shift<T - At>(line(unit, 0, part)), Simd::bytes(1 << At));
    }
};

// 2 bits: a line contains quads 4i to 4i + 3, two bits each, starting at the lowest bits.
struct Pairs {
    static constexpr size_t size = 2 * lineBytes;
    static constexpr bool wide = false;

    static void store(const Unit & words, uint8_t * unit) {
        for (int i = 0; i < 2; i++) {
            for (int r = 0; r < panelRows; r++) {
                uint32_t word = 0;
                for (int t = 0; t < 4; t++) word |= (words[r][4 * i + t] & 0x03030303) << 2 * t;
                putWord(unit, i, r, word);
            }
        }
    }

    template <int T> static INLINE Simd::Int quad(const uint8_t * unit, int part) {
        return Simd::keep(Simd::shift<T % 4 * 2>(line(unit, T / 4, part)), Simd::bytes(3));
    }
};

// 3 bits: pairs, then a line of the third bits.
struct Triples {
    static constexpr size_t size = Pairs::size + Bits<2>::size;
    static constexpr bool wide = false;

    static void store(const Unit & words, uint8_t * unit) {
        Pairs::store(words, unit);
        Bits<2>::store(words, unit + Pairs::size);
    }

    template <int T> static INLINE Simd::Int quad(const uint8_t * unit, int part) {
        return Bits<2>::add<T>(Pairs::quad<T>(unit, part), unit + Pairs::size, part);
    }
};

// 5 bits: nibbles, then a line of the fifth bits.
struct Fives {
    static constexpr size_t size = Nibbles::size + Bits<4>::size;
    static constexpr bool wide = false;

    static void store(const Unit & words, uint8_t * unit) {
        Nibbles::store(words, unit);
        Bits<4>::store(words, unit + Nibbles::size);
    }

    template <int T> static INLINE Simd::Int quad(const uint8_t * unit, int part) {
        return Bits<4>::add<T>(Nibbles::quad<T>(unit, part), unit + Nibbles::size, part);
    }
};

// 6 bits: three of four quads have a line each, and the two unused bits of each line contain a third of the fourth quad.
struct Sixes {
    static constexpr size_t size = 6 * lineBytes;
    static constexpr bool wide = false;

    // Packs four words with 6 bits per byte into three words.
    static void join(const uint32_t four[4], uint32_t three[3]) {
        for (int j = 0; j < 3; j++) three[j] = (four[j] & 0x3F3F3F3F) | (four[3] >> 2 * j & 0x03030303) << 6;
    }

    template <int T> static INLINE Simd::Int take(Simd::Int a, Simd::Int b, Simd::Int c) {
        if constexpr (T == 0) return Simd::keep(a, Simd::bytes(63));
        if constexpr (T == 1) return Simd::keep(b, Simd::bytes(63));
        if constexpr (T == 2) return Simd::keep(c, Simd::bytes(63));
        Simd::Int low = Simd::keep(Simd::shift<6>(a), Simd::bytes(3));
        return Simd::merge(Simd::merge(low, Simd::shift<4>(b), Simd::bytes(12)), Simd::shift<2>(c), Simd::bytes(48));
    }

    static void store(const Unit & words, uint8_t * unit) {
        for (int i = 0; i < 2; i++) {
            for (int r = 0; r < panelRows; r++) {
                uint32_t three[3];
                join(words[r] + 4 * i, three);
                for (int j = 0; j < 3; j++) putWord(unit, 3 * i + j, r, three[j]);
            }
        }
    }

    template <int T> static INLINE Simd::Int quad(const uint8_t * unit, int part) {
        constexpr int first = T / 4 * 3;
        return take<T % 4>(line(unit, first, part), line(unit, first + 1, part), line(unit, first + 2, part));
    }
};

// 8 bits: a line for each quad.
struct Bytes {
    static constexpr size_t size = 8 * lineBytes;
    static constexpr bool wide = true;

    static void store(const Unit & words, uint8_t * unit) {
        for (int t = 0; t < 8; t++) {
            for (int r = 0; r < panelRows; r++) putWord(unit, t, r, words[r][t]);
        }
    }

    template <int T> static INLINE Simd::Int quad(const uint8_t * unit, int part) { return line(unit, T, part); }
};

// 4 bits that index a table of 16 values. The format adds its zero point to the values, so that they are unsigned.
template <class Format, bool Wide> struct Looked {
    static constexpr size_t size = Nibbles::size;
    static constexpr bool wide = Wide;

    static void store(const Unit & words, uint8_t * unit) { Nibbles::store(words, unit); }

    template <int T> static INLINE Simd::Int quad(const uint8_t * unit, int part) {
        return Simd::lookup(Simd::table(Format::values), Nibbles::quad<T>(unit, part));
    }
};
