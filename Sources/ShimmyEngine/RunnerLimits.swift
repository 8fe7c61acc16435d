// This module turns token sequences into streams of tokens. It handles tokens, never text, and sequences, never requests.

import ShimmyCore

/// The capacity and the abilities of a runner. The scheduler plans within them.
package struct RunnerLimits: Sendable, Equatable {
    /// The number of cells in the KV cache: tokens that all sequences together can keep computed.
    package var cells: Int
    /// The max length of a sequence, prompt and answer together, in tokens.
    package var contextLength: Int
    /// The number of slots: token prefixes, of running sequences and idle ones, that can have cells at the same time.
    package var slots: Int
    /// The max number of sequences that run at the same time; the others wait. At most one for each slot, each row of a batch and each output,
    /// since a step serves every running stream.
    package var running: Int
    /// The max number of tokens that one step computes.
    package var batchTokens: Int
    /// The max number of rows of one step that have logits; at least one for each running sequence.
    package var outputs: Int
    /// Whether the tail of a slot can be dropped, and a part of the slot shared. Recurrent and hybrid models can use a slot only as a whole.
    package var canRewind: Bool
    /// The number of last tokens that the next token attends to in every layer, in models that may discard older tokens; 0 in models that keep all
    /// tokens.
    package var window: Int
    /// Whether the stored state of a prefix suffices to restore a part of the prefix.
    package var storesParts: Bool { canRewind && window == 0 }

    /// Returns whether every token in the attention window of `position` is still cached, given that the cache contains all tokens from `first` on.
    package func hasWindow(before position: Int, from first: Int) -> Bool { window == 0 || first <= max(0, position - window) }

    package init(
        cells: Int, contextLength: Int, slots: Int, running: Int? = nil, batchTokens: Int, outputs: Int? = nil, canRewind: Bool, window: Int = 0
    ) {
        self.window = window
        let outputs = outputs ?? batchTokens
        self.outputs = outputs
        let running = running ?? slots
        precondition(cells >= contextLength && contextLength > 1 && running > 0 && running <= slots && batchTokens > 0 && outputs > 0)
        self.running = min(running, batchTokens, outputs)
        self.cells = cells
        self.contextLength = contextLength
        self.slots = slots
        self.batchTokens = batchTokens
        self.canRewind = canRewind
    }
}
