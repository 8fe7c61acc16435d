import ShimmyChat
import ShimmyCore
import ShimmyJSON
import Synchronization

/// The body of an upstream's answer to a request for media. One task reads it.
final class MediaStream: Sendable {
    private struct State {
        /// The bytes of all pieces.
        var count = 0
        /// The bytes of an event whose end has not arrived; of a whole body, all bytes.
        var held: [UInt8] = []
        var usage: Usage?
        var isOver = false
    }

    private let upstream: String
    private let group: ExchangeGroup
    private let form: MediaAnswer.Form
    private let state = Mutex(State())

    /// - group: a group of one exchange, whose head was read.
    init(_ group: ExchangeGroup, _ form: MediaAnswer.Form, upstream: String) {
        self.group = group
        self.form = form
        self.upstream = upstream
    }

    deinit { group.cancel() }

    var usage: Usage? { state.withLock { $0.usage } }

    func cancel() { group.cancel() }

    /// Returns the next piece; nil at the end. A whole body is a single piece. Throws `UpstreamFailure`, or `CancellationError` once
    /// cancelled.
    func next() async throws -> [UInt8]? {
        while !state.withLock({ $0.isOver }) {
            guard case .piece(_, let piece) = try await group.next(of: [0]) else { continue }
            switch piece {
            case .head: continue
            case .bytes(let bytes):
                guard let ready = try take(bytes) else { continue }
                await noteUsage(in: ready)
                return ready
            case .end:
                let rest = state.withLock { state in
                    state.isOver = true
                    defer { state.held = [] }
                    return state.held
                }
                await noteUsage(in: rest)
                return rest.isEmpty ? nil : rest
            }
        }
        return nil
    }

    /// Adds bytes. Returns those that can be passed on; nil for none. Throws if the answer exceeds a limit.
    private func take(_ bytes: [UInt8]) throws -> [UInt8]? {
        let limit = form == .whole ? UpstreamLimits.responseBytes : UpstreamLimits.answerBytes
        let (isTooLong, ready) = state.withLock { state -> (Bool, [UInt8]?) in
            guard bytes.count <= limit - state.count else { return (true, nil) }
            state.count += bytes.count
            if form == .bytes { return (false, bytes) }
            // The end of an event can be split between two pieces.
            let searched = max(0, state.held.count - 3)
            state.held += bytes
            if form == .whole { return (false, nil) }
            guard let end = Self.lastEventEnd(in: state.held, from: searched) else { return (state.held.count > UpstreamLimits.mediaEventBytes, nil) }
            let ready = Array(state.held[..<end])
            state.held.removeFirst(end)
            return (false, ready)
        }
        if isTooLong { throw UpstreamFailure(upstream, .unreadable, "its answer is longer than the limit") }
        return ready
    }

    /// Returns the index after the last blank line that ends an event; nil if there is none.
    private static func lastEventEnd(in bytes: [UInt8], from start: Int) -> Int? {
        var index = bytes.count - 1
        while index > start {
            if bytes[index] == 0x0A {
                let before = bytes[index - 1] == 0x0D ? index - 2 : index - 1
                if before >= 0, bytes[before] == 0x0A { return index + 1 }
            }
            index -= 1
        }
        return nil
    }

    // MARK: Usage

    private static let mark = Array("\"usage\"".utf8)
    private static let data = Array("data:".utf8)

    /// Notes the tokens that a piece reports. An answer that reports none, or something else than JSON, has no usage.
    private func noteUsage(in bytes: [UInt8]) async {
        if form == .bytes { return }
        var usage: Usage?
        if bytes.count <= UpstreamLimits.quickBytes {
            usage = Self.usage(in: bytes, form)
        } else {
            usage = try? await WorkerPool.input.run(InputWork.lane(bytes: bytes.count)) { [form] _ in Self.usage(in: bytes, form) }
        }
        if let usage { state.withLock { $0.usage = usage } }
    }

    /// Returns the last usage that a body or events report.
    private static func usage(in bytes: [UInt8], _ form: MediaAnswer.Form) -> Usage? {
        if form == .whole { return usage(of: bytes[...]) }
        var last: Usage?
        for line in bytes.split(whereSeparator: { $0 == 0x0A || $0 == 0x0D }) where line.starts(with: data) {
            last = usage(of: line.dropFirst(data.count)) ?? last
        }
        return last
    }

    private static func usage(of bytes: ArraySlice<UInt8>) -> Usage? {
        guard hasMark(bytes), let usage = (try? JSON.parse(Array(bytes), limits: WireJSON.limits))?["usage"] else { return nil }
        let (input, output) = (usage["input_tokens"] ?? usage["prompt_tokens"], usage["output_tokens"] ?? usage["completion_tokens"])
        if input == nil, output == nil { return nil }
        let cached = (usage["input_tokens_details"] ?? usage["prompt_tokens_details"])?["cached_tokens"]
        let prompt = WireJSON.count(input)
        return Usage(promptTokens: prompt, cachedPromptTokens: min(prompt, WireJSON.count(cached)), completionTokens: WireJSON.count(output))
    }

    /// Returns whether a text names a usage. Most of the bytes of an image are not quotes.
    private static func hasMark(_ bytes: ArraySlice<UInt8>) -> Bool {
        var rest = bytes
        while let quote = rest.firstIndex(of: mark[0]) {
            rest = rest[quote...]
            if rest.starts(with: mark) { return true }
            rest = rest.dropFirst()
        }
        return false
    }
}
