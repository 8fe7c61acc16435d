import ShimmyChat
import ShimmyCore
import ShimmyUpstreams

/// A generator whose answers come from a child process.
struct IsolatedGenerator: TextGenerator {
    let model: IsolatedModel

    var contextLength: Int { model.facts.contextLength }

    func prepare(_ conversation: Conversation) async throws -> PreparedPrompt {
        let model = model
        return try await model.call { run in
            try await model.peer(run).prepare(conversation, model: model.name, context: model.context())
        }
    }

    func generate(_ request: ChatRequest, terms: ServiceTerms) async throws -> sending Answer {
        let admitted = try model.admitted(terms, bytes: request.conversation.bytes)
        let fields = model.fields(clamps: request.clampsMaximumTokens, terms)
        return try await answer { [model] run in
            try await model.peer(run, adding: fields).generate(request, model: model.name, terms: admitted, context: model.context(terms))
        }
    }

    func complete(_ request: TextRequest, terms: ServiceTerms) async throws -> sending Answer {
        let bytes = request.prompts.reduce(0) { $0.saturated(adding: Self.bytes($1)) }
        let admitted = try model.admitted(terms, bytes: bytes)
        let fields = model.fields(clamps: request.clampsMaximumTokens, terms)
        return try await answer { [model] run in
            try await model.peer(run, adding: fields).complete(request, model: model.name, terms: admitted, context: model.context(terms))
        }
    }

    private static func bytes(_ prompt: TextRequest.Prompt) -> Int {
        switch prompt {
        case .text(let text): text.utf8.count
        case .tokens(let tokens): tokens.count.saturated(multipliedBy: 4)
        }
    }

    /// Begins an answer. It counts as work of the process until it ends.
    private func answer(_ begin: (EngineRun) async throws -> sending Answer) async throws -> sending Answer {
        let run = try await model.supervisor.running()
        let place = model.use.begin()
        do {
            return Answer.following(try await begin(run), of: model, in: run, place)
        } catch {
            throw await model.failure(error, in: run)
        }
    }
}

extension Answer {
    /// Returns an answer that names the reason if the process ends before the answer.
    fileprivate static func following(
        _ answer: sending Answer, of model: IsolatedModel, in run: EngineRun, _ place: EngineUse.Place
    ) -> sending Answer {
        let report = answer.report
        return Answer(canceller: answer.canceller, report: report) {
            do {
                guard let event = try await answer.nextEvent() else {
                    place.end()
                    return nil
                }
                if case .ended = event { place.end() }
                return event
            } catch {
                place.end()
                throw await model.failure(error, in: run)
            }
        }
    }
}
