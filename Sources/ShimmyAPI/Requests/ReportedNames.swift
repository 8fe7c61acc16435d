import ShimmyCore

/// The fields of a request that have no effect, for the response's header. The header's size is limited for any request.
package struct ReportedNames: Sendable, Equatable, ExpressibleByArrayLiteral {
    /// The first distinct names, in the request's order.
    package private(set) var names: [String] = []
    /// The number of further fields.
    package private(set) var more = 0

    /// The max length of a name, in Unicode scalars.
    private let nameLength: Int

    package init(nameLength: Int = 64) { self.nameLength = nameLength }

    package init(arrayLiteral elements: String...) {
        self.init()
        for name in elements { append(name) }
    }

    package var isEmpty: Bool { names.isEmpty }

    package mutating func append(_ name: String) {
        let name = String(String.UnicodeScalarView(name.unicodeScalars.prefix(nameLength)))
        if names.contains(name) { return }
        if names.count < InputLimits.standard.reportedFields { names.append(name) } else { more += 1 }
    }

    package static func += (left: inout ReportedNames, right: ReportedNames) {
        for name in right.names { left.append(name) }
        left.more += right.more
    }

    /// The header value: the names in visible ASCII, separated by commas; nil if the list is empty.
    package var header: String? {
        if isEmpty { return nil }
        return names.map(Self.visible).joined(separator: ", ") + (more > 0 ? ", and \(more) more" : "")
    }

    /// Returns a name with `?` in place of every character that a header cannot contain or that would separate names.
    package static func visible(_ name: String) -> String {
        String(
            String.UnicodeScalarView(
                name.unicodeScalars.map { (33...126).contains($0.value) && $0 != "," ? $0 : "?" }))
    }
}
