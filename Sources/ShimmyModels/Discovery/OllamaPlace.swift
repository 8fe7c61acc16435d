import Crypto
import Foundation
import ShimmyCore
import ShimmyJSON

/// Ollama's store: a manifest for each model, `manifests/HOST/NAMESPACE/MODEL/TAG`, which refers to blobs by their digests.
struct OllamaPlace: ModelPlace {
    let source = ModelSource.ollama
    let path: String
    private static let projectorLayer = "application/vnd.ollama.image.projector"
    private static let adapterLayer = "application/vnd.ollama.image.adapter"
    private static let modelLayer = "application/vnd.ollama.image.model"
    private static let largestManifest = 1 << 20

    func records() -> [ModelRecord] {
        let manifests = "\(path)/manifests"
        return folders(manifests).flatMap { host in
            folders("\(manifests)/\(host)").flatMap { namespace in
                folders("\(manifests)/\(host)/\(namespace)").flatMap { model in
                    folders("\(manifests)/\(host)/\(namespace)/\(model)").compactMap { tag in
                        record("\(manifests)/\(host)/\(namespace)/\(model)/\(tag)", id: id(host, namespace, model, tag))
                    }
                }
            }
        }
    }

    private func folders(_ path: String) -> [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []).filter { !$0.hasPrefix(".") }.sorted()
    }

    /// Returns a model's name as Ollama displays it, without the default host, namespace and tag.
    private func id(_ host: String, _ namespace: String, _ model: String, _ tag: String) -> String {
        let prefix = host == "registry.ollama.ai" ? (namespace == "library" ? "" : "\(namespace)/") : "\(host)/\(namespace)/"
        return tag == "latest" ? prefix + model : "\(prefix)\(model):\(tag)"
    }

    /// Returns nil for a manifest without weights, such as that of a model that runs on a remote machine.
    private func record(_ manifest: String, id: String) -> ModelRecord? {
        func broken(_ problem: String) -> ModelRecord {
            ModelRecord(id: id, path: manifest, source: source, kind: .unknown, sizeBytes: 0, modified: 0, shards: [], problem: problem)
        }
        let facts = FileFacts(path: manifest)
        guard let data = RegularFile.read(manifest, limit: Self.largestManifest) else { return broken("its manifest cannot be read") }
        guard let json = try? JSON.parse(data) else { return broken("its manifest is not JSON") }
        guard let layers = json["layers"]?.arrayValue else { return broken("its manifest has no layers") }
        guard let layer = layers.first(where: { $0["mediaType"]?.stringValue == Self.modelLayer }) else { return nil }
        guard let digest = layer["digest"]?.stringValue, let blob = blobName(digest) else { return broken("its manifest has no valid digest") }
        let file = "\(path)/blobs/\(blob)"
        guard FileManager.default.fileExists(atPath: file) else { return broken("its file \(blob) is missing from Ollama's store") }
        var record = RecordReader.record(path: file, shards: [file], id: id, source: source)
        record.manifest = ModelRecord.Manifest(path: manifest, digest: SHA256.hash(data: data).hexadecimal, modified: facts?.modified ?? 0)
        let projector = layers.first { $0["mediaType"]?.stringValue == Self.projectorLayer }?["digest"]?.stringValue.flatMap(blobName)
        record.projector = projector.map { "\(path)/blobs/\($0)" }.flatMap { FileManager.default.fileExists(atPath: $0) ? $0 : nil }
        // Ollama always applies a model's adapters.
        for adapter in layers where adapter["mediaType"]?.stringValue == Self.adapterLayer {
            guard let blob = adapter["digest"]?.stringValue.flatMap(blobName), FileManager.default.fileExists(atPath: "\(path)/blobs/\(blob)") else {
                return broken("its adapter is missing from Ollama's store")
            }
            let number = record.adapters.count + 1
            record.adapters.append(LoRAAdapter(name: number == 1 ? "ollama" : "ollama-\(number)", path: "\(path)/blobs/\(blob)"))
        }
        record.hints = OllamaHints.read(layers) { blobName($0).map { "\(path)/blobs/\($0)" } }
        return record
    }

    /// Returns the file name of the blob `sha256:HEX`, or nil for any other digest, so that a digest cannot lead out of the store.
    private func blobName(_ digest: String) -> String? {
        let hex = digest.dropFirst("sha256:".count)
        guard digest.hasPrefix("sha256:"), hex.count == 64, hex.allSatisfy({ $0.isASCII && $0.isHexDigit }) else { return nil }
        return "sha256-\(hex)"
    }
}
