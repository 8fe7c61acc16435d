import Foundation
import ShimmyCore
package import ShimmyFormats

/// The adapters that are loaded with a model. llama.cpp checks only some of the conditions that an adapter must meet and aborts the process if
/// others are violated, so this type checks all of them first, on the headers.
package struct AdapterPlan: Sendable, Equatable {
    /// The adapters to load, in the order of `lora[].id`.
    package private(set) var adapters: [LoRAAdapter] = []
    /// The reasons why the other adapters are not loaded, by adapter name.
    package private(set) var refused: [String: String] = [:]
    /// The total size of the adapters' files in bytes, which equals their size in memory.
    package private(set) var sizeBytes = 0

    /// The max number of adapters that were found rather than requested by name. They take memory, so their total size is limited too, to the
    /// size of the model.
    private static let mostFound = 16

    /// Creates the plan of a model without adapters.
    package init() {}

    /// Checks which candidates fit the model. Throws `AdapterError` if a required adapter does not fit.
    /// - model: the headers of all of the model's files.
    /// - candidates: the adapters to check, those that belong to the model first. Of two adapters with the same name, the first one is used.
    package init(for model: [GGUFHeader], candidates: [LoRAAdapter]) throws(AdapterError) {
        let weights = AdapterFit(model)
        var room = model.reduce(0) { sum, header in header.tensors.reduce(sum) { $0.saturated(adding: $1.sizeBytes) } }
        var files: Set<String> = []
        for adapter in candidates where files.insert(FileFacts.realPath(adapter.path)).inserted {
            var problem = weights.problem(of: adapter)
            if problem == nil, adapters.contains(where: { $0.name == adapter.name }) { problem = "another adapter has the same name" }
            let size = FileFacts(path: adapter.path)?.sizeBytes ?? 0
            if problem == nil, !adapter.isRequired, adapters.count >= Self.mostFound || size > room {
                problem = "there are too many adapters for this model; adapters given with --lora are loaded first"
            }
            if let problem {
                if adapter.isRequired { throw AdapterError(adapter: adapter.name, reason: problem) }
                if refused[adapter.name] == nil { refused[adapter.name] = problem }
                continue
            }
            adapters.append(adapter)
            sizeBytes = sizeBytes.saturated(adding: size)
            refused[adapter.name] = nil
            if !adapter.isRequired { room -= size }
        }
    }
}

package struct AdapterError: Error, Equatable, CustomStringConvertible {
    package let adapter: String
    package let reason: String

    package init(adapter: String, reason: String) {
        self.adapter = adapter
        self.reason = reason
    }

    package var description: String { "its adapter \(adapter) cannot be used: \(reason)" }
}

/// A model's weights, to check whether an adapter fits them.
struct AdapterFit {
    private let architecture: String?
    private let weights: [String: GGUFTensor]
    private static let table = "token_embd.weight"
    /// The allowed types of adapter tensors. ggml does not support other types in every product that adapters need.
    private static let types: Set<String> = ["F32", "F16", "BF16", "Q8_0"]

    init(_ model: [GGUFHeader]) {
        architecture = model.first?.architecture
        weights = Dictionary(model.flatMap(\.tensors).map { ($0.name, $0) }) { first, _ in first }
    }

    /// Returns why an adapter does not fit, or nil if it fits.
    func problem(of adapter: LoRAAdapter) -> String? {
        do {
            return problem(of: try GGUFHeader.read(path: adapter.path))
        } catch {
            return error.description
        }
    }

    func problem(of adapter: GGUFHeader) -> String? {
        guard adapter.metadata["general.type"]?.stringValue == "adapter" else { return "it is not an adapter" }
        guard adapter.metadata["adapter.type"]?.stringValue == "lora" else { return "it is not a LoRA adapter" }
        guard let its = adapter.architecture, its == architecture else {
            return "it is for the architecture \(adapter.architecture ?? "unknown"), but the model's architecture is \(architecture ?? "unknown")"
        }
        switch adapter.metadata["adapter.lora.alpha"] {
        case nil, .float?: break
        default: return "its alpha is not a 32-bit float"
        }
        if adapter.metadata["adapter.alora.invocation_tokens"] != nil { return "activated LoRA (aLoRA) is not supported" }
        return tensorProblem(adapter.tensors)
    }

    private func tensorProblem(_ tensors: [GGUFTensor]) -> String? {
        var pairs: [String: (a: GGUFTensor?, b: GGUFTensor?)] = [:]
        for tensor in tensors {
            if tensor.name.hasSuffix(".lora_a") {
                pairs[String(tensor.name.dropLast(7)), default: (nil, nil)].a = tensor
            } else if tensor.name.hasSuffix(".lora_b") {
                pairs[String(tensor.name.dropLast(7)), default: (nil, nil)].b = tensor
            } else if !tensor.name.hasSuffix("_norm.weight") {
                return "it has a tensor \(tensor.name), which is not part of a LoRA adapter"
            }
        }
        if pairs.isEmpty { return "it has no tensors" }
        for (name, pair) in pairs.sorted(by: { $0.key < $1.key }) {
            guard let a = pair.a, let b = pair.b else { return "its tensor \(name) has only one of its two halves" }
            guard let weight = weights[name] else { return "the model has no tensor \(name)" }
            // Without `output.weight`, this tensor is also the model's output layer. llama.cpp applies the adapter to both uses, but its halves
            // fit only one.
            if name == Self.table, weights["output.weight"] == nil {
                return "the model's token embedding table is also its output layer, so it cannot be adapted"
            }
            guard Self.fits(a, b, weight, isTable: name.hasSuffix(Self.table)) else {
                return "the shape of its tensor \(name) does not match the model's tensor"
            }
            guard Self.types.contains(a.type.name), Self.types.contains(b.type.name), weight.type.name != "NVFP4" else {
                return "its tensor \(name) has an unsupported type"
            }
        }
        return nil
    }

    /// Returns whether the two halves of an adapter fit a weight. Shapes are in ggml's order, row length first: a is `[in, rank]`, b is
    /// `[rank, out]`. For the token embedding table, whose rows are looked up, a is `[rank, tokens]` and b is `[rank, width]`.
    private static func fits(_ a: GGUFTensor, _ b: GGUFTensor, _ weight: GGUFTensor, isTable: Bool) -> Bool {
        func length(_ tensor: GGUFTensor, _ dimension: Int) -> Int { dimension < tensor.shape.count ? tensor.shape[dimension] : 1 }
        let rank = length(b, 0)
        guard rank > 0, weight.shape.count >= 2, (2...3).allSatisfy({ length(a, $0) == length(weight, $0) && length(b, $0) == length(weight, $0) })
        else { return false }
        if isTable { return length(a, 0) == rank && length(a, 1) == length(weight, 1) && length(b, 1) == length(weight, 0) }
        return length(a, 0) == length(weight, 0) && length(a, 1) == rank && length(b, 1) == length(weight, 1)
    }
}
