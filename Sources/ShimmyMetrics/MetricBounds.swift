/// The bounds of buckets. They are the same for all models, so that histograms can be added.
package enum MetricBounds {
    /// Seconds of a request or a wait: from a cached answer to a long one on a slow machine.
    package static let seconds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600]
    /// Seconds between two tokens.
    package static let tokenSeconds = [0.001, 0.0025, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1, 2.5]
    /// Tokens of a prompt or an answer, and other sizes.
    package static let sizes: [Double] = [1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262_144, 1_048_576]
}
