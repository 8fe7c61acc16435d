package import ShimmyCore

/// The identifier of a sequence within one engine, for the sequence's whole life.
package struct SequenceID: Hashable, Sendable, CustomStringConvertible {
    package let rawValue: UInt64

    package init(_ rawValue: UInt64) { self.rawValue = rawValue }

    package var description: String { "sequence \(rawValue)" }
}

/// The contents of the cells that one step computes, all with the same adapters.
package struct Batch: Sendable, Equatable {
    /// A run of consecutive units of one sequence.
    package struct Chunk: Sendable, Equatable {
        /// The units of a chunk: either text or cells of one media segment.
        package enum Content: Sendable, Equatable {
            case tokens([Token])
            case media(MediaCells)
        }

        package var sequence: SequenceID
        package var slot: Int
        /// The length of the sequence before the chunk.
        package var start: PrefixLength
        package private(set) var content: Content
        package var kind: Kind
        /// The tokens whose log probabilities are wanted; nil for none.
        package var scores: Scores?

        package init(sequence: SequenceID, slot: Int, start: PrefixLength, content: Content, kind: Kind) {
            self.sequence = sequence
            self.slot = slot
            self.start = start
            self.content = content
            self.kind = kind
        }

        /// The number of units, each of which is a row of the batch.
        package var rowCount: Int {
            switch content {
            case .tokens(let tokens): tokens.count
            case .media(let part): part.cells.count
            }
        }

        /// The tokens of text; empty for media.
        package var tokens: [Token] { if case .tokens(let tokens) = content { tokens } else { [] } }

        package var units: [PromptUnit] {
            switch content {
            case .tokens(let tokens): tokens.map { PromptUnit($0) }
            case .media(let part): part.units
            }
        }

        /// Adds tokens to the end of text.
        mutating func append(_ tokens: some Sequence<Token>) {
            guard case .tokens(let known) = content else { preconditionFailure("text in a chunk of media") }
            content = .tokens(known + tokens)
        }

        /// The role of a chunk's units in their sequence: part of the prompt, known tokens of the answer, or a draft.
        package enum Kind: Sendable, Equatable {
            /// Prefill after which no token is sampled, because more tokens are pending or none is wanted.
            case prefill
            /// The end of prefill. The next token is sampled from the last logits.
            case prefillEnd
            /// Known tokens of a stream, such as forced ones, after which more known tokens are pending.
            case forced
            /// The last known tokens of a stream, then a draft of `drafts` tokens. The next token is sampled from the logits before the draft. A
            /// drafted token is accepted if it equals the token that is sampled for its position. The first rejected one invalidates all tokens
            /// after it. `isPrediction`: whether the draft comes from the client's prediction.
            case continuation(drafts: Int = 0, isPrediction: Bool = false)
        }

        /// Whether the next token is sampled after the chunk's last known token.
        package var samples: Bool {
            switch kind {
            case .prefillEnd, .continuation: true
            case .prefill, .forced: false
            }
        }

        /// Whether the chunk continues a running stream, rather than being prefill.
        package var continuesStream: Bool {
            switch kind {
            case .forced, .continuation: true
            case .prefill, .prefillEnd: false
            }
        }

        /// The number of drafted tokens at the end.
        package var drafts: Int { if case .continuation(let drafts, _) = kind { drafts } else { 0 } }
        /// Whether a draft comes from the client's prediction.
        package var isPrediction: Bool { if case .continuation(_, let isPrediction) = kind { isPrediction } else { false } }
    }

    /// The tokens to score after some of a chunk's rows: the prompt's own, or alternatives for one position.
    package struct Scores: Sendable, Equatable {
        /// The index of the first of these rows in the chunk. A row's logits give the log probability of the token after it.
        package var firstRow: Int
        /// The tokens that follow `firstRow` and each row after it, or the tokens that may follow `firstRow`.
        package var tokens: [Token]
        /// Whether all tokens are alternatives for the position after `firstRow`.
        package var areAlternatives: Bool

        package init(firstRow: Int, tokens: [Token], areAlternatives: Bool = false) {
            self.firstRow = firstRow
            self.tokens = tokens
            self.areAlternatives = areAlternatives
        }

        /// The number of rows whose logits give the log probabilities.
        package var rowCount: Int { areAlternatives ? min(1, tokens.count) : tokens.count }
    }

    package var chunks: [Chunk] = []
    package var adapters: AdapterSet

    package init(chunks: [Chunk] = [], adapters: AdapterSet = .none) {
        self.chunks = chunks
        self.adapters = adapters
    }

    package var rowCount: Int { chunks.reduce(0) { $0 + $1.rowCount } }
    package var isEmpty: Bool { chunks.isEmpty }

    /// Removes the chunk of a sequence, if there is one.
    mutating func remove(_ id: SequenceID) { chunks.removeAll { $0.sequence == id } }

    /// The number of rows whose logits are wanted.
    package var outputCount: Int { chunks.reduce(0) { $0 + ($1.samples ? 1 + $1.drafts : 0) + ($1.scores?.rowCount ?? 0) } }
}
