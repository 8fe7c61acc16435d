import ShimmyChat
import ShimmyJSON

/// Prevents control tokens in text from clients.
///
/// The text of a control token in a message must not become that token. Otherwise a client, or a web page fetched by a tool, could write turns of its
/// own. Templates move, trim, split and serialize their input, so the position of a client's text in the prompt cannot be computed. Instead, a mark
/// is inserted into the client's text before each text of a control token, and templates pass it on like a letter. The marks are removed from the
/// rendered prompt, and the tokenizer does not read a control token at their positions (`ControlTokens.parts`).
///
/// Deleting a tag can join the two halves of a control token, as in `<|im_<think></think>end|>`. A partial control token therefore gets a mark as
/// well if a tag of the template or the end of the text follows it.
struct ClientText: Sendable {
    let controls: ControlTokens
    /// Tags in the template's source, which the template may delete from its input.
    private let tags: ByteTrie

    init(controls: ControlTokens, templateSource: String) {
        self.controls = controls
        var tags = ByteTrie()
        for literal in Self.literals(in: templateSource) where literal.count >= 3 && !isAlphanumeric(literal[0]) {
            tags.insert(literal, value: 0)
        }
        self.tags = tags
    }

    /// A request with marks.
    struct Marked {
        var request: JSONObject
        fileprivate var mark: Mark
    }

    /// The parts of a template's request that clients write.
    private static let parts = ["messages", "tools", "response_schema", "template_arguments"]

    /// Returns the request with marks in all client text; nil if it needs none.
    func marked(_ request: JSONObject) -> Marked? {
        guard !controls.trie.isEmpty else { return nil }
        let mark = Mark(for: Self.parts.compactMap { request[$0] })
        var result = request
        var isMarked = false
        for name in Self.parts {
            guard let part = request[name] else { continue }
            let marked = marked(part, with: mark)
            if marked != part { (result[name], isMarked) = (marked, true) }
        }
        return isMarked ? Marked(request: result, mark: mark) : nil
    }

    /// Removes the marks from a rendered prompt. Returns the text and the byte offsets in it, in increasing order, at which no control token may
    /// begin.
    static func unmarked(_ text: String, _ marked: Marked) -> (text: String, marks: [Int]) {
        let mark = marked.mark
        func form(beginningWith byte: UInt8) -> [UInt8]? {
            byte == mark.bytes[0] ? mark.bytes : byte == mark.escaped[0] ? mark.escaped : nil
        }
        var (bytes, places): ([UInt8], [Int]) = ([], [])
        var text = text
        text.withUTF8 { text in
            bytes.reserveCapacity(text.count)
            var index = 0
            while index < text.count {
                if let mark = form(beginningWith: text[index]), text[index...].starts(with: mark) {
                    if places.last != bytes.count { places.append(bytes.count) }
                    index += mark.count
                } else {
                    bytes.append(text[index])
                    index += 1
                }
            }
        }
        return (String(decoding: bytes, as: UTF8.self), places)
    }

    // MARK: Marks

    /// A mark: U+FDD1 and a run of U+FDD0, one longer than the longest run of U+FDD0 in the request. Unicode reserves both as noncharacters.
    fileprivate struct Mark {
        var bytes: [UInt8] = [0xEF, 0xB7, 0x91]
        /// The mark's JSON escapes, as a serializer restricted to ASCII writes them.
        var escaped = Array(#"\ufdd1"#.utf8)

        static let (repeated, repeatedEscaped): ([UInt8], [UInt8]) = ([0xEF, 0xB7, 0x90], Array(#"\ufdd0"#.utf8))

        init(for texts: [JSON]) {
            let count = 1 + (texts.map(Self.longestRun).max() ?? 0)
            for _ in 0..<count {
                bytes += Self.repeated
                escaped += Self.repeatedEscaped
            }
        }

        private static func longestRun(in json: JSON) -> Int {
            switch json {
            case .string(let text): max(longestRun(of: repeated, in: text), longestRun(of: repeatedEscaped, in: text))
            case .array(let values): values.map(longestRun).max() ?? 0
            case .object(let object): object.map { max(longestRun(in: .string($0.key)), longestRun(in: $0.value)) }.max() ?? 0
            default: 0
            }
        }

        private static func longestRun(of part: [UInt8], in text: String) -> Int {
            var text = text
            return text.withUTF8 { text in
                var (longest, run, index) = (0, 0, 0)
                while index < text.count {
                    if text[index] == part[0], text[index...].starts(with: part) {
                        run += 1
                        longest = max(longest, run)
                        index += part.count
                    } else {
                        run = 0
                        index += 1
                    }
                }
                return longest
            }
        }
    }

    private func marked(_ json: JSON, with mark: Mark, key: String? = nil) -> JSON {
        switch json {
        // Templates compare these values, so a mark would break the comparison.
        case .string(let text) where key == "role" || key == "type": isIdentifier(text) ? json : .string(marked(text, with: mark))
        case .string(let text) where key == "arguments": .string(markedArguments(text, with: mark))
        case .string(let text): .string(marked(text, with: mark))
        case .array(let values): .array(values.map { marked($0, with: mark) })
        case .object(let object):
            .object(
                object.reduce(into: JSONObject()) { result, member in
                    let name = isIdentifier(member.key) ? member.key : marked(member.key, with: mark)
                    result[name] = marked(member.value, with: mark, key: member.key)
                })
        default: json
        }
    }

    /// Returns a call's arguments with marks. Templates may receive them parsed, and JSON can escape `<` with a backslash.
    private func markedArguments(_ text: String, with mark: Mark) -> String {
        guard text.utf8.contains(0x5C), let json = try? JSON.parse(text) else { return marked(text, with: mark) }
        let marked = marked(json, with: mark)
        return marked == json ? text : marked.text
    }

    private func marked(_ text: String, with mark: Mark) -> String {
        var text = text
        let bytes: [UInt8]? = text.withUTF8 { text in
            let places = places(in: text)
            if places.isEmpty { return nil }
            var bytes: [UInt8] = []
            bytes.reserveCapacity(text.count + places.count * mark.bytes.count)
            var begin = 0
            for place in places {
                bytes += text[begin..<place]
                bytes += mark.bytes
                begin = place
            }
            return bytes + text[begin...]
        }
        return bytes.map { String(decoding: $0, as: UTF8.self) } ?? text
    }

    /// Returns the positions at which a control token begins, or could begin after a tag is deleted or other text is appended.
    private func places(in text: UnsafeBufferPointer<UInt8>) -> [Int] {
        var places: [Int] = []
        for place in text.indices {
            let match = controls.trie.match(text, at: place)
            if match.member != nil {
                places.append(place)
            } else if match.reach > place, !isAlphanumeric(text[place]), tags.match(text, at: place).member == nil {
                let isOpen = match.reach == text.count || (place + 1...match.reach).contains { tags.match(text, at: $0).member != nil }
                if isOpen { places.append(place) }
            }
        }
        return places
    }

    /// Returns the string literals in a template's source.
    private static func literals(in source: String) -> [[UInt8]] {
        var (literals, current): ([[UInt8]], [UInt8]) = ([], [])
        var quote: UInt8?
        var isEscaped = false
        for byte in source.utf8 {
            guard let open = quote else {
                if byte == 0x22 || byte == 0x27 { quote = byte }
                continue
            }
            if isEscaped {
                current.append(byte == 0x6E ? 0x0A : byte == 0x74 ? 0x09 : byte)
                isEscaped = false
            } else if byte == 0x5C {
                isEscaped = true
            } else if byte == open {
                literals.append(current)
                (current, quote) = ([], nil)
            } else {
                current.append(byte)
            }
        }
        return literals
    }
}

private func isIdentifier(_ text: String) -> Bool { text.utf8.allSatisfy { isAlphanumeric($0) || $0 == 0x5F } }

private func isAlphanumeric(_ byte: UInt8) -> Bool {
    (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
}
