import ShimmyJSON

/// Keeps the regular expressions of schemas away from llama.cpp, which refuses many and prints a warning for others that it does not hold
/// answers to. Shimmy's own grammar holds answers to them (`HeldSchemas`).
///
/// Where templates write schemas into the prompt, the keyword gets a suffix that is taken out of the prompt again.
enum HiddenPatterns {
    private static let keyword = "pattern"
    /// U+FDD2 stands for no character in any text.
    private static let (suffix, escapedSuffix) = (String(Character(Unicode.Scalar(0xFDD2)!)), #"\ufdd2"#)

    /// The schemas of tools, or of an answer, with the keyword under another name.
    static func hidden(in json: JSON) -> JSON { changed(json, name: keyword + suffix) }

    /// The same without the keyword.
    static func removed(from json: JSON) -> JSON { changed(json, name: nil) }

    static func restored(in prompt: String) -> String {
        prompt.replacing(keyword + suffix, with: keyword).replacing(keyword + escapedSuffix, with: keyword)
    }

    /// A property may have the same name; its value is a schema, not a text.
    private static func changed(_ json: JSON, name: String?) -> JSON {
        switch json {
        case .array(let values): .array(values.map { changed($0, name: name) })
        case .object(let object):
            .object(
                object.reduce(into: JSONObject()) { result, member in
                    if member.key == keyword, case .string = member.value {
                        if let name { result[name] = member.value }
                    } else {
                        result[member.key] = changed(member.value, name: name)
                    }
                })
        default: json
        }
    }
}
