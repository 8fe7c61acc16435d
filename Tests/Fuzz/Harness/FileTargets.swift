import Foundation
import ShimmyCore
import ShimmyEngine
import ShimmyFormats
import ShimmyJSON

@testable import ShimmyConversion
@testable import ShimmyHub
@testable import ShimmyModels
@testable import ShimmyPrefixes

/// Targets that read files from outside.
let fileTargets: [Target] = [
    Target(name: "gguf") { bytes in
        let path = write(bytes, "model.gguf")
        guard let header = try? GGUFHeader.read(path: path) else { return }
        (_, _, _) = (header.parameterCount, header.quantization, header.loadObstacle)
        _ = try? LoadCheck.headers(of: [path])
        for context in [nil, 1, 1 << 40, Int.max] { _ = MemoryEstimate(header, parts: [header]).use(contextLength: context, slots: 256).total }
        _ = AdapterFit([header]).problem(of: header)
    },
    Target(name: "imatrix") { bytes in _ = ImatrixFile.isOne(write(bytes, "matrix.dat")) },
    Target(name: "safetensors") { bytes in
        guard let file = try? SafeTensorsFile(path: write(bytes, "model.safetensors")) else { return }
        for tensor in file.tensors.values { _ = try? file.file.read(tensor.range) }
    },
    // The input consists of the files of a folder, each preceded by its length in two bytes.
    Target(name: "folder") { bytes in
        let names = ["config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors"]
        var rest = bytes[...]
        for name in names {
            let length = rest.count >= 2 ? Int(rest[rest.startIndex]) << 8 | Int(rest[rest.startIndex + 1]) : 0
            rest = rest.dropFirst(2)
            _ = write(Array(name == names.last ? rest : rest.prefix(length)), name)
            rest = rest.dropFirst(length)
        }
        guard let folder = try? HubFolder(path: Harness.folder) else { return }
        _ = try? folder.describe()
        let converter = FolderConverter(folder: folder, name: "fuzz") { _ in 64 << 20 }
        let output = Harness.folder + "/out.gguf"
        guard (try? converter.convert(to: output)) != nil else { return }
        Harness.require((try? GGUFHeader.read(path: output)) != nil, "what was converted cannot be read")
    },
    Target(name: "prefix") { bytes in
        let path = write(bytes, "file.prefix")
        guard let file = FileHandle(forReadingAtPath: path) else { return }
        defer { try? file.close() }
        guard let (_, key) = PrefixFile.readUnits(file) else { return }
        _ = PrefixFile.read(file, of: key)
    },
    // The first byte is the number of chunks, the rest a journal.
    Target(name: "journal") { bytes in
        guard let first = bytes.first else { return }
        let target = Harness.folder + "/pulled"
        _ = write([1], ".pulled.partial")
        _ = write(Array("identity 100\n".utf8) + bytes.dropFirst(), ".pulled.partial.journal")
        guard let partial = try? PartialFile(for: target, identity: "identity", size: 100, chunkCount: Int(first)) else { return }
        for chunk in partial.done { Harness.require((0..<Int(first)).contains(chunk), "a chunk that the file does not have") }
    },
    Target(name: "manifest") { bytes in
        _ = write(bytes, PullManifest.name)
        for (path, hash) in PullManifest.read(in: Harness.folder).hashes { _ = (path.count, hash.count) }
        guard let json = try? JSON.parse(bytes) else { return }
        // The hub's list of files.
        let files = (json.arrayValue ?? []).compactMap { try? HubFile.read($0) }
        for choice in FileChoice.all(in: files) { (_, _) = (choice.sizeBytes, choice.memoryBytes) }
        if let address = try? HubAddress("user/repo") {
            do {
                _ = try FileChoice.choose(address, from: files, memory: 1 << 30)
            } catch {
                _ = "\(error)"
            }
        }
    },
]

/// Writes a file and returns its path.
private func write(_ bytes: [UInt8], _ name: String) -> String {
    let path = "\(Harness.folder)/\(name)"
    let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
    Harness.require(descriptor >= 0, "\(path) cannot be written")
    defer { close(descriptor) }
    Harness.require(Glibc.write(descriptor, bytes, bytes.count) == bytes.count, "\(path) cannot be written")
    return path
}
