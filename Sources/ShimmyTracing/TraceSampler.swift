/// Decides which traces are recorded, with the names of OpenTelemetry's variable `OTEL_TRACES_SAMPLER`.
package struct TraceSampler: Sendable, Equatable {
    package enum Root: Sendable, Equatable {
        case always, never
        /// The part of all traces that is recorded, from 0 to 1.
        case ratio(Double)
    }

    /// The decision about a trace that begins here.
    package let root: Root
    /// Whether a trace that another process began is recorded if that process records it. Otherwise `root` decides.
    package let followsParent: Bool

    package init(_ root: Root = .always, followsParent: Bool = true) {
        self.root = root
        self.followsParent = followsParent
    }

    /// - name: such as `parentbased_traceidratio`; nil for another name.
    init?(name: String, ratio: Double) {
        switch name {
        case "always_on": self.init(.always, followsParent: false)
        case "always_off": self.init(.never, followsParent: false)
        case "traceidratio": self.init(.ratio(ratio), followsParent: false)
        case "parentbased_always_on": self.init(.always)
        case "parentbased_always_off": self.init(.never)
        case "parentbased_traceidratio": self.init(.ratio(ratio))
        default: return nil
        }
    }

    package func samples(_ id: TraceID, parent: TraceContext?) -> Bool {
        if followsParent, let parent { return parent.isSampled }
        switch root {
        case .always: return true
        case .never: return false
        case .ratio(let ratio):
            // The last seven bytes of a trace id are random, so that all processes with the same ratio decide alike.
            let random = id.low & (1 << 56 - 1)
            return Double(random) >= (1 - min(max(ratio, 0), 1)) * 0x1p56
        }
    }
}
