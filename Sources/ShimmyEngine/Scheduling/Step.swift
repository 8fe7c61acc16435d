/// The work of one step: cache operations to perform first, in order, then the batch to compute.
package struct Step: Sendable, Equatable {
    package var operations: [CacheOperation] = []
    package var batch = Batch()
}
