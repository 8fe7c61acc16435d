import Logging
import ShimmyJSON

/// Passes the log of a child process into the log of this one.
struct EngineLog: Sendable {
    /// The max bytes of a line.
    static let longestLine = 64 << 10

    let model: String
    let logger: Logger

    /// Logs a line: one of the program's own lines with its level, its message and its fields, or the output of a library.
    func pass(_ line: [UInt8]) {
        guard let object = try? JSON.parse(line, limits: JSONLimits(depth: 8, bytes: Self.longestLine)).objectValue,
            let message = object["message"]?.stringValue, let level = object["level"]?.stringValue.flatMap(Logger.Level.init(rawValue:))
        else {
            return logger.warning("model process output", metadata: ["model": "\(model)", "line": "\(String(decoding: line, as: UTF8.self))"])
        }
        var metadata: Logger.Metadata = [:]
        for (key, value) in object where !["time", "level", "message"].contains(key) { metadata[key] = Self.value(value) }
        metadata["model"] = "\(model)"
        metadata["process"] = "engine"
        logger.log(level: level, "\(message)", metadata: metadata)
    }

    private static func value(_ json: JSON) -> Logger.MetadataValue {
        if let text = json.stringValue { return .string(text) }
        if let flag = json.boolValue { return .stringConvertible(flag) }
        if let number = json.intValue { return .stringConvertible(number) }
        if let number = json.doubleValue { return .stringConvertible(number) }
        return .string(json.text)
    }
}
