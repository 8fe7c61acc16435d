/// A computed prefix, as it is kept outside the cache.
package struct StoredPrefix: Sendable, Equatable {
    package let units: [PromptUnit]
    /// The cells, as the runner serialized them.
    package let state: [UInt8]

    package init(units: [PromptUnit], state: [UInt8]) {
        self.units = units
        self.state = state
    }
}
