import ShimmyCore

/// The inputs of a model's load: its files, the adapters that are loaded with them, and its settings. If these inputs change, the loaded model is
/// stale and must be reloaded.
package struct LoadTerms: Sendable {
    /// The kind of input that changed.
    package enum Change: Sendable {
        case files
        case settings
    }

    /// An adapter that is loaded with the model.
    private struct Adapter: Sendable, Equatable {
        let adapter: LoRAAdapter
        let stamp: FileStamp?
    }

    private let content: ModelRecord.Content
    private let conversion: String?
    private let contextLength: Int?
    private let slots: Int?
    /// The adapters that the settings name, whether or not they fit.
    private let namedAdapters: [LoRAAdapter]
    private let chatTemplate: String?
    private let isolation: ModelIsolation
    private let isolationMemory: Int?
    private var adapters: [Adapter]?

    /// - conversion: the file that a folder is converted to, whose name depends on all that the conversion reads; nil for a model in a file.
    /// - chatTemplate: the text of the template that replaces the model's own; nil if none does.
    /// - plan: the adapters to load; nil if they are unknown because a file does not exist (yet).
    package init(
        _ record: ModelRecord, _ settings: ModelSettings, conversion: String? = nil, chatTemplate: String? = nil, plan: AdapterPlan? = nil
    ) {
        content = record.content
        self.conversion = conversion
        (contextLength, slots, namedAdapters) = (settings.contextLength, settings.slots, settings.adapters)
        self.chatTemplate = chatTemplate
        (isolation, isolationMemory) = (settings.isolation ?? .shared, settings.isolationMemory)
        adapters = plan?.adapters.map { Adapter(adapter: $0, stamp: FileStamp(path: $0.path)) }
    }

    /// Whether the adapters of the model are known.
    var isComplete: Bool { adapters != nil }

    /// Adds the adapters if they were unknown: which adapters fit a folder is only known after its conversion.
    mutating func complete(by later: LoadTerms) { adapters = adapters ?? later.adapters }

    /// Returns the kind of change since `old`; nil if no change concerns the load.
    package func change(since old: LoadTerms) -> Change? {
        if content != old.content || conversion != old.conversion { return .files }
        // If the adapters are unknown now, because a file is just being written, the loaded model still works and stays.
        if namedAdapters == old.namedAdapters, let adapters, let before = old.adapters, adapters != before { return .files }
        if contextLength != old.contextLength || slots != old.slots || namedAdapters != old.namedAdapters || chatTemplate != old.chatTemplate {
            return .settings
        }
        if isolation != old.isolation || isolationMemory != old.isolationMemory { return .settings }
        return nil
    }
}
