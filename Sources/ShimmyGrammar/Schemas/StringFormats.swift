/// The formats of strings that JSON Schema names, as regular expressions of the whole text.
enum StringFormats {
    /// Nil for a format that is not known; empty for one that says nothing of the text.
    static func pattern(of format: String) -> String? {
        switch format {
        case "date": date
        case "time": time
        case "date-time": "(\(date))[Tt](\(time))"
        case "duration": duration
        case "email": "\(word)(\\.\(word))*@\(label)(\\.\(label))+"
        case "hostname": "\(label)(\\.\(label)){0,3}"
        case "ipv4": "\(octet)(\\.\(octet)){3}"
        case "ipv6": ipv6
        case "uuid": "[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
        case "uri", "iri", "url": uri
        case "uri-reference": "(\(uri)|(\(path))(\\?\(query))?(#\(query))?)"
        case "json-pointer": "(/([^~/]|~[01])*)*"
        // Marks for people and for codecs.
        case "password", "byte", "binary", "float", "double", "decimal", "char": ""
        default: nil
        }
    }

    /// Bounds of integers that some formats stand for.
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

    // RFC 3339; days as each month has them.
    private static let year = "(000[1-9]|00[1-9][0-9]|0[1-9][0-9]{2}|[1-9][0-9]{3})"
    private static let leapYear = "([0-9]{2}(0[48]|[2468][048]|[13579][26])|([02468][48]|[2468]0|[13579][26])00)"
    private static let date =
        "(\(year)-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-8]))|\(leapYear)-02-29)"
    private static let time = "([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,6})?([Zz]|[+-]([01][0-9]|2[0-3]):[0-5][0-9])"

    // RFC 3339, appendix A.
    private static let clock = "T([0-9]{1,6}H([0-9]{1,6}M([0-9]{1,6}S)?)?|[0-9]{1,6}M([0-9]{1,6}S)?|[0-9]{1,6}S)"
    private static let days = "([0-9]{1,6}D|[0-9]{1,6}M([0-9]{1,6}D)?|[0-9]{1,6}Y([0-9]{1,6}M([0-9]{1,6}D)?)?)"
    private static let duration = "P(\(days)(\(clock))?|\(clock)|[0-9]{1,6}W)"

    private static let word = "[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]{1,40}"
    private static let label = "[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
    private static let octet = "(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"

    private static let ipv6: String = {
        let group = "[0-9a-fA-F]{1,4}"
        // With "::" in each of its places; what is left out is at least one group.
        var parts = ["(\(group):){7}\(group)"]
        for before in 0...6 {
            let after = 6 - before
            let head = before == 0 ? "" : "\(group)(:\(group)){0,\(before - 1)}"
            let tail = after == 0 ? "" : "(\(group)(:\(group)){0,\(after - 1)})?"
            parts.append("\(head)::\(tail)")
        }
        return "(" + parts.joined(separator: "|") + "|::)"
    }()

    // RFC 3986, without IP literals.
    private static let pathCharacter = "([A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})"
    private static let path = "(\(pathCharacter)|/\(pathCharacter))*/?"
    private static let query = "(\(pathCharacter)|[/?])*"
    private static let uri =
        "[A-Za-z][A-Za-z0-9+.-]{0,30}:(//([A-Za-z0-9._~-]|%[0-9A-Fa-f]{2})+(:[0-9]{1,5})?(/\(pathCharacter)*)*|\(pathCharacter)(\(pathCharacter)|/)*)(\\?\(query))?(#\(query))?"
}
