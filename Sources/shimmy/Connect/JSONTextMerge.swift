import ShimmyJSON

/// Adds values to a JSON text and leaves all its other bytes as they are, comments included.
///
/// Objects are merged member by member. In an array, an object replaces the values of the one with the same `id` or `name`, and all other elements are
/// appended. Other values are replaced.
struct JSONTextMerge {
    private let source: JSONSource
    private let newline: String
    /// The indentation of one level.
    private let unit: String
    private var edits: [(range: Range<Int>, text: String)] = []
    private var replaced: [String] = []

    static func merge(_ additions: JSON, into text: String) throws(ConnectRefusal) -> ConnectMerge {
        let source = JSONSource(text)
        let old = try parse(source)
        let root = JSONSpanReader.read(source.plain)
        var merge = JSONTextMerge(source: source, root: root)
        let expected = try merge.add(additions, to: old, at: root, path: [])
        let result = merge.text
        guard let merged = try? parse(JSONSource(result)), merged == expected else { throw ConnectRefusal("its form cannot be extended exactly") }
        return ConnectMerge(text: result, replaced: merge.replaced)
    }

    private static func parse(_ source: JSONSource) throws(ConnectRefusal) -> JSON {
        do {
            return try JSON.parse(source.plain)
        } catch {
            throw ConnectRefusal("it is not valid JSON: \(error.description)")
        }
    }

    private init(source: JSONSource, root: JSONSpan) {
        self.source = source
        newline = source.bytes.contains(UInt8(ascii: "\r")) ? "\r\n" : "\n"
        let indentation = root.children.first.flatMap { source.indentation(at: $0.lowerBound) } ?? ""
        unit = indentation.isEmpty ? "  " : indentation
    }

    // MARK: Values

    /// Records the edits that add a value to the one at `span`, and returns the sum of both.
    private mutating func add(_ new: JSON, to old: JSON, at span: JSONSpan, path: [String]) throws(ConnectRefusal) -> JSON {
        if new == old { return old }
        switch (new, old) {
        case (.object(let new), .object(let old)): return .object(try add(new, to: old, at: span, path: path))
        case (.array(let new), .array(let old)): return .array(try add(new, to: old, at: span, path: path))
        case (.object, _), (.array, _), (_, .object), (_, .array):
            throw ConnectRefusal("\(Self.shown(path)) is \(old.kind), not \(new.kind)")
        default:
            edits.append((span.range, new.text))
            replaced.append(path.joined(separator: "."))
            return new
        }
    }

    private mutating func add(_ new: JSONObject, to old: JSONObject, at span: JSONSpan, path: [String]) throws(ConnectRefusal) -> JSONObject {
        guard span.members.count == old.count else { throw ConnectRefusal("\(Self.shown(path)) has a key twice") }
        var sum = old
        var absent: [String] = []
        for (key, value) in new {
            if let current = old[key], let member = span.members.first(where: { $0.key == key }) {
                sum[key] = try add(value, to: current, at: member.value, path: path + [key])
            } else {
                sum[key] = value
                absent.append("\(JSON.string(key).text): \(written(value, inside: span))")
            }
        }
        insert(absent, into: span)
        return sum
    }

    private mutating func add(_ new: [JSON], to old: [JSON], at span: JSONSpan, path: [String]) throws(ConnectRefusal) -> [JSON] {
        var sum = old
        var absent: [String] = []
        for value in new {
            if let index = old.firstIndex(where: { Self.isSame($0, value) }), span.elements.indices.contains(index) {
                sum[index] = try add(value, to: old[index], at: span.elements[index], path: path + ["\(index)"])
            } else {
                sum.append(value)
                absent.append(written(value, inside: span))
            }
        }
        insert(absent, into: span)
        return sum
    }

    private static func isSame(_ left: JSON, _ right: JSON) -> Bool {
        if left == right { return true }
        guard let name = left["id"] ?? left["name"] else { return false }
        return name == right["id"] ?? right["name"]
    }

    private static func shown(_ path: [String]) -> String { path.isEmpty ? "its content" : "'\(path.joined(separator: "."))'" }

    // MARK: Text

    /// The text with the edits.
    private var text: String {
        var bytes: [UInt8] = []
        var end = 0
        for edit in edits.sorted(by: { $0.range.lowerBound < $1.range.lowerBound }) where edit.range.lowerBound >= end {
            bytes += source.bytes[end..<edit.range.lowerBound]
            bytes += edit.text.utf8
            end = edit.range.upperBound
        }
        return String(decoding: bytes + source.bytes[end...], as: UTF8.self)
    }

    /// Whether the members of an object, or the elements of an array, have lines of their own. The first ones of an empty one get theirs.
    private func hasLines(_ span: JSONSpan) -> Bool { span.children.last.map { source.indentation(at: $0.lowerBound) != nil } ?? true }

    /// The indentation of the members or elements.
    private func indentation(inside span: JSONSpan) -> String {
        span.children.last.flatMap { source.indentation(at: $0.lowerBound) } ?? source.indentation(ofLineAt: span.range.lowerBound) + unit
    }

    /// Returns a value as a member or an element of `span`, without the indentation of its first line.
    private func written(_ value: JSON, inside span: JSONSpan) -> String {
        guard hasLines(span) else { return value.text }
        let indentation = indentation(inside: span)
        let lines = value.pretty(indent: 1).split(separator: "\n", omittingEmptySubsequences: false)
        return lines.enumerated().map { index, line in
            let depth = line.prefix { $0 == " " }.count
            return (index == 0 ? "" : indentation) + String(repeating: unit, count: depth) + line.dropFirst(depth)
        }
        .joined(separator: newline)
    }

    /// Records the edits that add members or elements at the end of an object or an array.
    private mutating func insert(_ items: [String], into span: JSONSpan) {
        if items.isEmpty { return }
        let close = span.range.upperBound - 1
        guard let last = span.children.last else { return fill(span, with: items) }
        guard hasLines(span) else {
            edits.append((last.upperBound..<last.upperBound, ", " + items.joined(separator: ", ")))
            return
        }
        let indentation = indentation(inside: span)
        let lines = items.map { newline + indentation + $0 }.joined(separator: ",")
        // A comment behind the last value stays beside it: the comma goes to the value, and the new lines go below.
        if let end = endOfLine(after: last.upperBound, before: close) {
            let hasComma = source.trailingCommas.contains { (last.upperBound..<close).contains($0) }
            if hasComma {
                edits.append((end..<end, lines + ","))
            } else if end == last.upperBound {
                edits.append((end..<end, "," + lines))
            } else {
                edits.append((last.upperBound..<last.upperBound, ","))
                edits.append((end..<end, lines))
            }
        } else {
            edits.append((last.upperBound..<last.upperBound, "," + lines))
        }
    }

    /// Records the edit that adds the first members or elements.
    private mutating func fill(_ span: JSONSpan, with items: [String]) {
        let (close, inner) = (span.range.upperBound - 1, indentation(inside: span))
        let lines = items.joined(separator: "," + newline + inner)
        if let before = source.indentation(at: close), source.startOfLine(at: close) > span.range.lowerBound {
            edits.append((close..<close, unit + items.joined(separator: "," + newline + before + unit) + newline + before))
        } else {
            let outer = source.indentation(ofLineAt: span.range.lowerBound)
            edits.append((close..<close, newline + inner + lines + newline + outer))
        }
    }

    /// Returns the end of the line on which the last value ends, if only comments and a comma follow the value there. Nil also if the line ends
    /// within a comment, or if the comma is on a later line.
    private func endOfLine(after value: Int, before close: Int) -> Int? {
        guard let feed = source.bytes[value..<close].firstIndex(of: UInt8(ascii: "\n")), !source.isComment[feed],
            source.plain[value..<feed].allSatisfy(JSONSource.isSpace), !source.trailingCommas.contains(where: { (feed..<close).contains($0) })
        else { return nil }
        return feed > value && source.bytes[feed - 1] == UInt8(ascii: "\r") ? feed - 1 : feed
    }
}
