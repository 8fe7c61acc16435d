import ShimmyJSON

/// The stop strings of a request of another API, which allows more of them than a chat completion.
struct StopStrings: Sendable, Equatable {
    private var all: [String] = []

    /// The max number of stop strings, and of bytes of each.
    private static let most = 64
    private static let longest = 1024
    /// The max number of stop strings of a chat completion.
    private static let mostOfChat = 4

    init() {}

    /// Reads an array of strings; empty strings are ignored.
    /// - takesString: whether the field may also be one string.
    init(_ fields: FieldReader, _ name: String, takesString: Bool) throws(APIError) {
        guard let value = fields.value(name) else { return }
        let path = fields.path(to: name)
        let single = takesString ? value.stringValue.map { [JSON.string($0)] } : nil
        guard let elements = single ?? value.arrayValue else {
            throw .wrongType(path, expected: takesString ? "a string or an array of strings" : "an array of strings", got: value)
        }
        if elements.count > Self.most { throw .arrayTooLong(path, maximum: Self.most, got: elements.count) }
        for (index, element) in elements.enumerated() {
            guard let stop = element.stringValue else { throw .wrongType(path.index(index), expected: "a string", got: element) }
            let length = stop.utf8.count
            if length > Self.longest { throw .stringTooLong(path.index(index), maximum: Self.longest, got: length) }
            if length > 0 { all.append(stop) }
        }
    }

    private var first: [String] { Array(all.prefix(Self.mostOfChat)) }

    /// The value for the JSON of a chat completion: the first of the strings.
    var json: JSON { .array(first.map(JSON.string)) }

    /// Returns the stop strings of a decoded chat completion, with those that its JSON could not contain.
    /// - decoded: the completion's stop strings, which a preset may have replaced.
    func all(of decoded: [String]) -> [String] { decoded == first ? all : decoded }
}
