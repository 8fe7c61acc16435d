/// The loads and unloads of a model since the start of the process.
package struct LoadCounts: Sendable, Equatable {
    package var loads = 0
    /// The number of loads that failed or were stopped.
    package var failures = 0
    package var unloads = 0
    /// The seconds of all successful loads.
    package var seconds = 0.0
}
