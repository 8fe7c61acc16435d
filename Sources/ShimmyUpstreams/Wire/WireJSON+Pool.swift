import ShimmyChat
import ShimmyCore
import ShimmyJSON

// Large texts are processed on the worker pool.
extension WireJSON {
    /// Throws `JSONError`, or `CancellationError`.
    static func parse(_ bytes: [UInt8]) async throws -> JSON {
        if bytes.count <= UpstreamLimits.quickBytes { return try JSON.parse(bytes, limits: limits) }
        return try await WorkerPool.input.run(InputWork.lane(bytes: bytes.count)) { _ in try JSON.parse(bytes, limits: limits) }
    }

    static func serialized(_ json: JSON) async throws -> [UInt8] { try await WorkerPool.input.run { _ in json.serialized() } }
}
