package import ShimmyEngine

/// The owner and the urgency of a request.
package struct ServiceTerms: Sendable, Equatable {
    /// The owner whose fair share of the engine includes the request.
    package var owner: Owner
    /// Whether the request runs only when there is no other work.
    package var isFlex: Bool

    package init(owner: Owner = .common, isFlex: Bool = false) {
        self.owner = owner
        self.isFlex = isFlex
    }
}
