import ShimmyJSON
import ShimmyTestSupport
import Testing

struct NumberTests {
    private func number(_ text: String) throws -> JSONNumber {
        guard case .number(let number) = try JSON.parse(text) else { throw NotANumber() }
        return number
    }

    private struct NotANumber: Error {}

    @Test(arguments: [
        ("1", "2"), ("-2", "-1"), ("-1", "0"), ("0", "0.001"), ("1", "1.5"), ("9007199254740992", "9007199254740993"), ("1e-400", "1e400"),
        ("-1e400", "-1e-400"), ("99", "1e2"), ("0.1", "0.10000000000000001"),
    ])
    func exactValuesAreOrdered(less: String, more: String) throws {
        let (less, more) = (try number(less), try number(more))
        #expect(less.isLess(than: more) && !more.isLess(than: less) && !less.isLess(than: less))
    }

    @Test(
        arguments: [
            ("9007199254740993", "2", false), ("9007199254740994", "2", true), ("1e300", "7", false), ("1e300", "8", true), ("0.3", "0.1", true),
            ("0.35", "0.1", false), ("-7.0", "7", true), ("0", "3", true), ("15", "10", false), ("5", "2.5", true), ("1", "0", nil),
            ("1e999999", "3", nil),
        ] as [(String, String, Bool?)])
    func multiplesAreExact(value: String, divisor: String, expected: Bool?) throws {
        let (value, divisor) = (try number(value), try number(divisor))
        #expect(value.isMultiple(of: divisor) == expected)
    }

    @Test(arguments: [
        "0", "-0", "1", "-1", "10", "1234567890", "0.0", "-0.0", "0.1", "0.10", "1.5", "-12.034", "1e2", "1E2", "1e+2", "1e-2", "0e0", "0e+00",
        "1e05",
        "20e1", "1.0e400", "1e400", "-1e400", "1e-400", "123456789012345678901234567890.123456789012345678901234567890", "18446744073709551616",
    ])
    func keepsTheLiteral(text: String) throws {
        #expect(try number(text).literal == text)
        #expect(try JSON.parse("[ \(text) ]").text == "[\(text)]")
    }

    @Test(arguments: [
        "00", "01", "-01", "-00", "012.5", "+1", "--1", "-", "- 1", ".5", "-.5", "1.", "1.e2", "1..2", "1.2.3", "1e", "1E+", "1e-", "1e1.5", "1ee2",
        "1e2e3", "e1",
        "0x10", "0b1", "1_000", "1,000", "1 000", "1f", "1d", "1L", "-a", "1a", "0e", "[-]", "[1.]", "[1e]", "-NaN", "-Infinity", "1+2", "１", "²",
    ])
    func refuses(text: String) {
        #expect(throws: JSONError.self) { try JSON.parse(text) }
    }

    @Test(
        arguments: [
            ("0", 0), ("-0", 0), ("-0.0", 0), ("0e99", 0), ("0e99999999999999999999", 0), ("0.000e-5", 0), ("100", 100), ("100.0", 100), ("1e2", 100),
            ("1E+2", 100),
            ("0.01e4", 100), ("10000e-2", 100), ("-1.5e1", -15), ("1.5", nil), ("1e-1", nil), ("-0.1", nil), ("1e99999999999999999999", nil),
            ("1e-99999999999999999999", nil), ("1e18", 1_000_000_000_000_000_000), ("1e19", nil), ("9007199254740993", 9_007_199_254_740_993),
            ("9007199254740993.0", 9_007_199_254_740_993),
            ("9223372036854775807", .max), ("9223372036854775807.0", .max), ("9223372036854775808", nil), ("922337203685477580.7e1", .max),
            ("-9223372036854775808", .min), ("-9.223372036854775808e18", .min), ("-9223372036854775809", nil), ("-9223372036854775809.0", nil),
            ("18446744073709551615", nil), ("99999999999999999999999999999999999", nil),
        ] as [(String, Int64?)])
    func int64(text: String, value: Int64?) throws {
        #expect(try number(text).int64 == value)
        #expect(try JSON.parse(text).intValue == value.map { Int($0) })
    }

    @Test(
        arguments: [
            ("0", 0), ("-0", 0), ("-0.0", 0), ("-1", nil), ("-1e0", nil), ("18446744073709551615", .max), ("18446744073709551615.00", .max),
            ("18446744073709551616", nil), ("1.8446744073709551616e19", nil), ("1e19", 10_000_000_000_000_000_000), ("1e20", nil), ("0.5", nil),
        ] as [(String, UInt64?)])
    func uint64(text: String, value: UInt64?) throws {
        #expect(try number(text).uint64 == value)
    }

    @Test(arguments: [
        ("0.1", 0.1), ("-0", -0.0), ("1", 1), ("1e2", 100), ("2.5e-3", 0.0025), ("5e-324", .leastNonzeroMagnitude), ("1e-400", 0),
        ("1.7976931348623157e308", 1.7976931348623157e308),
        ("1e400", .infinity), ("-1e400", -.infinity), ("9007199254740993", 9_007_199_254_740_992), ("3.14159265358979323846264338327950288", .pi),
    ])
    func double(text: String, value: Double) throws {
        let read = try number(text).double
        #expect(read == value)
        #expect(read.sign == value.sign)
        #expect(try JSON.parse(text).doubleValue == (value.isFinite ? value : nil))
    }

    @Test(arguments: [
        ("1", true), ("1.0", true), ("1e2", true), ("1e400", true), ("1e99999999999999999999", true), ("-0.0", true), ("15e-1", false),
        ("150e-1", true), ("0.1", false),
        ("1e-99999999999999999999", false), ("12345678901234567890123", true), ("12345678901234567890123.5", false),
    ])
    func isInteger(text: String, expected: Bool) throws {
        #expect(try number(text).isInteger == expected)
        #expect(try JSON.parse(text).kind == (expected ? "an integer" : "a decimal"))
    }

    @Test(arguments: [
        ("1", "1.0"), ("1", "1e0"), ("1", "10e-1"), ("1", "0.1e1"), ("-0", "0.0"), ("0", "0e7"), ("1e400", "10e399"), ("-1.50", "-15e-1"),
        ("0.1", "0.10"),
        ("1e99999999999999999999", "1e99999999999999999999"),
    ])
    func equalByValue(left: String, right: String) throws {
        #expect(try number(left) == number(right))
        #expect(try JSON.parse(right) == JSON.parse(left))
    }

    @Test(arguments: [
        ("1", "-1"), ("1", "10"), ("1", "2"), ("1", "1.0000000000000000000000001"), ("9007199254740992", "9007199254740993"), ("1e400", "1e401"),
        ("1e-400", "0"),
        ("0.1", "0.1000000000000000055511151231257827"), ("1e99999999999999999999", "1e99999999999999999998"), ("12", "21"),
        ("1e99999999999999999999", "1e-99999999999999999999"), ("1e-99999999999999999999", "1e-99999999999999999998"),
    ])
    func differentByValue(left: String, right: String) throws {
        #expect(try number(left) != number(right))
        #expect(try JSON.parse(right) != JSON.parse(left))
    }

    @Test(arguments: [
        (0, "0.0"), (-0.0, "-0.0"), (1, "1.0"), (-2, "-2.0"), (0.1, "0.1"), (0.1 + 0.2, "0.30000000000000004"), (1.5, "1.5"),
        (100_000_000, "100000000.0"),
        (999_999_999_999_999, "999999999999999.0"), (0.0001, "0.0001"), (1e300, "1e+300"), (.leastNonzeroMagnitude, "5e-324"), (.nan, "null"),
        (.infinity, "null"),
        (-.infinity, "null"),
    ])
    func fromDouble(value: Double, text: String) throws {
        #expect(JSONNumber(value).literal == text)
        #expect(JSON.double(value).text == text)
        #expect(JSON.double(value).isNull == !value.isFinite)
        #expect(try JSON.parse(text) == JSON.double(value))
    }

    @Test func fromIntegers() {
        #expect(JSONNumber(Int64.min).literal == "-9223372036854775808")
        #expect(JSONNumber(Int64.min).int64 == .min)
        #expect(JSONNumber(UInt64.max).literal == "18446744073709551615")
        #expect(JSONNumber(UInt64.max).uint64 == .max)
        #expect(JSON.int(.max).text == "9223372036854775807")
        #expect(JSONNumber(3) == JSONNumber(3.0))
    }

    @Test func randomNumbersComeBack() throws {
        var random = SeededGenerator(seed: 3)
        for _ in 0..<5000 {
            let integer = Int64(bitPattern: random.next()) >> Int64.random(in: 0..<64, using: &random)
            #expect(try number(JSONNumber(integer).literal).int64 == integer)
            let double = Double(bitPattern: random.next())
            if double.isFinite { #expect(try number(JSONNumber(double).literal).double == double) }
        }
    }

    /// Long literals and huge exponents are not expanded.
    @Test(.timeLimit(.minutes(1))) func hostileNumbersAreCheap() throws {
        let digits = String(repeating: "7", count: 200_000)
        let long = try number("\(digits).\(digits)e-199999")
        #expect(long.int64 == nil)
        #expect(!long.isInteger)
        #expect(long.double > 7.7 && long.double < 7.8)
        #expect(try long == number("\(digits).\(digits)e-199999"))
        #expect(try number("1e9000000000000000000").int64 == nil)
        #expect(try number("1e-9000000000000000000") != number("1e9000000000000000000"))
    }
}
