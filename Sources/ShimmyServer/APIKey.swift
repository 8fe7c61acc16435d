/// A key that the server accepts. Clients with different keys share the models in proportion to their keys' weights.
package struct APIKey: Sendable, Equatable {
    package let key: String
    package let weight: Double

    package init(_ key: String, weight: Double = 1) {
        self.key = key
        self.weight = weight
    }
}
