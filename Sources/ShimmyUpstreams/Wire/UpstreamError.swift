import ShimmyChat
import ShimmyCore
import ShimmyJSON

/// An error as an upstream words it, within limits and without the key.
struct UpstreamError {
    var message: String?
    var param: String?
    var code: String?
    var status: Int?

    /// - text: the body, for a body that is not JSON.
    init(_ json: JSON?, text: [UInt8], key: String?) {
        let error = json?["error"]
        let detail = json?["detail"]
        let raw = json == nil ? String(validating: text.prefix(UpstreamLimits.errorBytes), as: UTF8.self) : nil
        let found =
            error?["message"]?.stringValue ?? error?.stringValue ?? json?["message"]?.stringValue ?? detail?.stringValue
            ?? detail?[0]?["msg"]?.stringValue ?? raw
        message = found.flatMap { Self.displayed($0, key) }
        param = (error?["param"] ?? json?["param"])?.stringValue.flatMap { Self.displayed($0, key)?.shortened(to: 200) }
        let code = error?["code"] ?? json?["code"]
        self.code = code?.stringValue.flatMap { Self.displayed($0, key)?.shortened(to: 200) }
        readContextError(error)
        status = code?.intValue ?? code?.stringValue.flatMap { Int($0) } ?? (error?["status_code"] ?? json?["status_code"])?.intValue
    }

    /// Reads llama-server's error for a prompt that is too long. It has a status as its code, and the sizes beside the message.
    private mutating func readContextError(_ error: JSON?) {
        guard let type = error?["type"]?.stringValue, type == "exceed_context_size_error" else { return }
        code = type
        guard let prompt = error?["n_prompt_tokens"]?.intValue, let context = error?["n_ctx"]?.intValue else { return }
        if let text = message, text.contains("\(context)") { return }
        message = "The prompt has \(prompt) tokens, but the model's context length is \(context) tokens."
    }

    private static let pages = ["<!", "<?", "<html", "<head", "<body", "<title", "<center", "<h1", "<p>", "<pre", "<div"]
    private static let values = ["{\"", "{}", "[{", "[[", "[\"", "[]"]

    /// Returns whether a text is a page of HTML, or JSON. Neither is a message, and the beginning of JSON misleads programs.
    private static func isMarkup(_ text: String) -> Bool {
        let bytes = text.utf8.drop { $0 <= 0x20 }.prefix(1_024).filter { $0 > 0x20 }.prefix(16)
        let start = String(decoding: bytes, as: UTF8.self).lowercased()
        return (pages + values).contains { start.hasPrefix($0) }
    }

    private static func displayed(_ text: String, _ key: String?) -> String? {
        if isMarkup(text) { return nil }
        var text = text
        if let key, !key.isEmpty { text = text.replacing(key, with: "***") }
        let scalars = text.unicodeScalars.map { $0.properties.generalCategory == .control ? " " : $0 }
        let plain = String(String.UnicodeScalarView(scalars))
        let trimmed = String(plain.drop { $0.isWhitespace })
        return trimmed.isEmpty ? nil : trimmed.shortened(to: UpstreamLimits.messageLength - 1)
    }
}

extension UpstreamFailure {
    /// The failure of an answer that the upstream's content filter has ended. Such an answer is neither complete nor too long.
    static func filtered(_ upstream: String) -> UpstreamFailure {
        let reason = Reason.refused(status: 400, param: nil, code: "content_filter")
        return UpstreamFailure(upstream, reason, "The content filter of the upstream server '\(upstream)' ended the answer.")
    }

    /// Makes the failure for an error object inside a stream.
    init(_ upstream: String, inStream json: JSON, key: String?) {
        let error = UpstreamError(json, text: [], key: key)
        let message = error.message ?? "it reported an error without a message"
        let type = (json["error"]?["type"] ?? json["type"])?.stringValue ?? ""
        let statuses = ["overloaded_error": 503, "rate_limit_error": 429, "invalid_request_error": 400]
        let status = error.status ?? statuses[type] ?? 500
        switch status {
        case 401, 403: self.init(upstream, .unauthorized, "it does not accept the key of its configuration")
        case 429, 503, 529: self.init(upstream, .busy(status: status == 429 ? 429 : 503, retryAfter: nil), message)
        case 400..<500: self.init(upstream, .refused(status: status, param: error.param, code: error.code), message)
        default: self.init(upstream, .failed(status: (500..<600).contains(status) ? status : 500), message)
        }
    }
}
