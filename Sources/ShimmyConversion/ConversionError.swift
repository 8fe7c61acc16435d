// Turns a Hugging Face folder (config.json, tokenizer.json, *.safetensors) into one GGUF file.
// Knows files and their formats; knows nothing of llama.cpp, of a catalog or of HTTP.

/// Why a folder cannot be converted; the description is one line for a person.
package struct ConversionError: Error, Sendable, Equatable, CustomStringConvertible {
    package let description: String

    package init(_ description: String) { self.description = description }
}
