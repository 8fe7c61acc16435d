import ShimmyChat
import ShimmyCore
import ShimmyJSON

/// Converts call IDs to a form that a template accepts. Mistral's templates accept only nine letters and digits, and clients may send IDs from other
/// servers.
struct ToolCallIDs {
    private let wantsNine: Bool

    init(templateSource: String) {
        wantsNine = templateSource.contains("length 9") || templateSource.contains("length != 9") || templateSource.contains("length == 9")
    }

    /// Returns the message with accepted IDs for its calls, or for the call that it answers. Equal IDs stay equal.
    func fitted(_ message: ChatMessage) -> ChatMessage {
        guard wantsNine else { return message }
        var message = message
        message.toolCallID = message.toolCallID.map(fitted)
        if let calls = message.toolCalls?.arrayValue {
            message.toolCalls = .array(
                calls.map { call in
                    guard var object = call.objectValue, let id = object["id"]?.stringValue else { return call }
                    object["id"] = .string(fitted(id))
                    return .object(object)
                })
        }
        return message
    }

    /// Returns an accepted ID. An ID of nine letters and digits is unchanged; any other is replaced by nine characters of its hash.
    func fitted(_ id: String) -> String {
        let isPlain = id.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x41...0x5A).contains($0) || (0x61...0x7A).contains($0) }
        guard wantsNine, !isPlain || id.utf8.count != 9 else { return id }
        let digits = String(FNVHash.of(id), radix: 36)
        return String((digits + "000000000").prefix(9))
    }
}
