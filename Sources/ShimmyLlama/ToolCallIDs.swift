import ShimmyChat
import ShimmyJSON

/// The ids of calls in a form that a template accepts: Mistral's refuse all but nine letters and digits, and clients send what they got
/// from anybody.
struct ToolCallIDs {
    private let wantsNine: Bool

    init(templateSource: String) {
        wantsNine = templateSource.contains("length 9") || templateSource.contains("length != 9") || templateSource.contains("length == 9")
    }

    /// The message with the ids of its calls, or of the call that it answers, as the template wants them. Equal ids stay equal.
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

    /// Nine letters and digits are kept; other ids become nine that follow from them (FNV-1a).
    func fitted(_ id: String) -> String {
        let isPlain = id.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x41...0x5A).contains($0) || (0x61...0x7A).contains($0) }
        guard wantsNine, !isPlain || id.utf8.count != 9 else { return id }
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in id.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        let digits = String(hash, radix: 36)
        return String((digits + "000000000").prefix(9))
    }
}
