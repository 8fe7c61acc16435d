import ShimmyJSON
import TOMLKit

/// A TOML text as values that everything else can read.
enum TOMLText {
    static func parse(_ text: String, file: String) throws(ConfigurationProblem) -> JSONObject {
        do {
            let table = try TOMLTable(string: text)
            // Tables and values within it point into it.
            return withExtendedLifetime(table) { object(table) }
        } catch let error as TOMLParseError {
            let message = error.description.split(separator: "\n").first.map(String.init) ?? "it is no TOML"
            throw ConfigurationProblem(file: file, line: error.source.begin.line, path: "", message: message)
        } catch {
            throw ConfigurationProblem(file: file, line: nil, path: "", message: "it is no TOML")
        }
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
        // Dates, infinities and such: JSON has no word for them and no setting takes them, so they are refused like any wrong type.
        return .object(["toml": .string(value.debugDescription)])
    }
}
