import Foundation
import ShimmyFormats
import ShimmyJSON

/// A family of models: the names of its tensors and the metadata that llama.cpp needs.
struct ModelFamily: Sendable {
    /// The architecture's name in llama.cpp.
    let architecture: String
    let metadata: @Sendable (FamilyConfig) throws(FormatError) -> [(String, GGUFWriter.Value)]
    /// Returns llama.cpp's name of a tensor with its transform; nil if llama.cpp does not need the tensor. Throws for an unknown tensor, since a
    /// conversion must not drop one silently.
    let tensor: @Sendable (_ name: String, FamilyConfig) throws(FormatError) -> (name: String, transform: Transform)?
    /// Returns the tensors that are computed and not stored in the folder.
    var extra: @Sendable (FamilyConfig) throws(FormatError) -> [(name: String, values: [Float])] = { _ in [] }

    /// Returns the family of a model class of Hugging Face's transformers. Throws if the class cannot be converted.
    static func of(className: String) throws(FormatError) -> ModelFamily {
        switch className {
        case "LlamaForCausalLM", "MistralForCausalLM", "LlamaModel": return .llama
        case "Qwen2ForCausalLM", "Qwen2Model": return .qwen2
        case "Qwen3ForCausalLM", "Qwen3Model": return .qwen3
        case "GemmaForCausalLM": return .gemma
        case "Gemma2ForCausalLM": return .gemma2
        case "Gemma3ForCausalLM": return .gemma3
        case "Phi3ForCausalLM": return .phi3
        case "BertModel", "BertForMaskedLM", "BertForSequenceClassification": return .bert
        default:
            throw FormatError(
                "models of the class \(className) cannot be converted; Llama, Mistral, Qwen2, Qwen3, Gemma, Gemma 2, Gemma 3, Phi-3 and BERT can")
        }
    }
}

/// The values of config.json, with checks of the required ones.
struct FamilyConfig {
    let json: JSON
    let className: String
    /// The configuration of the sentence-transformers pooling module, which turns the vectors of all tokens into one; nil if the folder has none.
    let pooling: JSON?
    /// The number of tokens of the tokenizer.
    let tokenCount: Int

    /// Returns a positive integer. Throws if it is missing or out of range.
    /// - other: the key to use if the first one is missing.
    func integer(_ key: String, or other: String? = nil) throws(FormatError) -> Int {
        // GGUF stores these numbers in 32 bits.
        guard let value = (json[key] ?? other.flatMap { json[$0] })?.intValue, value > 0, value <= Int(Int32.max) else {
            throw FormatError("config.json has no usable \(key)")
        }
        return value
    }

    /// Returns a non-negative integer; nil if the key is missing or null. Throws if the value is out of range.
    func optionalInteger(_ key: String) throws(FormatError) -> Int? {
        guard let told = json[key], !told.isNull else { return nil }
        guard let value = told.intValue, (0...Int(Int32.max)).contains(value) else { throw FormatError("config.json has no usable \(key)") }
        return value
    }

    func number(_ key: String) throws(FormatError) -> Double {
        guard let value = json[key]?.doubleValue else { throw FormatError("config.json has no usable \(key)") }
        return value
    }

    private static let longestHead = 1 << 16

    var heads: Int { get throws(FormatError) { try integer("num_attention_heads") } }
    var cacheHeads: Int { get throws(FormatError) { try integer("num_key_value_heads", or: "num_attention_heads") } }
    var headLength: Int {
        get throws(FormatError) {
            let length: Int
            if let told = json["head_dim"]?.intValue { length = told } else { length = try integer("hidden_size") / heads }
            guard (1...Self.longestHead).contains(length) else {
                throw FormatError("the head length \(length) in config.json is not between 1 and \(Self.longestHead)")
            }
            return length
        }
    }
    /// The parameters of the rotary embedding. Newer configurations have them in an object of their own, `rope_parameters`.
    var rope: JSON? { json["rope_scaling"].flatMap { $0.isNull ? nil : $0 } ?? json["rope_parameters"] }
    var ropeBase: Double? { (json["rope_theta"] ?? rope?["rope_theta"])?.doubleValue }
    var ropeType: String? { (rope?["rope_type"] ?? rope?["type"])?.stringValue }

    /// Returns the metadata that all decoders have.
    func decoder(_ name: String) throws(FormatError) -> [(String, GGUFWriter.Value)] {
        var values: [(String, GGUFWriter.Value)] = [
            ("\(name).block_count", .unsigned(try integer("num_hidden_layers"))),
            ("\(name).context_length", .unsigned(try integer("max_position_embeddings"))),
            ("\(name).embedding_length", .unsigned(try integer("hidden_size"))),
            ("\(name).feed_forward_length", .unsigned(try integer("intermediate_size"))),
            ("\(name).attention.head_count", .unsigned(try heads)),
            ("\(name).attention.head_count_kv", .unsigned(try cacheHeads)),
            ("\(name).attention.layer_norm_rms_epsilon", .float(try number("rms_norm_eps"))),
            ("\(name).rope.dimension_count", .unsigned(try headLength)),
            ("\(name).vocab_size", .unsigned(tokenCount)),
        ]
        if let ropeBase { values.append(("\(name).rope.freq_base", .float(ropeBase))) }
        if json["head_dim"]?.intValue != nil {
            values += [("\(name).attention.key_length", .unsigned(try headLength)), ("\(name).attention.value_length", .unsigned(try headLength))]
        }
        switch ropeType {
        case "linear":
            values += [("\(name).rope.scaling.type", .string("linear")), ("\(name).rope.scaling.factor", .float(try ropeNumber("factor")))]
        case "yarn":
            values += [
                ("\(name).rope.scaling.type", .string("yarn")), ("\(name).rope.scaling.factor", .float(try ropeNumber("factor"))),
                ("\(name).rope.scaling.original_context_length", .unsigned(try ropeInteger("original_max_position_embeddings"))),
            ]
        case nil, "default", "llama3", "longrope", "su": break
        case let type?: throw FormatError("rotary embeddings of the type \(type) cannot be converted")
        }
        return values
    }

    func ropeNumber(_ key: String) throws(FormatError) -> Double {
        guard let value = rope?[key]?.doubleValue else { throw FormatError("config.json has no usable rope_scaling.\(key)") }
        return value
    }

    /// Returns a positive integer. Some files write integers as fractions, such as `8192.0`.
    private func ropeInteger(_ key: String) throws(FormatError) -> Int {
        guard let value = Int(exactly: try ropeNumber(key)), value > 0, value <= Int(Int32.max) else {
            throw FormatError("config.json has no usable rope_scaling.\(key)")
        }
        return value
    }
}
