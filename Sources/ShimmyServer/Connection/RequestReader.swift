import HTTPTypes
import Hummingbird
import NIOCore
import NIOHTTP1
import ShimmyAPI
import ShimmyCore
import ShimmyJSON
import ShimmyService
import Synchronization

/// Reads a request's body as JSON and decodes it, within the server's limits and on the worker pool.
///
/// Neither the body's bytes nor its JSON outlive the call: while the answer is made, the server keeps only the decoder's result.
struct RequestReader: Sendable {
    let use: ServerUse
    /// Whether the body may have any content type, or none: `curl -d` and Ollama's clients do not say that they send JSON. A web page can send
    /// such a request without a preflight; `LoopbackCORSMiddleware` refuses it by its `Origin` or `Sec-Fetch-Site`.
    var takesAnyType = false

    /// The reader for Ollama's API.
    var ofAnyType: RequestReader { RequestReader(use: use, takesAnyType: true) }

    /// The max size in bytes of a body that is parsed on the reading thread, because parsing takes no longer than a switch to another
    /// thread.
    private static let smallBytes = 16 << 10
    /// The size in bytes above which a body is parsed and decoded in the slow lane.
    private static let largeBytes = 1 << 20

    private var limits: ServerLimits { use.limits }

    /// - decode: runs on a thread of the worker pool.
    func read<Value: Sendable>(
        _ request: Request, _ context: ShimmyRequestContext, decode: @escaping @Sendable (JSON) throws -> Value
    ) async throws -> Value {
        let body = try await parse(request, context)
        return try await finish(body, context, decode)
    }

    /// Reads a request as `read` does, but decodes an empty object if the request has no body.
    func readOptional<Value: Sendable>(
        _ request: Request, _ context: ShimmyRequestContext, decode: @escaping @Sendable (JSON) throws -> Value
    ) async throws -> Value {
        let isEmpty = request.headers[.transferEncoding] == nil && (request.headers[.contentLength] ?? "0") == "0"
        return isEmpty ? try decode([:]) : try await read(request, context, decode: decode)
    }

    // MARK: In two steps

    /// A body that is parsed but not decoded.
    final class Parsed: Sendable {
        /// The value of the field `model`; nil if it is not a string.
        let model: String?
        let bytes: RequestBytes
        /// The bytes of the body.
        let size: Int
        /// The end user that the client names; nil for none.
        let user: String?
        private let json: Mutex<JSON?>

        /// The max Unicode scalars of a user's name.
        private static let longestUser = 256

        fileprivate init(_ json: JSON, bytes: RequestBytes, size: Int) {
            model = json["model"]?.stringValue
            // OpenAI's two fields, and Anthropic's.
            let named = [json["safety_identifier"], json["user"], json["metadata"]?["user_id"]].compactMap { $0?.stringValue }
            user = named.first { !$0.isEmpty }.map { String(String.UnicodeScalarView($0.unicodeScalars.prefix(Self.longestUser))) }
            self.json = Mutex(json)
            self.bytes = bytes
            self.size = size
        }

        /// Returns a result of the JSON, which must not have been decoded yet.
        func look<Result: Sendable>(_ body: (JSON) throws -> Result) throws -> Result { try body(json.withLock { $0 ?? .null }) }

        fileprivate func take() -> JSON {
            json.withLock { json in
                defer { json = nil }
                return json ?? .null
            }
        }
    }

    func parse(_ request: Request, _ context: ShimmyRequestContext) async throws -> Parsed {
        let encoding = try BodyEncoding(header: request.headers[.contentEncoding])
        return try await parse(try await collect(request), encoding: encoding, context)
    }

    /// Parses bytes that have arrived completely.
    func parse(_ bytes: RequestBytes, encoding: BodyEncoding = .identity, _ context: ShimmyRequestContext) async throws -> Parsed {
        let inspection = context.life?.inspection
        if encoding != .identity {
            // The decoded size is unknown until the body is decoded.
            return try await work(.max, context) { [limits] budget in
                let decoded = try encoding.decode(bytes, budget)
                let size = decoded.count
                return Parsed(try Self.parse(decoded.take(), limits, budget, inspection), bytes: decoded, size: size)
            }
        }
        let size = bytes.count
        if size <= Self.smallBytes { return Parsed(try Self.parse(bytes.take(), limits, nil, inspection), bytes: bytes, size: size) }
        return try await work(size, context) { [limits] budget in
            Parsed(try Self.parse(bytes.take(), limits, budget, inspection), bytes: bytes, size: size)
        }
    }

    func finish<Value: Sendable>(
        _ body: Parsed, _ context: ShimmyRequestContext, _ decode: @escaping @Sendable (JSON) throws -> Value
    ) async throws -> Value {
        context.life?.note(user: body.user, inputBytes: body.size)
        return try await work(body.size, context) { _ in
            defer { body.bytes.release() }
            return try decode(body.take())
        }
    }

    /// Runs work on the pool. For a body larger than `smallBytes`, a disconnect of the client cancels the work.
    func work<Value: Sendable>(
        _ size: Int, _ context: ShimmyRequestContext, _ body: @escaping @Sendable (WorkBudget) throws -> Value
    ) async throws -> Value {
        let (lane, seconds) = (size > Self.largeBytes ? WorkerPool.Lane.slow : .quick, limits.input.prepareSeconds)
        if size <= Self.smallBytes { return try await WorkerPool.input.run(lane, seconds: seconds) { try body($0) } }
        return try await context.untilDisconnected { try await WorkerPool.input.run(lane, seconds: seconds) { try body($0) } }
    }

    private static func parse(
        _ bytes: [UInt8], _ limits: ServerLimits, _ budget: WorkBudget?, _ inspection: RequestInspection?
    ) throws -> JSON {
        inspection?.note(body: bytes)
        do {
            return try JSON.parse(bytes, limits: limits.json(budget))
        } catch {
            try budget?.check()
            throw APIError.malformedJSON(error)
        }
    }

    // MARK: Bytes

    /// Collects the body's bytes. A client that stops sending, or sends a byte now and then, is cut off: `ConnectionLife` ends a body that
    /// takes too long.
    private func collect(_ request: Request) async throws -> RequestBytes {
        let mediaType = request.headers[.contentType]?.split(separator: ";").first?.lowercased()
        guard takesAnyType || mediaType?.trimmingSpaces == "application/json" else { throw APIError.notJSON }
        return try await bytes(of: request)
    }

    /// Collects the bytes of a body of any type, as `collect` does.
    func bytes(of request: Request) async throws -> RequestBytes {
        let limit = limits.input.bodyBytes
        if let length = request.headers[.contentLength].flatMap({ Int($0) }), length > limit { throw APIError.bodyTooLarge(limit: limit) }
        let bytes = RequestBytes(use: use, limit: limit)
        do {
            for try await buffer in request.body { try bytes.append(buffer) }
        } catch is BodyTimeout {
            throw APIError.bodyTooSlow
        } catch let error where error is HTTPParserError || error is IOError {
            throw APIError(ofBody: error)
        }
        return bytes
    }
}

extension ServerLimits {
    fileprivate func json(_ budget: WorkBudget?) -> JSONLimits {
        var limits = JSONLimits(depth: input.jsonDepth, bytes: input.bodyBytes, values: input.jsonValues, digits: input.numberDigits)
        limits.replacesLoneSurrogates = true
        if let budget { limits.isStopped = { (try? budget.check()) == nil } }
        return limits
    }
}

extension APIError {
    /// Maps an error of the connection while a body arrives. If the body just ends, the client has disconnected.
    init(ofBody error: any Error) { self = error is IOError || (error as? HTTPParserError) == .invalidEOFState ? .cancelled : .notHTTP }
}

extension StringProtocol {
    var trimmingSpaces: String { String(drop { $0 == " " }.reversed().drop { $0 == " " }.reversed()) }
}
