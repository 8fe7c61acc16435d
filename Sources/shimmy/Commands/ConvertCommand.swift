import ArgumentParser
import Foundation
import ShimmyConversion
import ShimmyEngine
import ShimmyFormats
import ShimmyLlama
import ShimmyModels

struct ConvertCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "convert", abstract: "Convert a folder of SafeTensors to GGUF, or quantize a GGUF file.",
        discussion: """
            Conversion in advance is optional: the first load of a folder converts it into the cache directory.
            """)

    @OptionGroup var options: CatalogOptions

    @Option(help: "Quantization, such as Q8_0 or Q4_K_M. Default: 16 bits per weight, as in the folder.")
    var quantize: String?

    @Option(help: "File to write. Default: a file in Shimmy's model directory, named after the model.")
    var output: String?

    @Argument(help: "Model name or path: a folder with config.json and SafeTensors, or a GGUF file.")
    var model: String

    func run() async throws {
        LlamaBackend.start(logger: LogOptions.quiet)
        let record = try options.resolve(model)
        let fileType = try self.fileType()
        guard record.isFolder || fileType != nil else {
            throw ValidationError("\(record.id) is already a GGUF file; pass --quantize to quantize it.")
        }
        let target = try target(record)
        do {
            try await onOwnThread(named: "convert") { try Self.write(record, to: target, fileType: fileType) }
        } catch {
            Console.error("the model \(record.id) cannot be converted: \(error)")
            throw ExitStatus.modelUnusable
        }
        Console.print(target)
    }

    private static func write(_ record: ModelRecord, to target: String, fileType: Int?) throws {
        guard record.isFolder else { return try LlamaQuantizer.quantize(record.path, to: target, fileType: fileType ?? 1) }
        let plain = fileType == nil ? target : "\(target).\(UUID().uuidString).plain"
        defer { if plain != target { try? FileManager.default.removeItem(atPath: plain) } }
        var bar = ProgressBar("Converting \(record.id)")
        try FolderConverter(folder: HubFolder(path: record.path), name: record.id).convert(to: plain) { bar.update($0, of: $1) }
        if let fileType { try LlamaQuantizer.quantize(plain, to: target, fileType: fileType) }
        _ = try GGUFHeader.read(path: target)
    }

    private func fileType() throws -> Int? {
        guard let quantize else { return nil }
        guard let type = GGUFHeader.fileType(named: quantize.uppercased()) else {
            throw ValidationError("\(quantize) is not a quantization. Examples: Q8_0, Q6_K, Q5_K_M, Q4_K_M.")
        }
        return type
    }

    private func target(_ record: ModelRecord) throws -> String {
        if let output { return output }
        let folder = Environment.process.directories.models
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let name = record.id.split(separator: "/").last.map(String.init) ?? record.id
        let target = "\(folder)/\(name).\(quantize?.uppercased() ?? record.quantization ?? "F16").gguf"
        if FileManager.default.fileExists(atPath: target) { throw ValidationError("\(target) already exists; choose another file with --output.") }
        return target
    }
}
