/// A model of an engine. Each step computes with one of them; a model beside the main one can compute drafts for it.
package struct EngineModel: Sendable, Hashable {
    /// The model that generates the answers.
    package static let main = EngineModel(index: 0)

    /// The index of the model's runner in `EngineRunners`.
    let index: Int
}
