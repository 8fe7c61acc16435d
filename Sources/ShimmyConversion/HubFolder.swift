import Foundation
import ShimmyCore
package import ShimmyFormats
package import ShimmyJSON

/// A model folder in the layout of the Hugging Face hub, without its weights.
package struct HubFolder: Sendable {
    package let path: String
    let config: JSON
    /// The paths of the SafeTensors files, in order.
    package let weights: [String]

    private static let configName = "config.json"
    private static let poolingName = "1_Pooling/config.json"
    private static let generationName = "generation_config.json"
    private static let indexName = "model.safetensors.index.json"
    private static let longestJSON = 16 << 20
    private static let mostValues = 1 << 20
    /// The maximum number of bytes of tokenizer.json. A vocabulary of 256,000 tokens with its merges has about 35 MB. The file is read only for a
    /// conversion.
    private static let longestTokenizer = 128 << 20
    private static let mostTokenizerValues = 1 << 23

    /// Returns whether a folder looks like a SafeTensors model, from the names of its files alone.
    package static func isModel(names: [String]) -> Bool {
        names.contains("config.json") && names.contains { $0.hasSuffix(".safetensors") }
    }

    package init(path: String) throws(FormatError) {
        self.path = path
        config = try Self.json("\(path)/\(Self.configName)")
        weights = try Self.weights(path)
    }

    /// The model's class, such as `LlamaForCausalLM`.
    package var className: String? { config["architectures"]?.arrayValue?.first?.stringValue }
    package var contextLength: Int? { config["max_position_embeddings"]?.intValue }

    /// The generation settings recommended by the model's makers; nil if the file is absent or not JSON.
    package var generationConfig: JSON? { try? file(Self.generationName) }

    /// Returns the catalog's description of the model, from headers alone. Throws `FormatError` if the folder cannot be converted.
    package func describe() throws(FormatError) -> Description {
        guard let className else { throw FormatError("its config.json does not name the model's class") }
        let family = try ModelFamily.of(className: className)
        var parameters = 0
        var types: [String: Int] = [:]
        for path in weights {
            for tensor in try SafeTensorsFile(path: path).tensors.values {
                // Tensors of types that are not converted may have any shape, so the sums may overflow.
                parameters = parameters.saturated(adding: tensor.shape.reduce(1, *))
                types[tensor.type] = types[tensor.type, default: 0].saturated(adding: tensor.range.count)
            }
        }
        let judges = className.hasSuffix("ForSequenceClassification")
        let pools = try file(Self.poolingName) != nil
        return Description(
            architecture: family.architecture, parameterCount: parameters, valueType: types.max { $0.value < $1.value }?.key,
            embeds: !judges && (pools || family.architecture == "bert"), judges: judges)
    }

    /// Returns the paths of all files that `describe` reads, whether they exist or not. The first one is the folder itself, which changes when files
    /// are added or removed.
    package static func describingFiles(in path: String) -> [String] {
        let weights = ((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []).filter { $0.hasSuffix(".safetensors") }.sorted()
        return [path] + ([configName, poolingName, generationName, indexName] + weights).map { "\(path)/\($0)" }
    }

    package struct Description: Sendable {
        /// The architecture's name in llama.cpp.
        package let architecture: String
        package let parameterCount: Int
        /// The value type of most weights.
        package let valueType: String?
        package let embeds: Bool
        package let judges: Bool
    }

    func file(_ name: String) throws(FormatError) -> JSON? {
        FileManager.default.fileExists(atPath: "\(path)/\(name)") ? try Self.json("\(path)/\(name)") : nil
    }

    func text(_ name: String) -> String? { RegularFile.text("\(path)/\(name)", limit: Self.longestJSON) }

    private static func json(_ path: String) throws(FormatError) -> JSON {
        let file = try ByteFile(path: path)
        let isTokenizer = path.hasSuffix("/tokenizer.json")
        let limits = JSONLimits(bytes: isTokenizer ? longestTokenizer : longestJSON, values: isTokenizer ? mostTokenizerValues : mostValues)
        guard file.size <= limits.bytes else { throw FormatError("\(path) is too large: \(file.size) bytes, with a limit of \(limits.bytes)") }
        do {
            return try JSON.parse(try file.read(0..<file.size), limits: limits)
        } catch let error as FormatError {
            throw error
        } catch {
            throw FormatError("\(path) is not JSON: \(error)")
        }
    }

    /// Returns the paths of the SafeTensors files: those that the index names, or all of them without an index. A name in the index must be one of
    /// the folder's files, so it cannot lead out of the folder.
    private static func weights(_ path: String) throws(FormatError) -> [String] {
        let names = ((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []).filter { $0.hasSuffix(".safetensors") }
        guard !names.isEmpty else { throw FormatError("\(path) contains no SafeTensors files") }
        let index = "\(path)/\(indexName)"
        guard FileManager.default.fileExists(atPath: index) else { return names.sorted().map { "\(path)/\($0)" } }
        let wanted = Set(try json(index)["weight_map"]?.objectValue?.compactMap { $0.1.stringValue } ?? [])
        for name in wanted where !names.contains(name) { throw FormatError("the file \(name) is missing") }
        return wanted.sorted().map { "\(path)/\($0)" }
    }
}
