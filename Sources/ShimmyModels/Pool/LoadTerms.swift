/// What a model's load goes by: its files, what is loaded with them, and what is said of it. When that is not what it was, what is loaded is
/// not any more what would be loaded now.
package struct LoadTerms: Sendable {
    /// What changed, for people.
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
    /// Those that the settings name; whether they fit does not matter.
    private let namedAdapters: [LoRAAdapter]
    private let chatTemplate: String?
    private var adapters: [Adapter]?

    /// - conversion: the file that a folder is converted to, whose name changes with all that is read for it; nil for a model in a file.
    /// - chatTemplate: the text of what stands in place of the model's own; nil for that.
    /// - plan: what is loaded with it; nil where that cannot be told, since a file is not there (yet).
    package init(
        _ record: ModelRecord, _ settings: ModelSettings, conversion: String? = nil, chatTemplate: String? = nil, plan: AdapterPlan? = nil
    ) {
        content = record.content
        self.conversion = conversion
        (contextLength, slots, namedAdapters) = (settings.contextLength, settings.slots, settings.adapters)
        self.chatTemplate = chatTemplate
        adapters = plan?.adapters.map { Adapter(adapter: $0, stamp: FileStamp(path: $0.path)) }
    }

    /// Whether it is known which adapters belong to it.
    var isComplete: Bool { adapters != nil }

    /// With what could not be told before: which adapters fit a folder is known when it was converted.
    mutating func complete(by later: LoadTerms) { adapters = adapters ?? later.adapters }

    /// What is not as it was; nil for nothing that concerns the load.
    package func change(since old: LoadTerms) -> Change? {
        if content != old.content || conversion != old.conversion { return .files }
        // What cannot be told now, since a file is just being written, is no reason to do without a model that works.
        if namedAdapters == old.namedAdapters, let adapters, let before = old.adapters, adapters != before { return .files }
        if contextLength != old.contextLength || slots != old.slots || namedAdapters != old.namedAdapters || chatTemplate != old.chatTemplate {
            return .settings
        }
        return nil
    }
}
