/// The work of one step with one model: cache operations to perform first, in order, then the batch to compute.
package struct Step: Sendable, Equatable {
    package var model = EngineModel.main
    package var operations: [CacheOperation] = []
    package var batch = Batch()
}
