// Functions that several formats share: unpacking bits to bytes, and storing scales row by row.

static INLINE void putHalf(uint8_t * out, int index, uint16_t value) { memcpy(out + 2 * index, &value, 2); }

// Unpacks 16 bytes: the low halves are columns 0 to 15, the high halves 16 to 31. Processes eight bytes at a time, because compilers
// would generate one operation per byte.
static INLINE void unpackNibbles(const uint8_t * packed, uint8_t * values) {
    constexpr uint64_t halves = 0x0F0F0F0F0F0F0F0F;
    for (int i = 0; i < 16; i += 8) {
        uint64_t eight;
        memcpy(&eight, packed + i, 8);
        const uint64_t low = eight & halves, high = eight >> 4 & halves;
        memcpy(values + i, &low, 8);
        memcpy(values + 16 + i, &high, 8);
    }
}

// Unpacks 128 bytes: in each group of 32 bytes the low halves are 32 columns, and the high halves the next 32.
static INLINE void unpackNibblesOf64(const uint8_t * packed, uint8_t * values) {
    for (int j = 0; j < 4; j++) {
        for (int i = 0; i < 32; i++) {
            values[64 * j + i] = packed[32 * j + i] & 15;
            values[64 * j + 32 + i] = packed[32 * j + i] >> 4;
        }
    }
}

// Unpacks 64 bytes: in each group of 32 bytes the lowest two bits are 32 columns, the next two bits the next 32, and so on.
static INLINE void unpackPairs(const uint8_t * packed, uint8_t * values) {
    for (int h = 0; h < 2; h++) {
        for (int j = 0; j < 4; j++) {
            for (int i = 0; i < 32; i++) values[128 * h + 32 * j + i] = packed[32 * h + i] >> 2 * j & 3;
        }
    }
}

// Adds the fifth bits; bit i belongs to column i. Copies each byte to eight bytes, each of which keeps its own bit and moves it to bit 4.
static INLINE void addFifthBits(const uint8_t * bits, uint8_t * values) {
    for (int i = 0; i < 4; i++) {
        const uint64_t own = bits[i] * 0x0101010101010101 & 0x8040201008040201;
        uint64_t eight;
        memcpy(&eight, values + 8 * i, 8);
        eight |= (own + 0x7F7F7F7F7F7F7F7F) >> 3 & 0x1010101010101010;
        memcpy(values + 8 * i, &eight, 8);
    }
}

template <class Block> static void storeScalesAndMinima(const Block * const * rows, uint8_t * out) {
    for (int r = 0; r < panelRows; r++) {
        putHalf(out, r, rows[r]->d);
        putHalf(out, panelRows + r, rows[r]->m);
    }
}

template <class Block> static void storeHalfScales(const Block * const * rows, uint8_t * out) {
    for (int r = 0; r < panelRows; r++) putHalf(out, r, rows[r]->d);
}

template <class Block> static void storeSuperScalesAndMinima(const Block * const * rows, uint8_t * out) {
    for (int r = 0; r < panelRows; r++) {
        putHalf(out, r, rows[r]->d);
        putHalf(out, panelRows + r, rows[r]->dmin);
    }
}

// Stores the 12 bytes of Q4_K and Q5_K: four scales and four minima of 6 bits; then the lower 4 bits of four more of each, whose upper 2 bits
// are the spare bits of the first bytes.
template <class Block> static void storeSixBitScalesAndMinima(const Block * const * rows, uint8_t * out) {
    uint8_t values[256];
    storeSuperScalesAndMinima(rows, out);
    for (int r = 0; r < panelRows; r++) {
        const uint8_t * s = rows[r]->scales;
        for (int j = 0; j < 4; j++) {
            values[j * panelRows + r] = s[j] & 63;
            values[(4 + j) * panelRows + r] = uint8_t((s[8 + j] & 15) | (s[j] >> 6) << 4);
            values[(8 + j) * panelRows + r] = s[4 + j] & 63;
            values[(12 + j) * panelRows + r] = uint8_t(s[8 + j] >> 4 | (s[4 + j] >> 6) << 4);
        }
    }
    SixBitScales::store(values, out + panelRows * 4);
}
