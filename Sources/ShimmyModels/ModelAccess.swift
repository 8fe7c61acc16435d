/// The models that a request may use. All other models do not exist for it: lists leave them out, and their names are unknown.
///
/// The functions of `ModelManager` that find models read the access of the current task, so that no request can find a model in another way.
package struct ModelAccess: Sendable, Equatable {
    /// The access of the request that this task serves; nil for all models.
    @TaskLocal package static var current: ModelAccess?

    private let patterns: [String]

    /// - patterns: names of models as in requests, or patterns with `*` for any text. Returns nil if there are none, which allows all models.
    package init?(patterns: [String]) {
        if patterns.isEmpty { return nil }
        self.patterns = patterns
    }

    /// - aliases: the other names of the model.
    package func allows(_ record: ModelRecord, aliases: @autoclosure () -> [String]) -> Bool {
        if patterns.contains(where: { Self.matches($0, record) }) { return true }
        let aliases = aliases().map(ModelCatalog.normalized)
        return patterns.contains { pattern in
            let pattern = ModelCatalog.normalized(pattern)
            return aliases.contains { Self.fits($0, pattern) }
        }
    }

    /// Returns whether a pattern means a model by its name: the whole name, or the name without its quantization. The last component alone does not
    /// suffice, because models of several makers can have it.
    private static func matches(_ pattern: String, _ record: ModelRecord) -> Bool {
        if pattern.utf8.contains(UInt8(ascii: "*")) { return fits(ModelCatalog.normalized(record.id), ModelCatalog.normalized(pattern)) }
        return ModelCatalog.closeness(of: pattern, to: record).map { $0 <= 2 } ?? false
    }

    /// Returns whether a text fits a pattern in which `*` stands for any text. Takes at most as many steps as the product of the lengths.
    package static func fits(_ text: String, _ pattern: String) -> Bool {
        let (text, pattern) = (Array(text.utf8), Array(pattern.utf8))
        var (place, next) = (0, 0)
        // The last star, and the place in the text where the part after it was last tried.
        var star: (next: Int, place: Int)?
        while place < text.count {
            if next < pattern.count, pattern[next] == UInt8(ascii: "*") {
                star = (next + 1, place)
                next += 1
            } else if next < pattern.count, pattern[next] == text[place] {
                (place, next) = (place + 1, next + 1)
            } else if let last = star {
                star = (last.next, last.place + 1)
                (place, next) = (last.place + 1, last.next)
            } else {
                return false
            }
        }
        return pattern[next...].allSatisfy { $0 == UInt8(ascii: "*") }
    }
}

extension ModelCatalog {
    /// Returns whether the request that this task serves may use a model.
    func isAllowed(_ record: ModelRecord) -> Bool {
        guard let access = ModelAccess.current else { return true }
        return access.allows(record, aliases: aliases(of: record))
    }
}
