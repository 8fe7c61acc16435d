// This target runs models in processes of their own and supervises these processes. A child process loads one model and serves it on a Unix
// socket; `IsolatedModel` makes a backend of it. This target does not load models itself: the program provides the child's code.

import Foundation

/// Everything that a child process needs to load and serve its model. The parent writes it to the child's standard input, in one line of JSON.
///
/// The child reads no configuration file, so that settings for requests, which the parent applies, are not applied twice.
package struct EngineOrder: Codable, Sendable, Equatable {
    package struct Adapter: Codable, Sendable, Equatable {
        package var name: String
        package var path: String
        package var scale: Float
        package var isRequired: Bool

        package init(name: String, path: String, scale: Float, isRequired: Bool) {
            (self.name, self.path, self.scale, self.isRequired) = (name, path, scale, isRequired)
        }
    }

    // The model.

    /// The id of the model, which is the same in both processes.
    package var model: String
    package var path: String
    package var parts: [String]
    package var kind: String
    package var sizeBytes: Int
    package var modified: Int
    package var isFolder = false
    package var base: String?
    /// The context length that the model was trained with, in tokens; nil if unknown.
    package var trainedContext: Int?

    // Its settings.

    package var contextLength: Int?
    package var slots: Int?
    package var adapters: [Adapter] = []
    /// The text of the template that replaces the model's own; nil if none does.
    package var chatTemplate: String?
    package var threads: Int?
    /// The target for the time between two tokens of a stream, in seconds.
    package var streamGap: Double
    package var queue: Int
    package var isDeterministic = false
    package var cpuKernels = "auto"
    package var memoryBudget: Int
    /// The directory of converted models.
    package var conversions = ""
    /// The directory of cached prefixes, and the max bytes in it; nil for none.
    package var prefixDirectory: String?
    package var prefixBytes = 0

    // The process.

    /// The max bytes that the process may allocate; nil for no limit.
    package var memoryLimit: Int?
    package var logLevel = "notice"
    package var logsText = false
    /// The path of the socket to listen on, and the key that requests need. The supervisor sets both for each start.
    package var socket = ""
    package var secret = ""

    package init(
        model: String, path: String, parts: [String], kind: String, sizeBytes: Int, modified: Int, streamGap: Double, queue: Int, memoryBudget: Int
    ) {
        self.model = model
        self.path = path
        self.parts = parts
        self.kind = kind
        self.sizeBytes = sizeBytes
        self.modified = modified
        self.streamGap = streamGap
        self.queue = queue
        self.memoryBudget = memoryBudget
    }

    /// The max bytes of an order in one line. Its largest part is the chat template.
    package static let longestLine = 16 << 20

    /// The order in one line, with a line break at its end.
    package var line: [UInt8] { EngineLine.bytes(self) }

    /// Reads a line; nil if it is not an order.
    package init?(line: [UInt8]) {
        guard let order = EngineLine.value(Self.self, line) else { return nil }
        self = order
    }
}

/// A value in one line of JSON, as the processes exchange it.
enum EngineLine {
    static func bytes(_ value: some Encodable) -> [UInt8] { Array((try? JSONEncoder().encode(value)) ?? Data()) + [UInt8(ascii: "\n")] }

    static func value<Value: Decodable>(_ type: Value.Type, _ line: [UInt8]) -> Value? { try? JSONDecoder().decode(type, from: Data(line)) }
}
