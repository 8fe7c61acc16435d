import ShimmyCore

/// Reads OpenTelemetry's environment variables.
struct TraceVariables {
    private let environment: [String: String]

    init(_ environment: [String: String]) { self.environment = environment }

    /// Returns the text of a variable without blanks around it; nil if it is unset or empty.
    subscript(name: String) -> String? {
        guard let text = environment[name].map({ Self.trimmed(Substring($0)) }), !text.isEmpty else { return nil }
        return String(text)
    }

    /// Throws if a variable has another value than the only supported one.
    func require(_ name: String, _ only: String) throws(TraceSettingsError) {
        guard let text = self[name], text != only else { return }
        throw TraceSettingsError("\(name) has an unsupported value; Shimmy supports only \(only).")
    }

    func integer(_ name: String, _ range: ClosedRange<Int>) throws(TraceSettingsError) -> Int? {
        guard let text = self[name] else { return nil }
        guard let number = Int(text), range.contains(number) else {
            throw TraceSettingsError("\(name) must be an integer from \(range.lowerBound) to \(range.upperBound).")
        }
        return number
    }

    func milliseconds(_ name: String) throws(TraceSettingsError) -> Duration? {
        guard let number = try integer(name, 1...600_000) else { return nil }
        return .milliseconds(number)
    }

    func ratio(_ name: String) throws(TraceSettingsError) -> Double? {
        guard let text = self[name] else { return nil }
        guard let ratio = Double(text), (0...1).contains(ratio) else { throw TraceSettingsError("\(name) must be a number from 0 to 1.") }
        return ratio
    }

    // MARK: Lists of pairs

    private static let mostPairs = 64

    /// Returns headers as `name=value,name=value`, whose values are percent-encoded; nil if the variable is not set.
    func headers(_ name: String) throws(TraceSettingsError) -> [TraceSettings.Header]? {
        guard let text = self[name] else { return nil }
        var headers: [TraceSettings.Header] = []
        for part in text.split(separator: ",").prefix(Self.mostPairs) {
            let header = try Self.header(part, in: name)
            headers.append(TraceSettings.Header(name: header.name, value: Self.decoded(header.value)))
        }
        for header in headers { try Self.check(header, in: name) }
        return headers
    }

    /// Returns a header as `NAME=VALUE`.
    /// - setting: the setting or variable, for the error message. The message does not contain the header, which can be a secret.
    static func header(_ text: Substring, in setting: String) throws(TraceSettingsError) -> TraceSettings.Header {
        guard let equals = text.firstIndex(of: "=") else { throw TraceSettingsError("\(setting) must contain headers as NAME=VALUE.") }
        let header = TraceSettings.Header(name: String(trimmed(text[..<equals])), value: String(trimmed(text[text.index(after: equals)...])))
        try check(header, in: setting)
        return header
    }

    private static func check(_ header: TraceSettings.Header, in setting: String) throws(TraceSettingsError) {
        let isName = !header.name.isEmpty && header.name.utf8.allSatisfy(isTokenByte)
        guard isName, header.value.utf8.allSatisfy({ (0x20...0x7e).contains($0) }) else {
            throw TraceSettingsError("\(setting) contains a header that HTTP does not allow; names are tokens, and values visible ASCII characters.")
        }
    }

    /// The properties in `OTEL_RESOURCE_ATTRIBUTES`, as `name=value,name=value`. Malformed parts are skipped.
    var resource: [TraceAttribute] {
        guard let text = self["OTEL_RESOURCE_ATTRIBUTES"] else { return [] }
        var attributes: [TraceAttribute] = []
        for part in text.split(separator: ",").prefix(Self.mostPairs) {
            guard let equals = part.firstIndex(of: "=") else { continue }
            let name = String(Self.trimmed(part[..<equals]))
            if name.isEmpty || attributes.contains(where: { $0.name == name }) { continue }
            attributes.append(TraceAttribute(name, Self.decoded(String(Self.trimmed(part[part.index(after: equals)...])))))
        }
        return attributes
    }

    /// Returns the text with its percent-encoding decoded, or the text itself if the result would not be UTF-8.
    private static func decoded(_ text: String) -> String {
        PercentEncoding.decoded(text[...], keepsMalformed: true) ?? text
    }

    private static func trimmed(_ text: Substring) -> Substring {
        let start = text.drop(while: \.isWhitespace)
        guard let last = start.lastIndex(where: { !$0.isWhitespace }) else { return "" }
        return start[...last]
    }

    private static func isTokenByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
        default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
        }
    }
}
