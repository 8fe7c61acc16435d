import ShimmyJSON
import TOMLKit

/// A converter of TOML texts to JSON values.
enum TOMLText {
    static func parse(_ text: String, file: String) throws(ConfigurationProblem) -> JSONObject {
        if let line = lineOfBrokenHeader(text) {
            throw ConfigurationProblem(file: file, line: line, path: "", message: "the name of a table is missing after '['")
        }
        do {
            let table = try TOMLTable(string: text)
            // The tables and values inside point into `table`.
            return withExtendedLifetime(table) { object(table) }
        } catch let error as TOMLParseError {
            let message = error.description.split(separator: "\n").first.map(String.init) ?? "the file is not TOML"
            throw ConfigurationProblem(file: file, line: error.source.begin.line, path: "", message: message)
        } catch {
            throw ConfigurationProblem(file: file, line: nil, path: "", message: "the file is not TOML")
        }
    }

    /// Returns the line of the first table header that does not begin with a name; nil if there is none. toml++ fails an assertion for such a header,
    /// which ends the process.
    ///
    /// A line within an array may look the same. The text before a header is complete TOML; the text before such a line is not.
    private static func lineOfBrokenHeader(_ text: String) -> Int? {
        var before = ""
        for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            if isBrokenHeader(line), (try? TOMLTable(string: before)) != nil { return index + 1 }
            before += line + "\n"
        }
        return nil
    }

    private static func isBrokenHeader(_ line: Substring) -> Bool {
        func isSpace(_ scalar: Unicode.Scalar) -> Bool { scalar == " " || scalar == "\t" }
        var rest = line.unicodeScalars.drop(while: isSpace)
        guard rest.popFirst() == "[" else { return false }
        rest = rest.drop(while: isSpace)
        if rest.first == "[" { rest = rest.dropFirst().drop(while: isSpace) }
        guard let first = rest.first else { return true }
        return !(first.isASCII && (first.properties.isAlphabetic || ("0"..."9").contains(first)) || "-_\"'".unicodeScalars.contains(first))
    }

    private static func object(_ table: TOMLTable) -> JSONObject {
        var object = JSONObject()
        for key in table.keys { object[key] = table[key].map(value) }
        return object
    }

    private static func value(_ value: any TOMLValueConvertible) -> JSON {
        if let table = value.table { return .object(object(table)) }
        if let array = value.array { return .array(array.map(Self.value)) }
        if let string = value.string { return .string(string) }
        if let bool = value.bool { return .bool(bool) }
        if let integer = value.int { return .int(integer) }
        if let double = value.double, double.isFinite { return .double(double) }
        // JSON cannot express dates, infinities and the like, and no setting takes them, so they are refused like any wrong type.
        return .object(["toml": .string(value.debugDescription)])
    }
}
