import ShimmyCore

/// The fields of a request that have no effect, for the response's header. Its size has a bound, whatever the request has.
package struct ReportedNames: Sendable, Equatable, ExpressibleByArrayLiteral {
    /// The first different ones, in the request's order.
    package private(set) var names: [String] = []
    /// Fields beyond these.
    package private(set) var more = 0

    /// Unicode scalars that are kept of a name.
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

    /// The names, separated by commas, as the value of a header: visible ASCII alone. Nil when there are none.
    package var header: String? {
        if isEmpty { return nil }
        return names.map(Self.visible).joined(separator: ", ") + (more > 0 ? ", and \(more) more" : "")
    }

    /// A name with a `?` for everything that a header cannot carry or that would separate names.
    package static func visible(_ name: String) -> String {
        String(
            String.UnicodeScalarView(
                name.unicodeScalars.map { (33...126).contains($0.value) && $0 != "," ? $0 : "?" }))
    }
}
