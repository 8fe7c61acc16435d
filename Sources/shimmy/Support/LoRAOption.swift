import ArgumentParser
import Foundation
import ShimmyConfiguration
import ShimmyFormats
import ShimmyModels

/// The value of `--lora`: `NAME=PATH[:SCALE]`, or `PATH[:SCALE]`, which uses the file's name.
enum LoRAOption {
    /// Parses the option and reads the adapter's header. Throws `ValidationError` if the file is not a LoRA adapter or the scale is out of range.
    static func parse(_ text: String) throws -> LoRAAdapter {
        var (name, path) = parts(text)
        var scale: Float = 1
        if let colon = path.lastIndex(of: ":"), let number = Float(path[path.index(after: colon)...]) {
            guard LoRAAdapter.scales.contains(number) else { throw ValidationError("The scale of \(text) is not between -10 and 10.") }
            scale = number
            path = String(path[..<colon])
        }
        let header: GGUFHeader
        do {
            header = try GGUFHeader.read(path: path)
        } catch {
            throw ValidationError("The adapter \(path) cannot be used: \(error).")
        }
        guard header.metadata["general.type"]?.stringValue == "adapter" else { throw ValidationError("\(path) is not a LoRA adapter.") }
        // Not required: a model that the adapter does not fit is served without it.
        return LoRAAdapter(name: name, path: path, scale: scale, isRequired: false)
    }

    /// Returns the value with an absolute path.
    static func absolute(_ text: String) -> String {
        let (name, rest) = parts(text)
        return (name.map { "\($0)=" } ?? "") + ConfigurationPlace.absolute(rest)
    }

    /// Returns the name, if there is one, and the path with its scale.
    private static func parts(_ text: String) -> (name: String?, rest: String) {
        guard let equals = text.firstIndex(of: "="), equals > text.startIndex, !text[..<equals].contains("/") else { return (nil, text) }
        return (String(text[..<equals]), String(text[text.index(after: equals)...]))
    }
}
