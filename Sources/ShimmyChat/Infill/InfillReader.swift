import ShimmyCore

/// A prompt to fill a gap, and a description of the surroundings that were dropped because they did not fit into the context.
struct InfillPrompt: Sendable, Equatable {
    var tokens: [Token]
    /// The number of files that were dropped.
    var droppedFiles = 0
    /// Whether the beginning of the text before the gap, or the end of the text after it, is missing.
    var isCut = false
}

/// Makes prompts to fill gaps. Uses the pattern for repositories if the model was trained with it.
struct InfillReader {
    let vocabulary: any Vocabulary
    let contextLength: Int
    let budget: WorkBudget

    /// - before: the text before the gap.
    /// - maximumTokens: the max number of tokens of the answer. Up to a quarter of the context is kept free for them.
    /// Throws `GenerationError`, and `WorkStopped` if the texts take too long to tokenize.
    func read(_ before: String, _ gap: TextGap, maximumTokens: Int) throws -> InfillPrompt {
        guard let marks = vocabulary.infillMarks else { throw GenerationError.noInfill }
        let room = max(0, contextLength - max(1, min(maximumTokens, contextLength / 4)) - marks.beginning.count - 3)
        var first = try tokens(of: end(of: before, room))
        var last = try tokens(of: beginning(of: gap.suffix, room))
        var prompt = InfillPrompt(tokens: [])
        if first.count + last.count > room {
            prompt.isCut = true
            // The text before the gap matters more, so it gets at least three quarters of the room if it needs them.
            last = Array(last.prefix(max(room / 4, room - first.count)))
            first = Array(first.suffix(room - last.count))
        }
        var context: [Token] = []
        if !gap.files.isEmpty {
            let parts = try self.context(gap.files, marks, room: room - first.count - last.count)
            context = parts.flatMap { $0 }
            // The first part and the last one belong to no file.
            prompt.droppedFiles = gap.files.count - max(0, parts.count - 2)
        }
        prompt.tokens = marks.prompt(context: context, before: first, after: last)
        return prompt
    }

    /// Returns the tokens of the last files that fit, between the beginning of the repository and that of the file with the gap; nothing if no file
    /// fits.
    private func context(_ files: [TextGap.File], _ marks: InfillMarks, room: Int) throws -> [[Token]] {
        let head = try marks.repository.map { try [$0] + tokens(of: "project\n") } ?? []
        let tail = try heading("file", marks)
        var remaining = room - head.count - tail.count
        var kept: [[Token]] = []
        for file in files.reversed() {
            // A long text is not tokenized to find out that it does not fit.
            guard vocabulary.fewestTokens(bytes: file.name.utf8.count + file.text.utf8.count) <= remaining else { break }
            let tokens = try heading(file.name, marks) + tokens(of: file.text)
            guard tokens.count <= remaining else { break }
            remaining -= tokens.count
            kept.append(tokens)
        }
        return kept.isEmpty ? [] : [head] + kept.reversed() + [tail]
    }

    /// Returns the tokens before the text of a file.
    private func heading(_ name: String, _ marks: InfillMarks) throws -> [Token] {
        guard let file = marks.file else { return try tokens(of: "\n\n--- \(name) ---\n\n") }
        return try [file] + tokens(of: name + "\n")
    }

    private func tokens(of text: String) throws -> [Token] {
        try vocabulary.checkLength(of: text)
        return try vocabulary.tokenize(text, addSpecial: false, parseSpecial: false, within: budget)
    }

    /// Returns the beginning of a text, with more than `room` tokens if the text has more. The time to tokenize it does not depend on the whole text.
    private func beginning(of text: String, _ room: Int) -> String {
        guard let most = bytes(room), text.utf8.count > most else { return text }
        return String(decoding: text.utf8.prefix(most), as: UTF8.self)
    }

    /// Returns the end of a text, like `beginning`.
    private func end(of text: String, _ room: Int) -> String {
        guard let most = bytes(room), text.utf8.count > most else { return text }
        return String(decoding: text.utf8.suffix(most), as: UTF8.self)
    }

    /// Returns a number of bytes that certainly has more than `room` tokens; nil if it is unknown.
    private func bytes(_ room: Int) -> Int? { vocabulary.longestToken.map { (room + 64).saturated(multipliedBy: $0) } }
}

extension LocalGenerator {
    /// Returns the prompt of a request to fill a gap; nil for other requests.
    func infill(_ prompt: TextRequest.Prompt, _ request: TextRequest, _ budget: WorkBudget) throws -> InfillPrompt? {
        guard let gap = request.gap, case .text(let before) = prompt else { return nil }
        return try InfillReader(vocabulary: vocabulary, contextLength: contextLength, budget: budget)
            .read(before, gap, maximumTokens: request.maximumTokens)
    }
}

extension AnswerReport {
    /// Returns the report with the parts that a prompt lacks.
    func adding(_ infill: InfillPrompt?) -> AnswerReport {
        guard let infill else { return self }
        var report = self
        report.droppedFiles += infill.droppedFiles
        report.isCut = report.isCut || infill.isCut
        return report
    }
}
