import Foundation

/// A LoRA adapter that requests to a model may ask for.
package struct LoRAAdapter: Sendable, Equatable {
    /// What clients call it.
    package var name: String
    /// Its GGUF file.
    package var path: String
    /// How strongly it counts for requests that name no adapters; 0 for not at all.
    package var scale: Float
    /// Whether the model is not to be loaded without it: somebody said that it belongs to the model.
    package var isRequired: Bool

    /// - name: nil for the file's name without its ending.
    package init(name: String? = nil, path: String, scale: Float = 1, isRequired: Bool = true) {
        self.isRequired = isRequired
        self.name = name ?? FileName((path as NSString).lastPathComponent)?.stem ?? (path as NSString).lastPathComponent
        self.path = path
        self.scale = scale
    }

    /// Beyond these a model says nothing that anybody could mean.
    package static let scales: ClosedRange<Float> = -10...10
}
