package import ShimmyCore

/// The fields that chat, completion and response requests share.
package protocol AnswerRequest: Sendable {
    var model: String { get }
    /// How long the model stays loaded after the request; nil to leave the current setting as it is.
    var keepAlive: KeepAlive? { get }
    var stream: Bool { get }
    /// The fields without effect, in the request's order.
    var ignoredParameters: ReportedNames { get }
}

extension ChatCompletionRequest: AnswerRequest {}
extension CompletionRequest: AnswerRequest {}
extension ResponseRequest: AnswerRequest {}
