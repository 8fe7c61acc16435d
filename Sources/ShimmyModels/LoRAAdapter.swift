import Foundation
import ShimmyFormats

/// A LoRA adapter that requests to a model can select.
package struct LoRAAdapter: Sendable, Equatable {
    /// The name that clients use.
    package var name: String
    /// The path of its GGUF file.
    package var path: String
    /// The strength of the adapter for requests that select no adapters; 0 disables it.
    package var scale: Float
    /// Whether the model must not be loaded without the adapter, because a user or another program assigned the adapter to the model.
    package var isRequired: Bool

    /// - name: nil for the file's name without its extension.
    package init(name: String? = nil, path: String, scale: Float = 1, isRequired: Bool = true) {
        self.isRequired = isRequired
        self.name = name ?? FileName((path as NSString).lastPathComponent)?.stem ?? (path as NSString).lastPathComponent
        self.path = path
        self.scale = scale
    }

    /// The allowed scales. Scales outside this range make the model's output meaningless.
    package static let scales: ClosedRange<Float> = -10...10
}
