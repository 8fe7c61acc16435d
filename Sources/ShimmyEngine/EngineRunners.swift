/// The runners of an engine's models, on the engine's thread. Each has slots, cells and samplers of its own.
struct EngineRunners<Runner: ModelRunner> {
    /// In the order of `EngineModel.index`.
    private var runners: [Runner]

    init(main: Runner) { runners = [main] }

    subscript(model: EngineModel) -> Runner {
        get { runners[model.index] }
        _modify { yield &runners[model.index] }
    }

    /// The runner of the model that generates the answers.
    var main: Runner {
        get { self[.main] }
        _modify { yield &self[.main] }
    }

    mutating func addSequence(_ id: SequenceID, sampling: SequenceSampling) {
        for index in runners.indices { runners[index].addSequence(id, sampling: sampling) }
    }

    mutating func removeSequence(_ id: SequenceID) {
        for index in runners.indices { runners[index].removeSequence(id) }
    }
}
