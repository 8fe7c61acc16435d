import ShimmyCore
import ShimmyJSON

/// Decoders of the fields that several endpoints have in common.
enum SharedFields {
    /// Returns the stop texts: one string, or up to four. Empty strings are ignored.
    static func stops(_ fields: FieldReader) throws(APIError) -> [String] {
        guard let value = fields.value("stop") else { return [] }
        let path = fields.path(to: "stop")
        if let single = value.stringValue { return single.isEmpty ? [] : [single] }
        guard let array = value.arrayValue else { throw .wrongType(path, expected: "a string or an array of strings", got: value) }
        if array.count > 4 { throw .arrayTooLong(path, maximum: 4, got: array.count) }
        var stops: [String] = []
        for (index, element) in array.enumerated() {
            guard let stop = element.stringValue else { throw .wrongType(path.index(index), expected: "a string", got: element) }
            if !stop.isEmpty { stops.append(stop) }
        }
        return stops
    }

    /// Returns `metadata`: up to 16 texts of up to 512 Unicode scalars, under names of up to 64; an empty object if the field is absent.
    static func metadata(_ fields: FieldReader) throws(APIError) -> JSON {
        guard let value = fields.value("metadata") else { return [:] }
        let path = fields.path(to: "metadata")
        guard let object = value.objectValue else { throw .wrongType(path, expected: "an object", got: value) }
        if object.count > 16 {
            throw APIError(
                status: 400,
                message: "Invalid '\(path)': too many properties. Expected an object with at most 16 properties, but got "
                    + "\(object.count).", param: "\(path)", code: "object_above_max_properties")
        }
        for (key, value) in object {
            if key.unicodeScalars.count > 64 { throw .stringTooLong(path, maximum: 64, got: key.unicodeScalars.count) }
            guard let text = value.stringValue else { throw .wrongType(path.key(key), expected: "a string", got: value) }
            if text.unicodeScalars.count > 512 { throw .stringTooLong(path.key(key), maximum: 512, got: text.unicodeScalars.count) }
        }
        return value
    }

    /// Checks the fields that name the end user. The server counts usage by them (`RequestReader`).
    static func checkEndUser(_ fields: FieldReader, _ names: String...) throws(APIError) {
        for name in names { _ = try fields.string(name) }
    }

    private enum OverContext: String, CaseIterable { case refuse, clamp }

    /// Returns whether `max_tokens_over_context` is `clamp`: a max number of tokens that exceeds the remaining context is reduced to it.
    static func clampsMaximumTokens(_ fields: FieldReader) throws(APIError) -> Bool {
        fields.value("max_tokens_over_context") == nil ? false : try fields.choice("max_tokens_over_context", as: OverContext.self) == .clamp
    }

    /// Returns `keep_alive`, as in Ollama: seconds, or a duration such as `5m`; negative for ever. Nil if the field is absent.
    static func keepAlive(_ fields: FieldReader) throws(APIError) -> KeepAlive? {
        guard let value = fields.value("keep_alive") else { return nil }
        let path = fields.path(to: "keep_alive")
        let keepAlive: KeepAlive?
        switch value {
        case .number(let number): keepAlive = KeepAlive(seconds: number.double)
        case .string(let text): keepAlive = KeepAlive(text)
        default: throw .wrongType(path, expected: "a number or a string", got: value)
        }
        if let keepAlive { return keepAlive }
        throw APIError(
            status: 400,
            message: "Invalid '\(path)': it must be a number of seconds or a duration such as '90s', '5m' or '1h30m'; a negative value means "
                + "for ever.",
            param: "\(path)", code: "invalid_value")
    }

    /// Returns `stream`, and whether the stream ends with its usage.
    /// - tellsUsage: whether the endpoint supports `include_usage`.
    static func stream(_ fields: FieldReader, tellsUsage: Bool = true) throws(APIError) -> (stream: Bool, includeUsage: Bool) {
        let stream = try fields.bool("stream") ?? false
        guard let options = try fields.nested("stream_options") else { return (stream, false) }
        let includeUsage = tellsUsage ? try options.bool("include_usage") ?? false : false
        _ = try options.bool("include_obfuscation")
        if !stream {
            throw APIError(
                status: 400, message: "The 'stream_options' parameter is only allowed when 'stream' is enabled.",
                param: "\(fields.path(to: "stream_options"))")
        }
        return (stream, includeUsage)
    }
}
