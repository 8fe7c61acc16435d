// OpenAI's API format: typed requests from JSON, JSON from typed results, and errors that a program can act on.
// This target does not depend on HTTP connections, on models on disk or on llama.cpp.

import ShimmyCore
package import ShimmyJSON

/// An error in the form that OpenAI's clients expect: a status and an object with four keys, of which `param` and `code` may be null.
package struct APIError: Error, Sendable, Equatable {
    package var status: Int
    package var message: String
    package var type: String
    /// The path of the invalid field, such as `messages[0].role`; nil if the error does not concern a field.
    package var param: String?
    package var code: String?
    /// The seconds after which a retry makes sense; nil for no `Retry-After` header.
    package var retryAfter: Int?
    /// The name of the model that does not exist; nil for other errors. Other APIs have their own text for this error.
    package private(set) var missingModel: String?

    /// Creates an error. A message or a path that repeats a long text of the client is shortened.
    package init(
        status: Int, message: String, type: String = "invalid_request_error", param: String? = nil, code: String? = nil, retryAfter: Int? = nil
    ) {
        self.status = status
        self.message = message.shortened(to: InputLimits.standard.messageLength)
        self.type = type
        self.param = param?.shortened(to: InputLimits.standard.messagePathLength)
        self.code = code
        self.retryAfter = retryAfter
    }

    package var json: JSON {
        [
            "error": [
                "message": .string(message), "type": .string(type),
                "param": param.map(JSON.string) ?? .null, "code": code.map(JSON.string) ?? .null,
            ]
        ]
    }
}

extension APIError {
    /// The message for an API whose errors have no field for `param`. It begins with the path of the invalid field, unless the message names the
    /// field.
    var messageWithField: String {
        // The message about a full context names the field without quotes.
        guard let param, code != "context_length_exceeded" else { return message }
        let isNamed = ["'", ".", "["].contains { message.contains("'\(param)\($0)") }
        return isNamed ? message : "\(param): \(message)"
    }
}

// MARK: Client errors

extension APIError {
    package static func malformedJSON(_ error: JSONError) -> APIError {
        if error.limit != nil { return limitExceeded("We could not read the JSON body of your request", error, param: nil) }
        return APIError(status: 400, message: "We could not parse the JSON body of your request: \(error.description).")
    }

    /// Returns the error for JSON that exceeds a limit of `InputLimits`.
    static func limitExceeded(_ what: String, _ error: JSONError, param: String?) -> APIError {
        APIError(
            status: 400, message: "\(what): \(error.description). This is a limit of the server; docs/limits.md lists all of them.", param: param,
            code: "limit_exceeded")
    }

    package static func missing(_ path: JSONPath) -> APIError {
        APIError(status: 400, message: "Missing required parameter: '\(path)'.", param: "\(path)", code: "missing_required_parameter")
    }

    package static func wrongType(_ path: JSONPath, expected: String, got: JSON) -> APIError {
        let place = "\(path)"
        return APIError(
            status: 400,
            message: "Invalid type for \(place.isEmpty ? "the request's body" : "'\(place)'"): expected \(expected), but got \(got.kind) instead.",
            param: place.isEmpty ? nil : place, code: "invalid_type")
    }

    package static func invalidValue(_ path: JSONPath, _ value: String, supported: [String]) -> APIError {
        let list = supported.map { "'\($0)'" }.joined(separator: ", ")
        return APIError(
            status: 400, message: "Invalid value: '\(shown(value))'. Supported values are: \(list).", param: "\(path)", code: "invalid_value")
    }

    /// - kind: "integer" or "decimal".
    package static func belowMinimum(_ path: JSONPath, kind: String, minimum: String, got: String) -> APIError {
        APIError(
            status: 400, message: "Invalid '\(path)': \(kind) below minimum value. Expected a value >= \(minimum), but got \(got) instead.",
            param: "\(path)", code: "\(kind)_below_min_value")
    }

    package static func aboveMaximum(_ path: JSONPath, kind: String, maximum: String, got: String) -> APIError {
        APIError(
            status: 400, message: "Invalid '\(path)': \(kind) above maximum value. Expected a value <= \(maximum), but got \(got) instead.",
            param: "\(path)", code: "\(kind)_above_max_value")
    }

    package static func arrayTooLong(_ path: JSONPath, maximum: Int, got: Int) -> APIError {
        APIError(
            status: 400,
            message:
                "Invalid '\(path)': array too long. Expected an array with maximum length \(maximum), but got an array with length \(got) instead.",
            param: "\(path)", code: "array_above_max_length")
    }

    package static func stringTooLong(_ path: JSONPath, maximum: Int, got: Int) -> APIError {
        APIError(
            status: 400,
            message:
                "Invalid '\(path)': string too long. Expected a string with maximum length \(maximum), but got a string with length \(got) instead.",
            param: "\(path)", code: "string_above_max_length")
    }

    package static func emptyArray(_ path: JSONPath) -> APIError {
        APIError(
            status: 400,
            message: "Invalid '\(path)': empty array. Expected an array with minimum length 1, but got an empty array instead.",
            param: "\(path)", code: "empty_array")
    }

    /// - reason: a sentence that says why the server does not support the field, and what to do.
    package static func unsupportedParameter(_ path: JSONPath, because reason: String? = nil) -> APIError {
        APIError(
            status: 400,
            message: "Unsupported parameter: '\(path)' is not supported by this server, and ignoring it would change the answer's meaning."
                + (reason.map { " " + $0 } ?? ""),
            param: "\(path)", code: "unsupported_parameter")
    }

    package static func unsupportedValue(_ path: JSONPath, _ value: String, supported: [String]) -> APIError {
        let list = supported.map { "'\($0)'" }.joined(separator: ", ")
        return APIError(
            status: 400, message: "Unsupported value: '\(path)' does not support '\(shown(value))'. Supported values are: \(list).", param: "\(path)",
            code: "unsupported_value")
    }

    /// - isFewest: whether `prompt` is a lower bound of the prompt's token count.
    /// - input: the field that contains the prompt, such as `messages` or `prompt`.
    package static func contextExceeded(
        prompt: Int, requested: Int?, context: Int, isFewest: Bool = false, input: String = "messages"
    ) -> APIError {
        let least = isFewest ? "at least " : ""
        let asked = requested.map {
            "you requested \(least)\(prompt.saturated(adding: $0)) tokens (\(least)\(prompt) in the \(input), \($0) in the completion)"
        }
        return APIError(
            status: 400,
            message: "This model's maximum context length is \(context) tokens. However, "
                + (asked ?? "your \(input) resulted in \(least)\(prompt) tokens, which leaves no room for an answer")
                + ". Please reduce the length of the \(input)\(requested == nil ? "" : " or completion").",
            param: input, code: "context_length_exceeded")
    }

    package static func unknownModel(_ name: String) -> APIError {
        let name = shown(name)
        var error = APIError(status: 404, message: "The model `\(name)` does not exist or you do not have access to it.", code: "model_not_found")
        error.missingModel = name
        return error
    }
}

// MARK: Transport and server

extension APIError {
    package static let invalidKey = APIError(
        status: 401, message: "Incorrect API key provided. The server's administrator creates keys with 'shimmy key create NAME'.",
        code: "invalid_api_key")
    package static let missingKey = APIError(
        status: 401, message: "You didn't provide an API key. Pass it in the header 'Authorization: Bearer KEY'.", code: "invalid_api_key")

    /// The error of every request with a key from an address that sent too many wrong ones.
    package static func tooManyWrongKeys(retryAfter: Int) -> APIError {
        APIError(
            status: 429, message: "Too many incorrect API keys from your address. Check the key, and try again in \(retryAfter) s.",
            type: "rate_limit_error", code: "rate_limit_exceeded", retryAfter: retryAfter)
    }

    package static let expiredKey = APIError(
        status: 401, message: "The API key has expired. The server's administrator creates a new one with 'shimmy key create NAME'.",
        code: "invalid_api_key")
    package static let revokedKey = APIError(
        status: 401, message: "The API key has been revoked. The server's administrator creates a new one with 'shimmy key create NAME'.",
        code: "invalid_api_key")

    /// - key: the name of the request's key.
    /// - setting: a setting that would allow the request; nil if there is none.
    package static func insufficientPermissions(key: String, setting: String? = nil) -> APIError {
        APIError(
            status: 403,
            message: "You have insufficient permissions for this operation. The key '\(shown(key))' has the role 'user'; the operation needs a key "
                + "with the role 'admin'\(setting.map { ", or the setting \($0)" } ?? "").", type: "permission_error",
            code: "insufficient_permissions")
    }

    /// - nearest: the route that the client may have meant, such as `POST /v1/chat/completions`; nil if no route is similar.
    package static func unknownRoute(_ method: String, _ path: String, nearest: String?) -> APIError {
        APIError(
            status: 404,
            message: "Invalid URL (\(method) \(shown(path))). "
                + (nearest.map { "Did you mean \($0)? " } ?? "") + "docs/server.md lists all routes.", code: "unknown_url")
    }

    /// Returns a text of the client for use in an error message, shortened to a limited length.
    private static func shown(_ text: String) -> String { text.shortened(to: 200) }

    package static func wrongMethod(_ method: String, allowed: [String]) -> APIError {
        APIError(
            status: 405, message: "Not allowed to \(method) on this route; it accepts \(allowed.joined(separator: ", ")).",
            code: "method_not_supported")
    }

    package static func hostNotAllowed(_ host: String) -> APIError {
        APIError(
            status: 403,
            message: "The Host header '\(shown(host))' is not one of this server's names. To allow it, start the server with "
                + "--allow-host NAME or set allow_host in shimmy.toml.", type: "permission_error", code: "host_not_allowed")
    }

    package static let noWebSockets = APIError(
        status: 426,
        message: "This route does not support WebSocket; only GET /v1/responses does. Send the request over HTTP, with 'stream': true for events.",
        code: "websocket_not_supported")

    /// The error for a request without an upgrade on a route that only opens WebSockets.
    package static let webSocketRequired = APIError(
        status: 426, message: "GET on this route opens a WebSocket. To make a response over HTTP, send POST.", code: "websocket_required")

    /// - reason: a sentence that names the header that is wrong.
    package static func badHandshake(_ reason: String) -> APIError {
        APIError(status: 400, message: "The request is not a valid WebSocket handshake: \(reason)", code: "invalid_websocket_handshake")
    }

    package static func wrongWebSocketVersion(_ version: String) -> APIError {
        APIError(
            status: 426, message: "The request is not a valid WebSocket handshake: 'Sec-WebSocket-Version' is not \(version).",
            code: "websocket_version_not_supported")
    }

    package static let severalHosts = APIError(status: 400, message: "The request has more than one Host header.", code: "invalid_host")
    package static let missingHost = APIError(status: 400, message: "The request has no Host header.", code: "missing_host")

    /// - origin: the page's origin; nil if the browser reports only that the page belongs to another site.
    package static func originNotAllowed(_ origin: String?) -> APIError {
        APIError(
            status: 403,
            message: "A web page from \(origin.map { "the origin '\(shown($0))'" } ?? "another site") is not allowed to use this server. To allow "
                + "it, start the server with --allow-origin ORIGIN or set allow_origin in shimmy.toml.", type: "permission_error",
            code: "origin_not_allowed")
    }

    /// Returns the error for a request that only inspects a model. Such a request does not load the model.
    package static func modelNotLoaded(_ name: String) -> APIError {
        APIError(
            status: 409, message: "The model '\(shown(name))' is not loaded. Load it with POST /v1/models/load and try again.", param: "model",
            code: "model_not_loaded")
    }

    package static func unsupportedEncoding(_ encoding: String) -> APIError {
        APIError(
            status: 415,
            message: "The Content-Encoding '\(shown(encoding))' is not supported. Send the body with gzip, deflate, zstd (where "
                + "the server's machine has libzstd) or without an encoding.",
            code: "unsupported_encoding")
    }

    package static func bodyTooLarge(limit: Int) -> APIError {
        APIError(status: 413, message: "The request's body is larger than \(limit) bytes.", code: "request_too_large")
    }

    package static let bodyTooSlow = APIError(status: 408, message: "The request's body took too long to arrive.", code: "request_timeout")
    package static let headTooLarge = APIError(status: 431, message: "The request's header fields are too large.", code: "headers_too_large")
    package static let unsupportedTransferEncoding = APIError(
        status: 501, message: "The request's Transfer-Encoding is not supported; only 'chunked' is.", code: "unsupported_transfer_encoding")
    package static let notHTTP = APIError(status: 400, message: "The request is not valid HTTP.")
    package static let notJSON = APIError(status: 415, message: "The request's Content-Type must be application/json.")

    package static func queueFull(retryAfter: Int) -> APIError {
        APIError(
            status: 429, message: "The queue is full. Please try again in \(retryAfter) s.", type: "rate_limit_error",
            code: "rate_limit_exceeded", retryAfter: retryAfter)
    }

    package static func unavailable(_ message: String, code: String, retryAfter: Int) -> APIError {
        APIError(status: 503, message: message, type: "server_error", code: code, retryAfter: retryAfter)
    }

    /// The error of work that was stopped because the server is shutting down.
    package static let stopped = unavailable("The server is shutting down.", code: "shutting_down", retryAfter: 5)

    /// The error of work that was cancelled because its client closed the connection, or half of it.
    package static let cancelled = APIError(
        status: 400,
        message: "The request was cancelled: the client closed the connection, or its own side of it, before the answer was complete. "
            + "Keep both sides open until the answer has arrived.", code: "request_cancelled")

    package static func `internal`(_ message: String) -> APIError { APIError(status: 500, message: message, type: "server_error") }
}
