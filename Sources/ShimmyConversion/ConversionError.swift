// Converts a Hugging Face folder (config.json, tokenizer.json, *.safetensors) into one GGUF file. This target depends on files and their formats
// only, not on llama.cpp, a catalog or HTTP.

/// An error that prevents a conversion. The description is one line for the user.
package struct ConversionError: Error, Sendable, Equatable, CustomStringConvertible {
    package let description: String

    package init(_ description: String) { self.description = description }
}
