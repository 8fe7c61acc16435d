package import ShimmyChat
import ShimmyCore
import ShimmyJSON

/// Checks the form of an answer whose schema the upstream does not enforce.
package enum AnswerCheck {
    /// Returns whether the content of each choice is JSON, as far as a choice has ended by itself and calls no tools.
    package static func isJSON(_ events: [AnswerEvent]) -> Bool {
        var contents: [Int: String] = [:]
        for event in events {
            switch event {
            case .delta(let choice, .content(let text, _)): contents[choice, default: ""] += text
            case .finished(let choice, .stop):
                guard let text = contents[choice], (try? JSON.parse(text, limits: WireJSON.limits)) != nil else { return false }
            default: break
            }
        }
        return true
    }
}
