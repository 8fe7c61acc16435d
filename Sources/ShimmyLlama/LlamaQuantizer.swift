import CLlama
import Foundation

/// Quantizes models that have 16 or more bits for each weight.
package enum LlamaQuantizer {
    /// Quantizes a model file. Writes to a temporary file and renames it when it is complete. Blocks until then.
    /// - fileType: llama.cpp's number of a quantization (`llama_ftype`), as in the metadata of model files.
    /// Throws `LlamaError` if `llama_model_quantize` fails.
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
