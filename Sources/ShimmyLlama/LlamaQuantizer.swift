import CLlama
import Foundation

/// Makes a smaller model of one with 16 or more bits for each weight.
package enum LlamaQuantizer {
    /// Writes aside and moves the file to its place when it is whole. Blocks for as long as that takes.
    /// - fileType: llama.cpp's number of a quantization, as files declare it.
    /// Throws `LlamaError` when `llama_model_quantize` fails.
    package static func quantize(_ source: String, to target: String, fileType: Int) throws {
        LlamaBackend.ensureStarted()
        let aside = "\(target).\(ProcessInfo.processInfo.processIdentifier).partial"
        defer { try? FileManager.default.removeItem(atPath: aside) }
        var parameters = llama_model_quantize_default_params()
        parameters.ftype = llama_ftype(UInt32(fileType))
        parameters.nthread = Int32(ProcessorTopology.physicalCores)
        guard llama_model_quantize(source, aside, &parameters) == 0 else {
            throw LlamaError(description: "llama.cpp cannot quantize \(source); its log says why")
        }
        guard rename(aside, target) == 0 else { throw LlamaError(description: "\(target) cannot be written") }
    }
}
