import ShimmyEngine

/// An adapter as a request names it.
package struct AdapterChoice: Sendable, Equatable {
    package enum Reference: Sendable, Equatable {
        case name(String)
        /// The place in the model's list.
        case index(Int)
    }

    package var reference: Reference
    package var scale: Float

    package init(_ reference: Reference, scale: Float) {
        self.reference = reference
        self.scale = scale
    }
}

/// The adapters that were loaded with a model, and those that were not.
package struct ModelAdapters: Sendable, Equatable {
    package struct Loaded: Sendable, Equatable {
        package let name: String
        /// The file's name, without the way to it.
        package let file: String
        /// How strongly it counts for requests that name no adapters.
        package let scale: Float

        package init(name: String, file: String, scale: Float) {
            self.name = name
            self.file = file
            self.scale = scale
        }
    }

    /// In the order in which the engine numbers them.
    package var loaded: [Loaded]
    /// Why others cannot be used with this model, by name.
    package var refused: [String: String]

    package init(loaded: [Loaded] = [], refused: [String: String] = [:]) {
        self.loaded = loaded
        self.refused = refused
    }

    /// What a request's sequences are computed with; without a choice, what the model was configured with.
    func set(for choices: [AdapterChoice]?) throws(GenerationError) -> AdapterSet {
        guard let choices else { return AdapterSet(loaded.enumerated().map { .init(index: $0.offset, scale: $0.element.scale) }) }
        var members: [AdapterSet.Member] = []
        for (position, choice) in choices.enumerated() {
            let index = try index(of: choice.reference, at: position)
            if members.contains(where: { $0.index == index }) { throw .badAdapter(position, choice.reference, "it is named twice") }
            members.append(.init(index: index, scale: choice.scale))
        }
        return AdapterSet(members)
    }

    private func index(of reference: AdapterChoice.Reference, at position: Int) throws(GenerationError) -> Int {
        switch reference {
        case .index(let index) where loaded.indices.contains(index): return index
        case .index: throw .badAdapter(position, reference, "the model has \(loaded.count) adapters")
        case .name(let name):
            if let index = loaded.firstIndex(where: { $0.name == name }) { return index }
            if let reason = refused[name] { throw .badAdapter(position, reference, reason) }
            let known = loaded.map { "'\($0.name)'" }.joined(separator: ", ")
            throw .badAdapter(position, reference, known.isEmpty ? "the model has no adapters" : "the model's adapters are: \(known)")
        }
    }
}
