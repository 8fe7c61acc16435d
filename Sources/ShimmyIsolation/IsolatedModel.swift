package import ShimmyChat
import ShimmyEngine
import ShimmyJSON
import ShimmyUpstreams
import Synchronization

/// A model in a child process, which answers requests as an upstream server does.
package struct IsolatedModel: Sendable {
    /// The bytes of a token of English text, for estimates.
    private static let bytesPerToken = 4
    /// How long a request whose connection was lost waits for the end of the process, which is the reason.
    private static let patience = Duration.seconds(3)

    let supervisor: EngineSupervisor
    let facts: EngineFacts
    let use = EngineUse()
    private let client = UpstreamClient()

    var name: String { supervisor.model }

    package init(_ supervisor: EngineSupervisor, _ facts: EngineFacts) {
        self.supervisor = supervisor
        self.facts = facts
    }

    package var backend: Backend {
        var backend = Backend(
            contextLength: facts.contextLength, fingerprint: facts.fingerprint,
            generator: facts.has(.chat) ? IsolatedGenerator(model: self) : nil,
            embedder: facts.has(.embeddings) ? IsolatedEmbedder(model: self) : nil,
            reranker: facts.has(.rerank) ? IsolatedReranker(model: self) : nil,
            decider: facts.has(.chat) ? IsolatedDecider(model: self) : nil, tokenizer: IsolatedTokenizer(model: self),
            engine: IsolatedInspection(model: self)
        ) { [supervisor, client] in
            await supervisor.stop()
            await client.shutdown()
        }
        backend.isIsolated = true
        return backend
    }

    // MARK: Requests

    /// Returns the process as an upstream server.
    /// - fields: the fields to add to each request.
    func peer(_ run: EngineRun, adding fields: JSONObject = [:]) -> UpstreamEndpoint {
        var settings = UpstreamSettings(name: "engine of \(name)", url: "unix:" + run.socket)
        settings.key = run.secret
        settings.addedFields = fields
        // The process sends pings while it computes. Only its end interrupts an answer.
        settings.firstByteSeconds = 86_400
        settings.shortSeconds = 600
        return UpstreamEndpoint(settings, kind: .shimmy, client: client)
    }

    func context(_ terms: ServiceTerms = ServiceTerms()) -> UpstreamContext {
        let owner = UpstreamSettings.Header(name: OwnerHeader.name, value: OwnerHeader.value(terms.owner))
        return UpstreamContext(requestID: terms.requestID, traceHeaders: [owner])
    }

    /// Returns the fields that only a request to a child process has.
    func fields(clamps: Bool, _ terms: ServiceTerms) -> JSONObject {
        var fields = JSONObject()
        if clamps { fields["max_tokens_over_context"] = "clamp" }
        if terms.isFlex { fields["service_tier"] = "flex" }
        return fields
    }

    /// Admits a prompt by an estimate of its tokens, and returns the terms that remain. The usage of the answer has the exact number.
    func admitted(_ terms: ServiceTerms, bytes: Int) throws -> ServiceTerms {
        try terms.admitting(promptTokens: max(1, bytes / Self.bytesPerToken))
    }

    /// Does work that returns as a whole.
    func call<Value: Sendable>(_ work: (EngineRun) async throws -> Value) async throws -> Value {
        let run = try await supervisor.running()
        let count = use.begin()
        defer { count.end() }
        do {
            return try await work(run)
        } catch {
            throw await failure(error, in: run)
        }
    }

    /// Does work that returns as a whole, with the terms that remain after the admission of a prompt.
    func call<Value: Sendable>(
        bytes: Int, _ terms: ServiceTerms, _ work: (UpstreamEndpoint, ServiceTerms, UpstreamContext) async throws -> Value
    ) async throws -> Value {
        let remaining = try admitted(terms, bytes: bytes)
        return try await call { run in try await work(peer(run), remaining, context(terms)) }
    }

    /// Returns the error of a request: the process's own refusal, or the reason for its end.
    func failure(_ error: any Error, in run: EngineRun) async -> any Error {
        guard let failure = error as? UpstreamFailure else { return error }
        switch failure.reason {
        case .refused: return failure
        case .unsupported(let field): return EngineProcessFailure(name, .unsupported(field: field))
        case .busy(_, let seconds?): return QueueFull(retryAfter: seconds)
        case .interrupted, .unreachable: _ = await run.hasEnded(within: Self.patience)
        case .busy, .unauthorized, .timedOut, .failed, .unreadable, .noReplica, .loop: break
        }
        if supervisor.isStopped { return CancellationError() }
        return EngineProcessFailure(name, run.reason.map { .ended($0) } ?? .failed(failure.message))
    }
}

/// The number of requests that a child process serves.
final class EngineUse: Sendable {
    private let count = Mutex(0)

    var running: Int { count.withLock { $0 } }

    func begin() -> Place {
        count.withLock { $0 += 1 }
        return Place { [weak self] in self?.count.withLock { $0 -= 1 } }
    }

    /// The place of a request, which counts until it ends or is released.
    final class Place: Sendable {
        private let onEnd: Mutex<(@Sendable () -> Void)?>

        init(_ onEnd: @escaping @Sendable () -> Void) { self.onEnd = Mutex(onEnd) }

        deinit { end() }

        func end() {
            let action = onEnd.withLock { onEnd in
                defer { onEnd = nil }
                return onEnd
            }
            action?()
        }
    }
}
