package import ShimmyJSON

/// The messages that the server sends over the WebSocket of `GET /v1/responses`.
package enum SocketFrame {
    /// Returns the message for an event of a response's stream. An error event gets the form that errors have over a WebSocket.
    /// - lane: the `stream_id` of the response's request; nil for none.
    /// - headers: what the headers of a response over HTTP would report; for the first event.
    package static func event(_ event: JSON, lane: String?, headers: JSONObject = [:]) -> JSON {
        guard var object = event.objectValue else { return event }
        if object["type"]?.stringValue == "error" {
            let error: JSONObject = [
                "type": "server_error", "code": object["code"] ?? .null, "message": object["message"] ?? .null, "param": object["param"] ?? .null,
            ]
            let number = object["sequence_number"]
            object = ["type": "error", "error": .object(error)]
            object["sequence_number"] = number
        }
        if let lane { object["stream_id"] = .string(lane) }
        if !headers.isEmpty { object["headers"] = .object(headers) }
        return .object(object)
    }

    /// Returns the message for an event that could not be processed.
    package static func error(_ error: APIError, lane: String?) -> JSON {
        var object: JSONObject = ["type": "error", "status": .int(error.status), "error": error.json["error"] ?? .null]
        if let seconds = error.retryAfter { object["headers"] = ["retry-after": .string("\(seconds)")] }
        if let lane { object["stream_id"] = .string(lane) }
        return .object(object)
    }

    /// Returns the message for a `response.steer` event, with its input, so that the client can send it in a request.
    package static func steerFailed(previousID: String, input: JSON) -> JSON {
        [
            "type": "response.steer.failed", "sequence_number": 0,
            "steer": ["previous_response_id": .string(previousID), "input": input],
            "error": [
                "type": "invalid_request_error", "code": "steering_not_supported",
                "message": "This server does not support steering. Send the input with response.create after the response has ended.",
            ],
        ]
    }
}
