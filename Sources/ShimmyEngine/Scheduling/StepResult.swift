/// The result of a step, computed or failed: cache operations to perform at once, and events for the streams.
package struct StepResult: Sendable, Equatable {
    package var operations: [CacheOperation] = []
    package var events: [SequenceEvent] = []
}
