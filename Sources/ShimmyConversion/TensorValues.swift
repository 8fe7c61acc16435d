import ShimmyFormats

/// The changes to a tensor's values during conversion.
struct Transform: Equatable {
    /// The number added to every value. Gemma's files store norms without the 1 that the model adds to them.
    var offset: Float = 0
    /// The number of heads whose rows are permuted; nil for no permutation. llama.cpp interleaves the two halves of rotary embeddings; Llama's
    /// weights have one half after the other.
    var rotaryHeads: Int?
    /// The number of rows to keep; nil for all.
    var rows: Int?

    /// Returns the index of the source row that becomes row `row`.
    func sourceRow(of row: Int, rows: Int) -> Int {
        guard let rotaryHeads else { return row }
        let size = rows / rotaryHeads
        let (head, place) = (row / size, row % size)
        return head * size + (place % 2) * (size / 2) + place / 2
    }
}

/// The conversion of values from one type to another.
enum TensorValues {
    static func convert(_ bytes: [UInt8], from source: ValueType, to target: ValueType, adding offset: Float) -> [UInt8] {
        if source == target, offset == 0 { return bytes }
        let count = bytes.count / source.bytes
        return [UInt8](unsafeUninitializedCapacity: count * target.bytes) { result, used in
            bytes.withUnsafeBytes { values in
                let output = UnsafeMutableRawBufferPointer(result)
                for index in 0..<count {
                    let value = float(values, index, source) + offset
                    switch target {
                    case .f32: output.storeBytes(of: value.bitPattern.littleEndian, toByteOffset: index * 4, as: UInt32.self)
                    case .f16: output.storeBytes(of: HalfFloat.bits(of: value).littleEndian, toByteOffset: index * 2, as: UInt16.self)
                    case .bf16: output.storeBytes(of: HalfFloat.brainBits(of: value).littleEndian, toByteOffset: index * 2, as: UInt16.self)
                    }
                }
            }
            used = count * target.bytes
        }
    }

    private static func float(_ values: UnsafeRawBufferPointer, _ index: Int, _ type: ValueType) -> Float {
        switch type {
        case .f32: Float(bitPattern: UInt32(littleEndian: values.loadUnaligned(fromByteOffset: index * 4, as: UInt32.self)))
        case .f16: HalfFloat.float(UInt16(littleEndian: values.loadUnaligned(fromByteOffset: index * 2, as: UInt16.self)))
        case .bf16: Float(bitPattern: UInt32(UInt16(littleEndian: values.loadUnaligned(fromByteOffset: index * 2, as: UInt16.self))) << 16)
        }
    }
}

/// Conversions between `Float` and 16-bit formats. Swift's `Float16` does not exist on every processor.
enum HalfFloat {
    static func float(_ bits: UInt16) -> Float {
        let sign = UInt32(bits & 0x8000) << 16
        let (exponent, fraction) = (UInt32(bits >> 10 & 0x1F), UInt32(bits & 0x3FF))
        switch exponent {
        case 0:
            let value = Float(fraction) * 0x1p-24
            return sign == 0 ? value : -value
        case 31: return Float(bitPattern: sign | 0x7F80_0000 | fraction << 13)
        default: return Float(bitPattern: sign | (exponent + 112) << 23 | fraction << 13)
        }
    }

    /// Returns the nearest half-precision number, ties to even; infinity beyond the range.
    static func bits(of value: Float) -> UInt16 {
        let bits = value.bitPattern
        let sign = UInt16(bits >> 16 & 0x8000)
        let magnitude = bits & 0x7FFF_FFFF
        if magnitude > 0x7F80_0000 { return sign | 0x7E00 }
        if magnitude >= 0x4780_0000 { return sign | 0x7C00 }
        if magnitude < 0x3880_0000 {
            // A subnormal number is a multiple of 2^-24.
            let units = (Float(bitPattern: magnitude) * 0x1p24).rounded(.toNearestOrEven)
            return sign | UInt16(units)
        }
        let rounded = magnitude &+ 0xFFF &+ (magnitude >> 13 & 1)
        return rounded >= 0x4780_0000 ? sign | 0x7C00 : sign | UInt16((rounded - 0x3800_0000) >> 13)
    }

    static func brainBits(of value: Float) -> UInt16 {
        if value.isNaN { return 0x7FC0 }
        let bits = value.bitPattern
        return UInt16((bits &+ 0x7FFF &+ (bits >> 16 & 1)) >> 16)
    }
}
