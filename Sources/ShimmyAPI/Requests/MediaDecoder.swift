import ShimmyChat
import ShimmyCore
import ShimmyJSON

/// A decoder of images and recordings in messages. It checks their form and size, but neither decodes nor fetches them.
enum MediaDecoder {
    private enum Detail: String, CaseIterable { case auto, low, high, original }

    // MARK: Parts

    /// Decodes the field `image_url` of a chat completion: an object with a URL, or the URL itself.
    static func chatImage(_ part: FieldReader) throws(APIError) -> MediaPart {
        let value = try part.required("image_url")
        if value.stringValue != nil { return try image(part, "image_url", detail: nil) }
        guard let object = try part.nested("image_url") else { throw .missing(part.path(to: "image_url")) }
        return try image(object, "url", detail: try detail(object))
    }

    /// Decodes a part `input_image` of the Responses API.
    static func inputImage(_ part: FieldReader) throws(APIError) -> MediaPart {
        if let id = part.object["file_id"], !id.isNull {
            let path = "\(part.path(to: "file_id"))"
            throw APIError(
                status: 400,
                message: "Unsupported parameter: '\(path)': this server stores no files. Send the image in 'image_url', as a web address or a data "
                    + "URL.",
                param: path, code: "unsupported_parameter")
        }
        return try image(part, "image_url", detail: try detail(part))
    }

    /// Decodes the field `input_audio`, which is the same in chat completions and in the Responses API.
    static func audio(_ part: FieldReader) throws(APIError) -> MediaPart {
        guard let audio = try part.nested("input_audio") else { throw .missing(part.path(to: "input_audio")) }
        let data = try audio.requiredString("data")
        try check(base64: data[...], audio.path(to: "data"))
        let format = try audio.requiredString("format")
        guard isName(format) else { throw invalid(audio.path(to: "format"), "it is not the name of an audio format, such as 'wav' or 'mp3'") }
        return MediaPart(.audio(data: data, format: format))
    }

    private static func image(_ fields: FieldReader, _ name: String, detail: String?) throws(APIError) -> MediaPart {
        let (url, path) = (try fields.requiredString(name), fields.path(to: name))
        if DataURL.isDataURL(url) {
            guard let data = DataURL(url), data.type.hasPrefix("image/"), isName(data.type.dropFirst(6)) else {
                throw invalid(path, "it is not a data URL of an image in base64, such as 'data:image/png;base64,…'")
            }
            try check(base64: data.base64, path)
        } else {
            let most = InputLimits.standard.mediaAddressBytes
            if url.utf8.count > most { throw .stringTooLong(path, maximum: most, got: url.utf8.count) }
            guard isWebAddress(url) else { throw invalid(path, "it is neither a web address (http or https) nor a data URL") }
        }
        return MediaPart(.image(url: url, detail: detail))
    }

    private static func detail(_ fields: FieldReader) throws(APIError) -> String? {
        fields.value("detail") == nil ? nil : try fields.choice("detail", as: Detail.self).rawValue
    }

    // MARK: Checks

    /// Throws a 400 if a text is not base64 or exceeds the limit of its length.
    static func check(base64: Substring, _ path: JSONPath) throws(APIError) {
        let (count, most) = (base64.utf8.count, InputLimits.standard.mediaBytes)
        if count > most { throw .stringTooLong(path, maximum: most, got: count) }
        guard isBase64(base64) else { throw invalid(path, "its data is not base64 with padding") }
    }

    /// Throws a 400 if the messages have too many images and recordings. Those in tools' outputs do not count, because the oldest ones are omitted.
    static func checkCount(_ messages: [ChatMessage], _ field: String) throws(APIError) {
        let (count, most) = (messages.reduce(0) { $0 + ($1.role == .tool ? 0 : $1.media.count) }, InputLimits.standard.mediaParts)
        guard count > most else { return }
        throw APIError(
            status: 400, message: "Invalid '\(field)': it has \(count) images and recordings; the maximum is \(most).", param: field,
            code: "limit_exceeded")
    }

    private static func isBase64(_ text: Substring) -> Bool {
        var text = text
        return text.withUTF8 { bytes in
            guard !bytes.isEmpty, bytes.count.isMultiple(of: 4) else { return false }
            var end = bytes.count
            for _ in 0..<2 where bytes[end - 1] == UInt8(ascii: "=") { end -= 1 }
            return bytes[..<end].allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
                default: byte == UInt8(ascii: "+") || byte == UInt8(ascii: "/")
                }
            }
        }
    }

    /// Returns whether a text can be the subtype of a media type, or the name of a format.
    static func isName(_ text: some StringProtocol) -> Bool {
        !text.isEmpty && text.utf8.count <= 64
            && text.unicodeScalars.allSatisfy { scalar in
                scalar.isASCII && (scalar.properties.isAlphabetic || scalar.properties.numericType != nil || "+-._".unicodeScalars.contains(scalar))
            }
    }

    private static func isWebAddress(_ url: String) -> Bool {
        let scheme = url.prefix { $0 != ":" }.lowercased()
        guard scheme == "http" || scheme == "https" else { return false }
        let rest = url.utf8.dropFirst(scheme.utf8.count)
        return rest.starts(with: "://".utf8) && rest.count > 3 && !url.unicodeScalars.contains { $0.value <= 0x20 || $0.value == 0x7f }
    }

    static func invalid(_ path: JSONPath, _ reason: String) -> APIError {
        APIError(status: 400, message: "Invalid '\(path)': \(reason).", param: "\(path)", code: "invalid_value")
    }
}
