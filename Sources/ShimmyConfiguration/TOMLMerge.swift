package import ShimmyJSON

/// Adds keys to a TOML text and leaves all its other lines as they are, with their comments.
package enum TOMLMerge {
    package struct Refusal: Error, Equatable, CustomStringConvertible {
        package let description: String
    }

    /// The keys of one table.
    private struct Section {
        let path: [String]
        var values: [(key: String, value: JSON)] = []
    }

    /// Returns a text that has the keys of `text` and those of `additions`, and the paths of the values that changed.
    ///
    /// - additions: strings, numbers and booleans; nested objects are tables.
    ///
    /// Throws if `text` is not TOML, or if the result cannot be exactly that.
    package static func merge(_ additions: JSONObject, into text: String) throws(Refusal) -> (text: String, replaced: [String]) {
        let expected = sum(try parse(text), additions)
        var result = text
        var replaced: [String] = []
        for section in sections(of: additions) { try put(section, into: &result, &replaced) }
        guard let merged = try? parse(result), merged == expected else {
            throw Refusal(description: "its tables are written in a form that cannot be extended exactly")
        }
        return (result, replaced)
    }

    private static func parse(_ text: String) throws(Refusal) -> JSONObject {
        do {
            return try TOMLText.parse(text, file: "")
        } catch {
            throw Refusal(description: "it is not valid TOML: \(error.line.map { "line \($0): " } ?? "")\(error.message)")
        }
    }

    private static func sum(_ old: JSONObject, _ additions: JSONObject) -> JSONObject {
        var sum = old
        for (key, value) in additions {
            if case .object(let inner) = value { sum[key] = .object(Self.sum(old[key]?.objectValue ?? [:], inner)) } else { sum[key] = value }
        }
        return sum
    }

    /// Returns the tables of the additions that have values, outer tables first.
    private static func sections(of object: JSONObject, path: [String] = []) -> [Section] {
        var own = Section(path: path)
        var inner: [Section] = []
        for (key, value) in object {
            if case .object(let table) = value { inner += sections(of: table, path: path + [key]) } else { own.values.append((key, value)) }
        }
        return (own.values.isEmpty ? [] : [own]) + inner
    }

    private static func put(_ section: Section, into text: inout String, _ replaced: inout [String]) throws(Refusal) {
        var table = JSON.object(try parse(text))
        for name in section.path {
            guard let next = table[name] else { return append(section, to: &text) }
            table = next
        }
        guard let current = table.objectValue else { throw Refusal(description: "\(shown(section.path)) is not a table") }
        var absent = Section(path: section.path)
        for (key, value) in section.values {
            guard let old = current[key] else {
                absent.values.append((key, value))
                continue
            }
            if old == value { continue }
            try replace(section.path + [key], with: value, in: &text)
            replaced.append(shown(section.path + [key]))
        }
        if !absent.values.isEmpty { try insert(absent, into: &text) }
    }

    // MARK: Lines

    /// Replaces the value of a key, which must have a line of its own without a comment.
    private static func replace(_ path: [String], with value: JSON, in text: inout String) throws(Refusal) {
        var lines = lines(of: text)
        let refusal = Refusal(description: "\(shown(path)) has another value, in a form that cannot be replaced exactly")
        guard let name = path.last, let number = KeyLines(text).line(of: path), lines.indices.contains(number - 1) else { throw refusal }
        let line = lines[number - 1].filter { $0 != "\r" }
        guard !line.utf8.contains(UInt8(ascii: "#")), let equals = line.firstIndex(of: "="),
            let alone = try? TOMLText.parse(line, file: ""), alone.keys == [name]
        else { throw refusal }
        lines[number - 1] = line[...equals] + " \(value.text)" + lineEnd(of: text)
        text = lines.joined(separator: "\n")
    }

    /// Inserts keys into a table that exists: after its header, or, without a header, before the first one.
    private static func insert(_ section: Section, into text: inout String) throws(Refusal) {
        var lines = lines(of: text)
        let end = lineEnd(of: text)
        let new = section.values.map { line($0.key, $0.value) + end }
        if section.path.isEmpty {
            if var place = lines.firstIndex(where: isHeader) {
                // The comment above a table belongs to the table.
                while place > 0, lines[place - 1].hasPrefix("#") { place -= 1 }
                lines.insert(contentsOf: new + [end], at: place)
            } else if lines.last == "" {
                lines.insert(contentsOf: new, at: lines.count - 1)
            } else {
                lines += new + [""]
            }
        } else {
            guard let number = KeyLines(text).line(of: section.path), lines.indices.contains(number - 1), isHeader(lines[number - 1]) else {
                throw Refusal(description: "the table \(shown(section.path)) has no header")
            }
            lines.insert(contentsOf: new, at: number)
        }
        text = lines.joined(separator: "\n")
    }

    /// Appends a table at the end of the text.
    private static func append(_ section: Section, to text: inout String) {
        let end = lineEnd(of: text) + "\n"
        if !text.isEmpty {
            if text.utf8.last != UInt8(ascii: "\n") { text += end }
            text += end
        }
        text += "[\(shown(section.path))]" + end
        for (key, value) in section.values { text += line(key, value) + end }
    }

    /// Splits at line feeds. As a `Character`, CR LF would count as one.
    private static func lines(of text: String) -> [String] {
        text.utf8.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).map { String(decoding: $0, as: UTF8.self) }
    }

    private static func lineEnd(of text: String) -> String { text.utf8.contains(UInt8(ascii: "\r")) ? "\r" : "" }

    private static func isHeader(_ line: String) -> Bool { line.utf8.first { $0 != 0x20 && $0 != 0x09 } == UInt8(ascii: "[") }

    /// A JSON string or number is also valid TOML.
    private static func line(_ key: String, _ value: JSON) -> String { "\(shown([key])) = \(value.text)" }

    /// Returns a path as TOML writes it: `model_providers."a.b"`.
    private static func shown(_ path: [String]) -> String {
        path.map { part in
            let isBare = !part.isEmpty && part.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "-_".contains($0)) }
            return isBare ? part : JSON.string(part).text
        }
        .joined(separator: ".")
    }
}
