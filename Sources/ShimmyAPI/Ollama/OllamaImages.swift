import ShimmyChat
import ShimmyJSON

/// The translation of the images of Ollama's API, which are base64 without a media type, to parts of a message.
enum OllamaImages {
    /// The beginnings of images in base64, and their media types.
    private static let types = [
        ("iVBORw0KGgo", "image/png"), ("/9j/", "image/jpeg"), ("R0lGOD", "image/gif"), ("UklGR", "image/webp"), ("Qk", "image/bmp"),
    ]

    /// Returns the parts for the field `images`; none if it is absent or empty.
    /// - row: the name of the field in the error for a model that reads no images.
    static func parts(_ fields: FieldReader, row: String) throws(APIError) -> [JSON] {
        guard let value = fields.value("images"), value != [] else { return [] }
        guard fields.media.contains(.image) else {
            var error = APIError.unsupportedParameter(.key(row))
            error.message += " The model reads text only."
            throw error
        }
        let path = fields.path(to: "images")
        var parts: [JSON] = []
        for (index, text) in try FieldReader.strings(in: value, at: path).enumerated() {
            let url = try url(text, path.index(index))
            parts.append(["type": "image_url", "image_url": ["url": .string(url)]])
        }
        return parts
    }

    /// Returns the data URL of an image. Some clients send data URLs themselves.
    private static func url(_ text: String, _ path: JSONPath) throws(APIError) -> String {
        let base64 = DataURL(text)?.base64 ?? text[...]
        try MediaDecoder.check(base64: base64, path)
        guard let type = types.first(where: { base64.hasPrefix($0.0) }) else {
            throw MediaDecoder.invalid(path, "it is not an image of a known type (PNG, JPEG, GIF, WebP, BMP)")
        }
        return "data:\(type.1);base64,\(base64)"
    }
}
