import Foundation
import Logging
import ShimmyAPI
import ShimmyAccounts

/// Adds answers without a request of their own to the history: background responses, and responses over a WebSocket. `RequestMiddleware` adds all
/// others.
package struct AnswerHistory: AnswerObserver {
    private let history: RequestHistory

    package init(_ history: RequestHistory) { self.history = history }

    package func ended(_ life: AnswerLife, _ caller: Caller) {
        guard caller.request == nil else { return }
        var facts = RequestLife.Facts()
        facts.take(life)
        let id = caller.logger[metadataKey: "response"] ?? caller.logger[metadataKey: "request"]
        let key = caller.key?.name
        history.add(
            RequestRecord(
                id: id.map { "\($0)" } ?? "", method: "POST", endpoint: "/v1/responses", api: .openAI, client: .init(key: key),
                arrived: caller.arrived, time: Date().timeIntervalSince1970, end: life.end, facts: facts))
    }
}
