/// An adapter that a request selects.
package struct AdapterChoice: Sendable, Equatable {
    package enum Reference: Sendable, Equatable {
        case name(String)
        /// The index in the model's list of adapters.
        case index(Int)
    }

    package var reference: Reference
    package var scale: Float

    package init(_ reference: Reference, scale: Float) {
        self.reference = reference
        self.scale = scale
    }
}
