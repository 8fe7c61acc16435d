import ShimmyChat
import ShimmyJSON

/// A decoder of an item's content: a text or parts. It refuses content that the model does not read, as chat completions do.
enum ItemContentDecoder {
    /// - isOutput: whether a model generated the content.
    /// - isResult: whether the content is a tool's output. A text takes the place of what the model cannot read in it; see `OmittedPart`.
    /// - media: the kinds of media that the content may contain.
    static func content(
        _ fields: FieldReader, _ name: String, isOutput: Bool, isResult: Bool = false, media: MediaKinds = .none
    ) throws(APIError) -> (contents: [ContentPart], parts: [JSON]) {
        let value = try fields.required(name)
        if let text = value.stringValue { return ([.text(text)], [part(text, isOutput)]) }
        guard let array = value.arrayValue else {
            throw .wrongType(fields.path(to: name), expected: "a string or an array of objects", got: value)
        }
        var contents: [ContentPart] = []
        var parts: [JSON] = []
        for (index, element) in array.enumerated() {
            let reader = try fields.element(element, of: name, at: index)
            contents.append(try content(reader, isOutput, isResult, media))
            var object = reader.object
            if isOutput, object["type"] == "output_text", object["annotations"]?.arrayValue == nil { object["annotations"] = [] }
            parts.append(.object(object))
        }
        return (contents, parts)
    }

    private static func part(_ text: String, _ isOutput: Bool) -> JSON {
        isOutput
            ? ["type": "output_text", "annotations": [], "text": .string(text)]
            : ["type": "input_text", "text": .string(text)]
    }

    private static func content(
        _ part: FieldReader, _ isOutput: Bool, _ isResult: Bool, _ media: MediaKinds
    ) throws(APIError) -> ContentPart {
        let type = try part.requiredString("type")
        if isResult, let text = OmittedPart.text(of: type) {
            if type == "input_image", media.contains(.image), let image = try? MediaDecoder.inputImage(part) { return .media(image) }
            return .text(text)
        }
        let read = [("input_image", MediaKinds.image), ("input_audio", .audio)].filter { media.contains($0.1) }.map { $0.0 }
        if read.contains(type) {
            return .media(type == "input_image" ? try MediaDecoder.inputImage(part) : try MediaDecoder.audio(part))
        }
        let supported = isOutput ? ["output_text", "refusal"] : ["input_text"] + read
        guard supported.contains(type) else {
            let others = ["input_image", "input_file", "input_audio", "computer_screenshot"]
            throw others.contains(type) && !isOutput
                ? .notText(part.path(to: "type"), type, supported: supported)
                : .invalidValue(part.path(to: "type"), type, supported: supported)
        }
        return .text(try part.requiredString(type == "refusal" ? "refusal" : "text"))
    }

    /// Returns the texts of parts that all have the type `type`; empty if the field is absent.
    static func texts(_ fields: FieldReader, _ name: String, type: String) throws(APIError) -> [String] {
        guard let value = fields.value(name) else { return [] }
        guard let array = value.arrayValue else { throw .wrongType(fields.path(to: name), expected: "an array of objects", got: value) }
        var texts: [String] = []
        for (index, element) in array.enumerated() {
            let part = try fields.element(element, of: name, at: index)
            let given = try part.requiredString("type")
            guard given == type else { throw .invalidValue(part.path(to: "type"), given, supported: [type]) }
            texts.append(try part.requiredString("text"))
        }
        return texts
    }
}
