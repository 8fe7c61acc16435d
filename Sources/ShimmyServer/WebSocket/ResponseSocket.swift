import Foundation
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import ServiceLifecycle
import ShimmyAPI
import ShimmyAccounts
import ShimmyChat
import ShimmyCore
import ShimmyJSON
import ShimmyService
import ShimmyTracing
import Synchronization

/// Makes the responses that a client requests over one WebSocket.
final class ResponseSocket: Sendable {
    private let service: InferenceService
    private let reader: PresetReader
    private let access: ServerAccess
    private let context: ShimmyRequestContext
    private let memory: ResponseMemory
    private let lanes: Mutex<ResponseLanes<RequestReader.Parsed>>

    private var use: ServerUse { reader.body.use }

    /// - context: the context of the handshake, after all checks.
    init(service: InferenceService, reader: PresetReader, access: ServerAccess, context: ShimmyRequestContext) {
        self.service = service
        self.reader = reader
        self.access = access
        var context = context
        context.isCancelledWithTask = true
        self.context = context
        let use = reader.body.use
        let limits = use.limits
        memory = ResponseMemory(
            mostResponses: limits.socketMemoryResponses, mostBytes: limits.socketMemoryBytes, reserve: { use.reserve(historyBytes: $0) },
            release: { use.release(historyBytes: $0) })
        lanes = Mutex(
            ResponseLanes(
                mostRunning: limits.socketResponses, mostWaiting: limits.socketWaiting, mostWaitingBytes: limits.socketWaitingBytes))
    }

    var isBusy: Bool { lanes.withLock { $0.isBusy } }

    /// Serves the client until the connection is closed. If the client disconnects, the work on its responses stops.
    func run(on socket: WebSocket) async {
        await withGracefulShutdownHandler {
            await withDiscardingTaskGroup { group in
                for await message in socket.messages {
                    if let (lane, job) = await receive(message, from: socket) {
                        group.addTask { await self.makeResponses(job, in: lane, to: socket) }
                    }
                    socket.proceed()
                }
                group.cancelAll()
            }
        } onGracefulShutdown: {
            self.drain(socket)
        }
        await socket.closed()
    }

    private func drain(_ socket: WebSocket) {
        let (refused, isDrained) = lanes.withLock { lanes in (lanes.drain(), lanes.isDrained) }
        for lane in refused { socket.post(SocketFrame.error(.stopped, lane: lane).serialized()) }
        if isDrained { socket.close(.goingAway) }
    }

    // MARK: Messages

    /// Reads a message. Returns the request that begins now; nil for none.
    private func receive(_ message: RequestBytes, from socket: WebSocket) async -> (lane: String?, job: RequestReader.Parsed)? {
        var lane: String?
        do {
            let parsed = try await reader.body.parse(message, context)
            lane = try parsed.look { try SocketEvent.lane(of: $0) }
            switch try parsed.look({ try SocketEvent($0) }).kind {
            case .processed: return nil
            case .steer(let previousID, let input):
                // The message contains the input, which can be large: the request's memory stays reserved until the client reads.
                try await socket.send(
                    try await WorkerPool.input.run { _ in SocketFrame.steerFailed(previousID: previousID, input: input).serialized() })
                withExtendedLifetime(parsed) {}
                return nil
            case .create: return try await add(parsed, to: lane, socket)
            }
        } catch let error where error is CancellationError || error is ChannelError {
            return nil
        } catch {
            socket.post(SocketFrame.error(APIError(any: error), lane: lane).serialized())
            return nil
        }
    }

    private func add(
        _ job: RequestReader.Parsed, to lane: String?, _ socket: WebSocket
    ) async throws -> (lane: String?, job: RequestReader.Parsed)? {
        guard try await isStillAllowed() else {
            socket.post(SocketFrame.error(.invalidKey, lane: lane).serialized())
            socket.close(.keyRevoked)
            return nil
        }
        switch lanes.withLock({ $0.add(job, bytes: job.size, to: lane) { job.bytes.reserveWaiting() } }) {
        case .begins: return (lane, job)
        case .waits: return nil
        case .refused(let error): throw error
        }
    }

    /// Returns whether the server still accepts the key that opened the connection, and for the same purposes.
    private func isStillAllowed() async throws -> Bool {
        guard let hash = context.keyHash else { return await !access.requiresKey() }
        guard let holder = try await access.holder(of: hash), holder.key?.obstacle(at: Date()) == nil else { return false }
        return holder.key == context.key
    }

    // MARK: Responses

    /// Makes a response, and then those that could not begin before its end.
    private func makeResponses(_ job: RequestReader.Parsed, in lane: String?, to socket: WebSocket) async {
        var next: (lane: String?, job: RequestReader.Parsed)? = (lane, job)
        while let (lane, job) = next {
            await makeResponse(job, in: lane, to: socket)
            let end = lanes.withLock { lanes in (next: lanes.finished(lane), isDrained: lanes.isDrained) }
            if end.isDrained { socket.close(.goingAway) }
            next = end.next
        }
    }

    private func makeResponse(_ job: RequestReader.Parsed, in lane: String?, to socket: WebSocket) async {
        // The client is gone, so the waiting requests of its lanes need no work.
        if Task.isCancelled { return }
        use.beginRequest()
        defer { use.endRequest() }
        let trace = context.trace?.child()
        do {
            if use.hasTooManyRequests { throw APIError.busy("the limit of \(use.limits.requests) requests in flight is reached") }
            try await RequestTrace.with(trace) { try await stream(job, in: lane, to: socket, trace) }
        } catch let error where Task.isCancelled || error is ChannelError {
            AnswerTraces.end(trace, model: nil, with: .cancelled)
        } catch {
            let mapped = APIError(any: error)
            AnswerTraces.end(trace, model: nil, with: mapped)
            context.logger.report("answer failed to start", error, as: mapped)
            socket.post(SocketFrame.error(mapped, lane: lane).serialized())
        }
    }

    private func stream(_ job: RequestReader.Parsed, in lane: String?, to socket: WebSocket, _ trace: RequestTrace?) async throws {
        let reading = try await reader.decode(job, context, for: Compatibility.createResponse, decoding: { try SocketEvent.request($0, media: $1) })
        let caller = Caller(
            owner: context.owner, storageOwner: context.storageOwner, key: context.key, arrived: .now, logger: context.logger,
            trace: trace, user: context.namedUser ?? job.user, inputBytes: job.size, hops: context.hops)
        let order = try await service.acceptResponse(reading, body: .null, memory: memory, caller)
        let lease = try await order.waiting { try await context.acquire(order.model, for: .chat, from: service, keepAlive: order.keepAlive) }
        let started = try await order.begin(lease)
        let answer = try started.take()
        var headers = Self.headers(order, started, service.accounts.state(of: context.key))
        try await withTaskCancellationHandler {
            do {
                while let values = try await answer.nextValues() {
                    for value in values {
                        try await socket.send(SocketFrame.event(value, lane: lane, headers: headers).serialized())
                        headers = [:]
                    }
                }
            } catch {
                await answer.abandon()
                throw error
            }
        } onCancel: {
            started.canceller.cancel()
        }
    }

    /// Returns the headers that a response over HTTP would have, as JSON.
    private static func headers(_ order: AnswerOrder, _ started: StartedAnswer, _ quota: QuotaState?) -> JSONObject {
        var response = Response(status: .ok)
        response.report(started)
        response.reportIgnored(order.ignored)
        response.reportForced(order.forced)
        if let quota { response.report(quota) }
        var headers: JSONObject = [:]
        for name in HTTPField.Name.reports + HTTPField.Name.rateLimits {
            if let value = response.headers[name] { headers[name.rawName] = .string(value) }
        }
        return headers
    }
}
