import CChat
import CLlama
package import ShimmyChat
import ShimmyJSON

/// A model's own chat template, rendered by llama.cpp's `common` library.
///
/// `@unchecked Sendable`: the parsed templates are immutable; rendering only reads them.
package final class LlamaChatTemplate: ChatTemplate, @unchecked Sendable {
    private let pointer: OpaquePointer
    /// The templates refer to the model's vocabulary.
    private let model: LlamaModel?

    /// Takes the model's own template. Throws `LlamaError` when `cchat_templates_create` cannot parse it.
    package convenience init(model: LlamaModel) throws { try self.init(model: model, source: nil) }

    /// Takes a Jinja template as text, for tests and for files.
    package convenience init(source: String) throws { try self.init(model: nil, source: source) }

    private init(model: LlamaModel?, source: String?) throws {
        var error: UnsafeMutablePointer<CChar>?
        guard let pointer = cchat_templates_create(model?.pointer, source, &error) else {
            throw LlamaError(description: "the chat template does not parse: \(Self.take(error) ?? "no reason given")")
        }
        self.pointer = pointer
        self.model = model
    }

    deinit { cchat_templates_free(pointer) }

    /// Whether the model brought a template; otherwise ChatML is used.
    package var isExplicit: Bool { cchat_templates_explicit(pointer) }

    package func render(_ messages: [ChatMessage]) throws(ChatTemplateError) -> RenderedPrompt {
        let request: JSON = ["messages": .array(messages.map(\.json)), "add_generation_prompt": true]
        var error: UnsafeMutablePointer<CChar>?
        guard let rendered = Self.take(cchat_render(pointer, request.text, &error)) else {
            throw ChatTemplateError(Self.take(error) ?? "the chat template failed without a reason")
        }
        guard let result = try? JSON.parse(rendered), let prompt = result["prompt"]?.stringValue else {
            throw ChatTemplateError("the chat template gave a text that is not UTF-8")
        }
        return RenderedPrompt(text: prompt, additionalStops: result["additional_stops"]?.arrayValue?.compactMap(\.stringValue) ?? [])
    }

    /// Copies a string of cchat's and frees it.
    private static func take(_ string: UnsafeMutablePointer<CChar>?) -> String? {
        guard let string else { return nil }
        defer { cchat_string_free(string) }
        return String(cString: string)
    }
}
