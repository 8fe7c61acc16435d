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
        let found =
            error?["message"]?.stringValue ?? error?.stringValue ?? json?["message"]?.stringValue ?? detail?.stringValue
            ?? detail?[0]?["msg"]?.stringValue ?? (json == nil ? String(decoding: text.prefix(UpstreamLimits.errorBytes), as: UTF8.self) : nil)
        message = found.flatMap { Self.displayed($0, key) }
        param = (error?["param"] ?? json?["param"])?.stringValue.flatMap { Self.displayed($0, key)?.shortened(to: 200) }
        let code = error?["code"] ?? json?["code"]
        self.code = code?.stringValue.flatMap { Self.displayed($0, key)?.shortened(to: 200) }
        status = code?.intValue ?? code?.stringValue.flatMap { Int($0) } ?? (error?["status_code"] ?? json?["status_code"])?.intValue
    }

    private static func displayed(_ text: String, _ key: String?) -> String? {
        var text = text
        if let key, !key.isEmpty { text = text.replacing(key, with: "***") }
        let scalars = text.unicodeScalars.map { $0.properties.generalCategory == .control ? " " : $0 }
        let plain = String(String.UnicodeScalarView(scalars))
        let trimmed = String(plain.drop { $0.isWhitespace })
        return trimmed.isEmpty ? nil : trimmed.shortened(to: UpstreamLimits.messageLength)
    }
}

extension UpstreamFailure {
    /// Makes the failure for an error object inside a stream.
    init(_ upstream: String, inStream json: JSON, key: String?) {
        let error = UpstreamError(json, text: [], key: key)
        let message = error.message ?? "it reported an error without a message"
        let type = (json["error"]?["type"] ?? json["type"])?.stringValue ?? ""
        let statuses = ["overloaded_error": 503, "rate_limit_error": 429, "invalid_request_error": 400]
        let status = error.status ?? statuses[type] ?? 500
        switch status {
        case 401, 403: self.init(upstream, .unauthorized, "it does not accept the key of its configuration")
        case 429, 503, 529: self.init(upstream, .busy(retryAfter: nil), message)
        case 400..<500: self.init(upstream, .refused(status: status, param: error.param, code: error.code), message)
        default: self.init(upstream, .failed(status: (500..<600).contains(status) ? status : 500), message)
        }
    }
}
