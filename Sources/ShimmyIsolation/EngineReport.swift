package import ShimmyChat
package import ShimmyEngine

/// A report of a child process, which it writes to its standard output, in one line of JSON.
package enum EngineReport: Codable, Sendable, Equatable {
    /// The progress of the load, 0 to 1. Sent several times a second, so that the parent can stop a load.
    case progress(Double)
    /// The model is loaded, and the process accepts requests.
    case ready(EngineFacts)
    /// The work of the engine in numbers. Sent while the model is loaded.
    case statistics(EngineStatistics)
    /// The model cannot be loaded, for this reason. The process ends.
    case failed(String)

    /// The max bytes of a report in one line. Its largest part is the chat template.
    package static let longestLine = 16 << 20

    /// The report in one line, with a line break at its end.
    package var line: [UInt8] { EngineLine.bytes(self) }

    /// Reads a line; nil if it is not a report.
    package init?(line: [UInt8]) {
        guard let report = EngineLine.value(Self.self, line) else { return nil }
        self = report
    }
}

/// The properties of a model that a child process has loaded.
package struct EngineFacts: Codable, Sendable, Equatable {
    package struct Adapter: Codable, Sendable, Equatable {
        package var name: String
        package var file: String
        package var scale: Float
    }

    package var contextLength: Int
    package var fingerprint: String
    package var roles: [String]
    /// The max number of sequences that run at once, and of those that wait.
    package var running: Int
    package var queue: Int
    private var beginning: String?
    private var end: String?
    private var template: String
    private var infills: Bool
    private var thinks: Bool
    private var weights: Int
    private var cache: Int
    private var compute: Int
    private var devices: [String: Int]
    private var loadedAdapters: [Adapter]
    private var refusedAdapters: [String: String]

    package init(_ backend: Backend, _ memory: MemoryUse) {
        (contextLength, fingerprint, roles) = (backend.contextLength, backend.fingerprint, backend.roles.map(\.rawValue))
        let statistics = backend.engine.statistics
        (running, queue) = (statistics.runningLimit, statistics.queueLimit)
        let facts = backend.tokenizer.facts
        (beginning, end, template, infills, thinks) = (facts.beginning, facts.end, facts.template, facts.infills, facts.thinks)
        (weights, cache, compute, devices) = (memory.weights, memory.cache, memory.compute, memory.devices)
        let adapters = backend.engine.adapters
        loadedAdapters = adapters.loaded.map { Adapter(name: $0.name, file: $0.file, scale: $0.scale) }
        refusedAdapters = adapters.refused
    }

    package var memory: MemoryUse {
        var memory = MemoryUse(weights: max(0, weights), cache: max(0, cache), compute: max(0, compute))
        memory.devices = devices
        return memory
    }

    var tokenizer: TokenizerFacts {
        var facts = TokenizerFacts(beginning: beginning, end: end, template: template)
        (facts.infills, facts.thinks) = (infills, thinks)
        return facts
    }

    var adapters: ModelAdapters {
        ModelAdapters(
            loaded: loadedAdapters.map { ModelAdapters.Loaded(name: $0.name, file: $0.file, scale: $0.scale) }, refused: refusedAdapters)
    }

    func has(_ role: ModelRole) -> Bool { roles.contains(role.rawValue) }
}
