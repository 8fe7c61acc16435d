/// A purpose that a model may have.
package enum ModelRole: String, Sendable, CaseIterable {
    case chat
    case embeddings
    case rerank
}
