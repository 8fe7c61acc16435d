package import ShimmyChat
import Synchronization

/// A model of an upstream whose answers to requests for media are scripts.
package final class ScriptedForwarder: MediaForwarder {
    /// A step of a script, as the reader of the answer sees it.
    package enum Moment: Sendable {
        case bytes(String)
        case failure(any Error)
    }

    /// The requests that arrived, in order.
    package var requests: [MediaRequest] { state.withLock { $0.requests } }
    /// The number of answers that were cancelled.
    package var cancelled: Int { state.withLock { $0.cancelled } }

    private struct State {
        var requests: [MediaRequest] = []
        var cancelled = 0
    }

    private let state = Mutex(State())
    private let contentType: String
    private let form: MediaAnswer.Form
    private let moments: [Moment]
    private let usage: Usage?
    private let failure: UpstreamFailure?

    /// - failure: the failure before the head of each answer; nil for none.
    package init(
        _ form: MediaAnswer.Form, _ contentType: String, _ moments: [Moment], usage: Usage? = nil, failure: UpstreamFailure? = nil
    ) {
        self.form = form
        self.contentType = contentType
        self.moments = moments
        self.usage = usage
        self.failure = failure
    }

    /// The model as the fleet returns it.
    package func backend() -> Backend {
        let tools = FakeBackend()
        var backend = Backend(contextLength: 16, fingerprint: "fp_0", tokenizer: tools, engine: tools) {}
        backend.forwarder = self
        return backend
    }

    package func forward(_ request: MediaRequest, terms: ServiceTerms) async throws -> MediaAnswer {
        state.withLock { $0.requests.append(request) }
        if let failure { throw failure }
        let script = MomentQueue(moments)
        return MediaAnswer(
            upstream: "gpu", status: 201, contentType: contentType, headers: [.init(name: "content-disposition", value: "inline")], form: form,
            next: { try script.next() }, cancel: { self.state.withLock { $0.cancelled += 1 } }, usage: { self.usage })
    }
}

/// The pieces of one scripted answer.
package final class MomentQueue: Sendable {
    private let moments: Mutex<[ScriptedForwarder.Moment]>

    package init(_ moments: [ScriptedForwarder.Moment]) { self.moments = Mutex(moments.reversed()) }

    /// Returns the next piece; nil after the last one.
    package func next() throws -> [UInt8]? {
        switch moments.withLock({ $0.popLast() }) {
        case .bytes(let text)?: return Array(text.utf8)
        case .failure(let error)?: throw error
        case nil: return nil
        }
    }
}
