/// What is added to a model's weights while a sequence is computed: adapters by their places in the runner's list, and how strongly each counts.
/// Cells that were computed with one set mean nothing to another.
package struct AdapterSet: Hashable, Sendable {
    package struct Member: Hashable, Sendable {
        package let index: Int
        package let scale: Float

        package init(index: Int, scale: Float) {
            self.index = index
            self.scale = scale
        }
    }

    /// In the order of their indices; none that counts for nothing, so that equal sets are equal values.
    package let members: [Member]

    /// - members: each adapter once.
    package init(_ members: [Member]) { self.members = members.filter { $0.scale != 0 }.sorted { $0.index < $1.index } }

    /// The model as it is.
    package static let none = AdapterSet([])
}
