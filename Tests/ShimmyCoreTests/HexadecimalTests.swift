import ShimmyCore
import Testing

@Suite struct HexadecimalTests {
    @Test func bytesAndNumbersHaveTheirZeros() {
        let bytes: [UInt8] = [0, 10, 255]
        #expect(bytes.hexadecimal == "000aff")
        #expect(UInt64(0xAB).hexadecimal == "00000000000000ab")
        #expect(UInt64.max.hexadecimal == "ffffffffffffffff")
    }

    @Test func allBytesAreReadInBothCases() {
        for byte in UInt8.min...UInt8.max {
            let digits = [byte].hexadecimal
            #expect(UInt8(hexadecimal: digits.utf8) == byte)
            #expect(UInt8(hexadecimal: digits.uppercased().utf8) == byte)
        }
    }

    @Test(arguments: ["", "a", "abc", "g0", "0g", "+1", "-1", " 1", "\u{e9}"]) func otherTextsAreNotBytes(text: String) {
        #expect(UInt8(hexadecimal: text.utf8) == nil)
    }
}
