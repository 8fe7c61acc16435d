import ShimmyEngine

/// The adapters of a model: those that are loaded, and those that could not be loaded.
package struct ModelAdapters: Sendable, Equatable {
    package struct Loaded: Sendable, Equatable {
        package let name: String
        /// The name of the file, without its directory.
        package let file: String
        /// The scale for requests that select no adapters.
        package let scale: Float

        package init(name: String, file: String, scale: Float) {
            self.name = name
            self.file = file
            self.scale = scale
        }
    }

    /// The loaded adapters, in the order of the engine's indices.
    package var loaded: [Loaded]
    /// The reasons why other adapters cannot be used with this model, by name.
    package var refused: [String: String]

    package init(loaded: [Loaded] = [], refused: [String: String] = [:]) {
        self.loaded = loaded
        self.refused = refused
    }

    /// Returns the adapter set for a request's sequences. Without `choices`, returns the model's configured adapters.
    func set(for choices: [AdapterChoice]?) throws(GenerationError) -> AdapterSet {
        guard let choices else { return AdapterSet(loaded.enumerated().map { .init(index: $0.offset, scale: $0.element.scale) }) }
        var members: [AdapterSet.Member] = []
        for (position, choice) in choices.enumerated() {
            let index = try index(of: choice.reference, at: position)
            if members.contains(where: { $0.index == index }) { throw .badAdapter(position, choice.reference, "it is listed twice") }
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
