import ArgumentParser
import ShimmyConfiguration
import ShimmyCore
import ShimmyModels

/// The options about models in processes of their own.
struct IsolationOptions: ParsableArguments {
    @Option(help: .setting(.isolation))
    var isolation: ModelIsolation?

    @Option(help: .setting(.isolationMemory), transform: ByteSize.parse)
    var isolationMemory: Int?

    /// Completes the settings of a model, which has those of its own table.
    func apply(to settings: inout ModelSettings, _ search: some ModelSearch) {
        settings.isolation = search.chosen(isolation, .isolation, settings.isolation) { ModelIsolation(rawValue: $0) }
        settings.isolationMemory = search.chosen(isolationMemory, .isolationMemory, settings.isolationMemory) { ByteSize.bytes($0) }
    }
}

extension ModelIsolation: ExpressibleByArgument {}
