// A JSON number as it was written, and its value in Swift's types.

/// A number that keeps its literal, so that neither `18446744073709551615` nor `0.10` changes when it is read and written again.
package struct JSONNumber: Sendable {
    /// The text as it was written.
    package let literal: String

    /// Creates a number from a literal whose grammar the parser has checked.
    init(literal: String) {
        self.literal = literal
    }

    package init(_ value: some FixedWidthInteger) {
        literal = String(value)
    }

    /// Creates a number with the shortest literal that parses to the same double, always with a point or an exponent: `1.0`.
    ///
    /// NaN and the infinities are written as `null`, so that the output stays valid JSON; `JSON.double` turns them into a real `null`.
    package init(_ value: Double) {
        literal = value.isFinite ? value.description : "null"
    }

    /// The exact value of an integer in any notation (`100`, `100.0`, `1e2`); nil for `1.5` and for a value out of range.
    package var int64: Int64? { exactly() }

    /// The same as `int64`, for the integers from 0 to 2^64 - 1.
    package var uint64: UInt64? { exactly() }

    /// The nearest double; infinite for a value outside the range of `Double`.
    package var double: Double { Double(literal) ?? .nan }

    /// Whether the value is integral, in any notation and of any size.
    package var isInteger: Bool { Decimal(literal).isInteger }

    /// Compares exact values. Numbers whose exponents are beyond any text are equal.
    package func isLess(than other: JSONNumber) -> Bool { Decimal(literal).isLess(than: Decimal(other.literal)) }

    /// Returns whether the value is an exact multiple of a divisor; nil if the divisor is zero, or one of the numbers is too long to compute this.
    package func isMultiple(of divisor: JSONNumber) -> Bool? { Decimal(literal).isMultiple(of: Decimal(divisor.literal)) }

    private func exactly<Integer: FixedWidthInteger>() -> Integer? {
        Integer(literal) ?? Decimal(literal).exactly()
    }
}

extension JSONNumber: Equatable {
    /// Compares exact values: `1`, `1.0` and `10e-1` are equal, and 2^53 and 2^53 + 1 are not.
    package static func == (left: JSONNumber, right: JSONNumber) -> Bool {
        if left.literal == right.literal { return true }
        let (left, right) = (Decimal(left.literal), Decimal(right.literal))
        return left == right && !left.isExponentCut
    }
}

/// A number as sign × digits × 10^exponent. The digits have neither leading nor trailing zeros, so that equal values have equal parts.
private struct Decimal: Equatable {
    /// The max absolute exponent: far beyond the length of any text, and far enough from `Int.max` that sums do not overflow.
    private static let exponentLimit = 1 << 60

    var isNegative = false
    /// The digits, 0 to 9 each, the highest first; empty for zero.
    var digits: [UInt8] = []
    var exponent = 0

    init(_ literal: String) {
        var text = literal.utf8[...]
        if text.first == UInt8(ascii: "-") {
            isNegative = true
            text.removeFirst()
        }
        var isFraction = false
        while let byte = text.popFirst() {
            switch byte {
            case UInt8(ascii: "."):
                isFraction = true
            case UInt8(ascii: "e"), UInt8(ascii: "E"):
                exponent += Self.exponent(text)
                text = text.suffix(0)
            default:
                if isFraction { exponent -= 1 }
                if byte != UInt8(ascii: "0") || !digits.isEmpty { digits.append(byte &- UInt8(ascii: "0")) }
            }
        }
        while digits.last == 0 {
            digits.removeLast()
            exponent += 1
        }
        if digits.isEmpty { (isNegative, exponent) = (false, 0) }
        exponent = min(max(exponent, -Self.exponentLimit), Self.exponentLimit)
    }

    /// Returns the exponent in `text`, cut to the limit of its sign if it does not fit.
    private static func exponent(_ text: Substring.UTF8View) -> Int {
        let limit = text.first == UInt8(ascii: "-") ? -exponentLimit : exponentLimit
        guard let value = Int(Substring(text)) else { return limit }
        return min(max(value, -exponentLimit), exponentLimit)
    }

    /// Whether the exponent was cut, so that two different numbers may look equal.
    var isExponentCut: Bool { abs(exponent) == Self.exponentLimit }

    var isInteger: Bool { exponent >= 0 }

    func isLess(than other: Decimal) -> Bool {
        let (sign, otherSign) = (sign, other.sign)
        if sign != otherSign { return sign < otherSign }
        return isNegative ? other.isShorter(than: self) : isShorter(than: other)
    }

    private var sign: Int { digits.isEmpty ? 0 : isNegative ? -1 : 1 }

    /// Whether the absolute value is less.
    private func isShorter(than other: Decimal) -> Bool {
        let (magnitude, otherMagnitude) = (digits.count + exponent, other.digits.count + other.exponent)
        // Without trailing zeros, the digits compare like words.
        return magnitude == otherMagnitude ? digits.lexicographicallyPrecedes(other.digits) : magnitude < otherMagnitude
    }

    /// The max number of digits of a number that is divided, and of its divisor.
    private static let dividedDigits = 10_000
    private static let divisorDigits = 17

    func isMultiple(of divisor: Decimal) -> Bool? {
        if divisor.digits.isEmpty { return nil }
        if digits.isEmpty { return true }
        // Both numbers in units of the smaller power of ten.
        let unit = min(exponent, divisor.exponent)
        let (zeros, divisorZeros) = (exponent - unit, divisor.exponent - unit)
        // A divisor with a larger power of ten than the number's last digit does not divide it.
        if divisorZeros > 0 { return false }
        guard digits.count + zeros <= Self.dividedDigits, divisor.digits.count <= Self.divisorDigits else { return nil }
        let whole = divisor.digits.reduce(UInt64(0)) { $0 * 10 + UInt64($1) }
        var remainder: UInt64 = 0
        for digit in digits { remainder = (remainder * 10 + UInt64(digit)) % whole }
        for _ in 0..<zeros { remainder = remainder * 10 % whole }
        return remainder == 0
    }

    func exactly<Integer: FixedWidthInteger>() -> Integer? {
        // Without the second condition, the loop would multiply out 1e999999999.
        guard isInteger, exponent <= 20 else { return nil }
        var result: Integer = 0
        for digit in digits + Array(repeating: 0, count: exponent) {
            let (product, overflowed) = result.multipliedReportingOverflow(by: 10)
            let digit = Integer(digit)
            let (sum, overflowedAgain) = isNegative ? product.subtractingReportingOverflow(digit) : product.addingReportingOverflow(digit)
            if overflowed || overflowedAgain { return nil }
            result = sum
        }
        return result
    }
}
