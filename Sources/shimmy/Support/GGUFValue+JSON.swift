import ShimmyFormats
import ShimmyJSON

extension GGUFValue {
    /// The value as JSON; nil for an array, of which only the length is known.
    var scalar: JSON? {
        switch self {
        case .integer(let value): .int(Int(value))
        case .unsigned(let value): Int(exactly: value).map(JSON.int) ?? .double(Double(value))
        // The shortest text that identifies the float: 1e-05, not the nearest double in full.
        case .float(let value): (try? JSON.parse("\(value)")) ?? .null
        case .double(let value): .double(value)
        case .bool(let value): .bool(value)
        case .string(let value): .string(value)
        case .array: nil
        }
    }
}
