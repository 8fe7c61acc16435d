import Synchronization

/// The string formats of JSON Schema, as regular expressions that match the whole text.
enum StringFormats {
    /// Returns the regular expression of a format; nil for a format that is not enforced.
    static func pattern(of format: String) -> String? {
        switch format {
        case "date": date
        case "time": time
        case "date-time": "(\(date))[Tt](\(time))"
        case "duration": duration
        case "email": "(\(word)(\\.\(word))*|\(quotedWord))@(\(hostname)|\\[(\(ipv4)|IPv6:(\(ipv6)))\\])"
        case "idn-email": "\(anyWord)(\\.\(anyWord))*@\(anyLabel)(\\.\(anyLabel))*"
        case "hostname": hostname
        case "ipv4": ipv4
        case "ipv6": ipv6
        case "uuid": "[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
        case "uri", "url": uri(ascii)
        case "iri": uri(unicode)
        case "uri-reference": "(\(uri(ascii))|\(relative(ascii)))"
        case "iri-reference": "(\(uri(unicode))|\(relative(unicode)))"
        case "json-pointer": jsonPointer
        case "relative-json-pointer": "(0|[1-9][0-9]*)(#|\(jsonPointer))"
        case "regex": RegexFormat.pattern
        case "uri-template": uriTemplate
        default: nil
        }
    }

    /// Whether a format does not constrain the text in an enforceable way: hints for users and codecs.
    static func isAnnotation(_ format: String) -> Bool {
        ["password", "byte", "binary", "float", "double", "decimal", "char", ""].contains(format) || unenforced.contains(format)
    }

    /// Formats of JSON Schema that an automaton cannot check.
    static let unenforced: Set<String> = ["idn-hostname"]

    /// Returns the bounds of an integer format; nil for other formats.
    static func range(of format: String) -> (low: String, high: String)? {
        switch format {
        case "int8": ("-128", "127")
        case "int16": ("-32768", "32767")
        case "int32": ("-2147483648", "2147483647")
        case "int64": ("-9223372036854775808", "9223372036854775807")
        case "uint8": ("0", "255")
        case "uint16": ("0", "65535")
        case "uint32": ("0", "4294967295")
        case "uint64": ("0", "18446744073709551615")
        default: nil
        }
    }

    /// The automata of the formats used so far.
    static let automata = FormatAutomata()

    // RFC 3339, with the days of each month.
    private static let year = "(000[1-9]|00[1-9][0-9]|0[1-9][0-9]{2}|[1-9][0-9]{3})"
    private static let leapYear = "([0-9]{2}(0[48]|[2468][048]|[13579][26])|([02468][48]|[2468]0|[13579][26])00)"
    private static let date =
        "(\(year)-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-8]))|\(leapYear)-02-29)"
    private static let time = "([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,12})?([Zz]|[+-]([01][0-9]|2[0-3]):[0-5][0-9])"

    // RFC 3339, appendix A.
    private static let clock = "T([0-9]+H([0-9]+M([0-9]+S)?)?|[0-9]+M([0-9]+S)?|[0-9]+S)"
    private static let days = "([0-9]+D|[0-9]+M([0-9]+D)?|[0-9]+Y([0-9]+M([0-9]+D)?)?)"
    private static let duration = "P(\(days)(\(clock))?|\(clock)|[0-9]+W)"

    // RFC 5321 and RFC 1123.
    private static let word = "[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
    private static let quotedWord = "\"([ !#-\\[\\]-~]|\\\\[ -~])*\""
    private static let anyWord = "([A-Za-z0-9!#$%&'*+/=?^_`{|}~-]|[^\\x00-\\x7f])+"
    private static let label = "[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
    private static let anyLabel = "([A-Za-z0-9]|[^\\x00-\\x7f])(([A-Za-z0-9-]|[^\\x00-\\x7f])*([A-Za-z0-9]|[^\\x00-\\x7f]))?"
    private static let hostname = "\(label)(\\.\(label))*"
    private static let octet = "(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
    private static let ipv4 = "\(octet)(\\.\(octet)){3}"

    /// The max length of a host name in characters: 255 bytes of a DNS message, with a byte for the length of each label and of the root.
    static let hostnameLength = 253

    // RFC 4291.
    private static let ipv6: String = {
        let group = "[0-9a-fA-F]{1,4}"
        // "::" stands for at least one group, at each possible index; an IPv4 address stands for the last two groups.
        func addresses(_ total: Int, _ end: String) -> [String] {
            let last = end.isEmpty ? "" : ":\(end)"
            var parts = ["(\(group):){\(total - 1)}\(group)\(last)"]
            for before in 0..<total {
                let head = before == 0 ? "" : "\(group)(:\(group)){0,\(before - 1)}"
                let after = total - 1 - before
                if end.isEmpty {
                    parts.append("\(head)::" + (after == 0 ? "" : "(\(group)(:\(group)){0,\(after - 1)})?"))
                } else {
                    parts.append("\(head)::(\(group):){0,\(after)}\(end)")
                }
            }
            return parts
        }
        return "(" + (addresses(8, "") + addresses(6, ipv4)).joined(separator: "|") + ")"
    }()

    // RFC 3986 and RFC 3987.
    private static let ascii = "[A-Za-z0-9._~!$&'()*+,;=-]"
    private static let unicode = "[A-Za-z0-9._~!$&'()*+,;=\\u00a0-\\ud7ff\\uf900-\\ufdcf\\ufdf0-\\uffef-]"
    private static let escape = "%[0-9A-Fa-f]{2}"

    private static func pathCharacter(_ characters: String) -> String { "(\(characters)|[:@]|\(escape))" }

    private static func tail(_ characters: String) -> String {
        let rest = "(\(pathCharacter(characters))|[/?])*"
        return "(\\?\(rest))?(#\(rest))?"
    }

    private static func authority(_ characters: String) -> String {
        "(((\(characters)|:|\(escape))*@)?(\\[(\(ipv6)|v[0-9A-Fa-f]+\\.[A-Za-z0-9._~!$&'()*+,;=:-]+)\\]|(\(characters)|\(escape))*)(:[0-9]*)?)"
    }

    private static func uri(_ characters: String) -> String {
        let one = pathCharacter(characters)
        return "[A-Za-z][A-Za-z0-9+.-]*:(//\(authority(characters))(/\(one)*)*|/(\(one)+(/\(one)*)*)?|\(one)+(/\(one)*)*)?\(tail(characters))"
    }

    private static func relative(_ characters: String) -> String {
        let one = pathCharacter(characters)
        let first = "(\(characters)|@|\(escape))"
        return "(//\(authority(characters))(/\(one)*)*|/(\(one)+(/\(one)*)*)?|\(first)+(/\(one)*)*)?\(tail(characters))"
    }

    // RFC 6570.
    private static let uriTemplate: String = {
        let name = "([A-Za-z0-9_]|\(escape))(\\.?([A-Za-z0-9_]|\(escape)))*"
        let variable = "\(name)(:[1-9][0-9]{0,3}|\\*)?"
        let literal = "[!#$&(-;=?-\\[\\]_a-z~\\u00a0-\\ud7ff\\ue000-\\ufdcf\\ufdf0-\\uffef]"
        return "(\(literal)|\(escape)|\\{[+#./;?&]?\(variable)(,\(variable))*\\})*"
    }()

    // RFC 6901.
    private static let jsonPointer = "(/([^~/]|~[01])*)*"
}

/// A cache of the formats' automata, which all schemas share. The number of formats bounds its size.
final class FormatAutomata: Sendable {
    private let known = Mutex<[String: CharacterAutomaton]>([:])

    func automaton(of format: String) -> CharacterAutomaton? { known.withLock { $0[format] } }

    func keep(_ automaton: CharacterAutomaton, of format: String) { known.withLock { $0[format] = automaton } }
}
