/// A response and the responses that it continues, oldest first.
package struct ResponseChain: Sendable, Equatable {
    package struct Turn: Sendable, Equatable {
        package let response: StoredResponse
        package let input: [StoredItem]
    }

    package let turns: [Turn]
    /// The id of the deleted response that precedes the first turn; nil if the chain is complete.
    package let missing: String?
}
