package import ShimmyChat
package import ShimmyCore
import Synchronization

/// The texts of one request, for an administrator who asked for them with a setting: its body, its prompts and its answers. They are in memory only.
/// A text that exceeds its limit, or the limit of all texts together, is cut.
package final class RequestInspection: Sendable {
    /// A text of bounded length.
    package struct Text: Sendable {
        package fileprivate(set) var bytes: [UInt8] = []
        /// The number of bytes that the whole text has.
        package fileprivate(set) var count = 0

        package var isCut: Bool { bytes.count < count }
        package var string: String { String(decoding: bytes, as: UTF8.self) }
    }

    /// A prompt as the model gets it.
    package struct Prompt: Sendable {
        package fileprivate(set) var text = Text()
        /// The index of the first byte of each token in the text, as far as the text is known.
        package fileprivate(set) var starts: [UInt32] = []
        /// The number of tokens.
        package fileprivate(set) var tokens = 0
    }

    /// One choice of the answer.
    package struct Choice: Sendable {
        package fileprivate(set) var content = Text()
        package fileprivate(set) var reasoning = Text()
        /// The calls of tools: a line for each call, with its name and its arguments.
        package fileprivate(set) var calls = Text()
    }

    package struct Texts: Sendable {
        package fileprivate(set) var body = Text()
        package fileprivate(set) var prompts: [Prompt] = []
        package fileprivate(set) var choices: [Int: Choice] = [:]
    }

    private struct State {
        var texts = Texts()
        /// The bytes that are reserved in the memory of all inspections, and those of them that are not used.
        var (reserved, free) = (0, 0)
    }

    /// The max bytes of a body, and of each other text of a request.
    package static let longestText = 256 << 10
    /// The max number of prompts, and of choices, of a request.
    package static let mostTexts = 8
    /// The bytes that are reserved at a time.
    private static let block = 16 << 10

    private let memory: InspectionMemory
    /// Discards texts of earlier requests until the given function returns true.
    private let makeRoom: @Sendable (_ isEnough: () -> Bool) -> Void
    private let state = Mutex(State())

    init(memory: InspectionMemory, makeRoom: @escaping @Sendable (_ isEnough: () -> Bool) -> Void) {
        self.memory = memory
        self.makeRoom = makeRoom
    }

    deinit { memory.release(state.withLock { $0.reserved }) }

    package var texts: Texts { state.withLock { $0.texts } }

    // MARK: Noting

    /// Notes the body as the server received it, after its decompression and without the data of images and recordings.
    package func note(body: [UInt8]) {
        let body = InspectedBody.withoutMedia(body)
        state.withLock { state in
            var text = state.texts.body
            state.texts.body = Text()
            append(body, to: &text, &state)
            state.texts.body = text
        }
    }

    /// Notes a prompt.
    /// - piece: returns the bytes of a token.
    package func note(prompt tokens: [Token], piece: (Token) -> [UInt8]) {
        state.withLock { state in
            guard state.texts.prompts.count < Self.mostTexts else { return }
            var prompt = Prompt()
            prompt.tokens = tokens.count
            for token in tokens {
                // The position of a token takes as much memory as four bytes of text.
                guard reserve(4, &state) else { break }
                prompt.starts.append(UInt32(prompt.text.bytes.count))
                append(piece(token), to: &prompt.text, &state)
                if prompt.text.isCut { break }
            }
            state.texts.prompts.append(prompt)
        }
    }

    /// Notes a part of the answer.
    package func note(_ delta: AnswerDelta, choice index: Int) {
        state.withLock { state in
            guard state.texts.choices[index] != nil || state.texts.choices.count < Self.mostTexts else { return }
            var choice = state.texts.choices.removeValue(forKey: index) ?? Choice()
            switch delta {
            case .content(let text, _): append(Array(text.utf8), to: &choice.content, &state)
            case .reasoning(let text): append(Array(text.utf8), to: &choice.reasoning, &state)
            case .call(_, _, let name): append(Array("\(choice.calls.count == 0 ? "" : "\n")\(name) ".utf8), to: &choice.calls, &state)
            case .arguments(_, let text): append(Array(text.utf8), to: &choice.calls, &state)
            }
            state.texts.choices[index] = choice
        }
    }

    // MARK: Memory

    /// Appends bytes as far as the limits allow. Nothing follows a cut.
    private func append(_ bytes: [UInt8], to text: inout Text, _ state: inout State) {
        let wasCut = text.isCut
        text.count = text.count.saturated(adding: bytes.count)
        guard !wasCut else { return }
        let kept = min(bytes.count, Self.longestText - text.bytes.count)
        guard kept > 0, reserve(kept, &state) else { return }
        text.bytes += bytes.prefix(kept)
    }

    /// Reserves memory, if necessary that of the texts of earlier requests.
    private func reserve(_ count: Int, _ state: inout State) -> Bool {
        if state.free < count {
            let missing = max(count - state.free, Self.block)
            if !memory.hasRoom(for: missing) { makeRoom { memory.hasRoom(for: missing) } }
            guard memory.reserve(missing) else { return false }
            state.reserved += missing
            state.free += missing
        }
        state.free -= count
        return true
    }
}
