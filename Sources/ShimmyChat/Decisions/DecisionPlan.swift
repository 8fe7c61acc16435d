import ShimmyCore

/// The prompts and the labels of a decision request as tokens.
struct DecisionPlan: Sendable {
    struct Question: Sendable {
        /// The tokens after those that all questions share.
        var tokens: [Token]
        var trie: LabelTrie
    }

    /// One position of a question's trie.
    struct Position: Sendable {
        let question: Int
        let node: Int
    }

    /// The tokens with which all prompts begin.
    var shared: [Token] = []
    var questions: [Question] = []

    /// The number of all tokens of the prompts, with the shared ones counted once.
    var tokenCount: Int { questions.reduce(shared.count) { $0 + $1.tokens.count } }

    /// Returns the prompt whose last logits are those of a position.
    func prompt(at position: Position) -> [Token] {
        let question = questions[position.question]
        return shared + question.tokens + question.trie.nodes[position.node].path
    }

    func probes(at position: Position) -> [Token] { questions[position.question].trie.nodes[position.node].next }
}
