package import ShimmyAPI

extension APIError {
    /// - kind: the kind of object, such as `Response`.
    package static func notFound(_ kind: String, _ id: String) -> APIError { APIError(status: 404, message: "\(kind) with id '\(id)' not found.") }

    /// The error of a response that was in progress when the server stopped, for clients that read the response later.
    package static let serverStopped = APIError.unavailable(
        "The server was stopped before the response was complete.", code: "shutting_down", retryAfter: 5)

    /// The error of a request that asks to store a response although the response before it is not stored.
    static func continuesUnstored(_ id: String) -> APIError {
        APIError(
            status: 400,
            message: "Invalid 'store': the response '\(id)' is not stored, so that a response that continues it cannot be stored either.",
            param: "store", code: "invalid_value")
    }

    /// - field: the request field that needs storage.
    package static func nothingIsStored(_ field: String) -> APIError {
        APIError(
            status: 400, message: "Unsupported parameter: '\(field)' needs storage, which is turned off on this server (--no-store).", param: field,
            code: "unsupported_parameter")
    }
}
