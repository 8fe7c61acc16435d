import ShimmyCore

/// The allowed ranges of the engine's numbers, in the file, in the environment and on the command line.
package enum EngineRanges {
    package static let context = 16...InputLimits.standard.contextTokens
    package static let threads = 1...1024
    package static let slots = 1...256
    /// The range in milliseconds.
    package static let streamGap = 1...3_600_000
    package static let queue = 0...1_000_000
}
