/// Where a model of this machine is computed.
package enum ModelIsolation: String, Sendable, CaseIterable {
    /// In the process of the server.
    case shared = "none"
    /// In a process of its own.
    case process
}
