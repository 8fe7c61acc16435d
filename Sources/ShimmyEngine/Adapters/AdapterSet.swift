/// The adapters that are applied to a model's weights while a sequence is computed: their indices in the runner's list, and their scales. Cells
/// that were computed with one set are useless with another.
package struct AdapterSet: Hashable, Sendable {
    package struct Member: Hashable, Sendable {
        package let index: Int
        package let scale: Float

        package init(index: Int, scale: Float) {
            self.index = index
            self.scale = scale
        }
    }

    /// The adapters in the order of their indices, without those of scale 0, so that equal sets are equal values.
    package let members: [Member]

    /// Creates a set.
    /// - members: each adapter once.
    package init(_ members: [Member]) { self.members = members.filter { $0.scale != 0 }.sorted { $0.index < $1.index } }

    /// The empty set: the model without adapters.
    package static let none = AdapterSet([])
}
