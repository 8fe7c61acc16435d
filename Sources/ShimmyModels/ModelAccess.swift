import ShimmyCore

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

    /// Returns whether a text fits a pattern in which `*` stands for any text.
    package static func fits(_ text: String, _ pattern: String) -> Bool { text.fits(pattern: pattern) }
}

extension ModelCatalog {
    /// Returns whether the request that this task serves may use a model.
    func isAllowed(_ record: ModelRecord) -> Bool {
        guard let access = ModelAccess.current else { return true }
        return access.allows(record, aliases: aliases(of: record))
    }
}
