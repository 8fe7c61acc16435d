import ShimmyAPI
package import ShimmyStorage

/// Stored responses: find, stream, cancel and delete.
extension InferenceService {
    /// Returns a response of the caller. Throws a 404 if there is none.
    package func response(_ id: String, _ caller: Caller) async throws -> StoredResponse {
        let (store, owner) = (try store.required(), caller.storageOwner)
        let stored =
            if let background { try await background.unkept.response(id, owner: owner) } else { try await store.response(id, owner: owner) }
        guard let stored else { throw APIError.notFound("Response", id) }
        return stored
    }

    /// Returns the stored events of a background response after an event number, and then further events as they are stored.
    package func events(of id: String, after number: Int, _ caller: Caller) async throws -> StartedAnswer {
        let stored = try await response(id, caller)
        guard stored.isBackground, let background else {
            throw APIError(
                status: 400, message: "Invalid 'stream': only the events of background responses are stored.", param: "stream", code: "invalid_value")
        }
        return background.events(of: id, after: number, object: stored.object, caller)
    }

    /// Deletes a response. One that is being made ends as if it was cancelled, and nothing of it is stored afterwards.
    package func deleteResponse(_ id: String, _ caller: Caller) async throws {
        let stored = try await response(id, caller)
        // In the background, the last event is stored before the deletion, so that streams can read it.
        if !stored.status.isFinal { await background?.cancel(id) }
        guard try await store.required().delete(id, .response, owner: caller.storageOwner) else { throw APIError.notFound("Response", id) }
        // In the foreground, the deletion comes first: a client that does not read would delay the end, and the request has its events anyway.
        foreground.deleted(id)
        background?.unkept.forget(id)
    }

    /// Cancels a background response and returns it. Repeated calls have the same result: a response that has ended stays unchanged.
    package func cancelResponse(_ id: String, _ caller: Caller) async throws -> StoredResponse {
        let stored = try await response(id, caller)
        guard stored.isBackground else {
            throw APIError(status: 400, message: "Cannot cancel a synchronous response.", param: "response_id", code: "invalid_value")
        }
        if stored.status.isFinal { return stored }
        await background?.cancel(id)
        return try await response(id, caller)
    }
}
