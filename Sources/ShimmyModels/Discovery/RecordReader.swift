import Foundation
import ShimmyConversion
import ShimmyCore
import ShimmyFormats
import ShimmyJSON

/// A reader that creates the records of files from the header and, for split models, from the headers of all parts. Headers of unchanged files
/// are not read again.
enum RecordReader {
    /// - path: a file, or the first part of a split model.
    /// - shards: all parts that should exist.
    static func record(path: String, shards: [String], id: String, source: ModelSource) -> ModelRecord {
        KnownRecords.shared.record(of: shards, id: id, source: source) { read(path: path, shards: shards, id: id, source: source) }
    }

    private static func read(path: String, shards: [String], id: String, source: ModelSource) -> ModelRecord {
        let facts = shards.map(FileFacts.init)
        let size = facts.reduce(0) { $0.saturated(adding: $1?.sizeBytes ?? 0) }
        let modified = facts.first??.modified ?? 0
        var record = ModelRecord(id: id, path: path, source: source, kind: .unknown, sizeBytes: size, modified: modified, shards: shards)
        if ImatrixFile.name((path as NSString).lastPathComponent) != nil {
            record.kind = .imatrix
            return record
        }
        do {
            let header = try GGUFHeader.read(path: path)
            describe(&record, header)
            if record.isLoadable, let obstacle = header.loadObstacle { throw FormatError(obstacle) }
            var parts: [GGUFHeader] = []
            for shard in shards.dropFirst() {
                guard FileManager.default.fileExists(atPath: shard) else {
                    throw FormatError("its part \((shard as NSString).lastPathComponent) is missing")
                }
                let part = try GGUFHeader.read(path: shard)
                record.parameterCount = (record.parameterCount ?? 0).saturated(adding: part.parameterCount)
                parts.append(part)
            }
            if record.isLoadable { record.memory = MemoryEstimate(header, parts: parts) }
        } catch {
            record.problem = "\(error)"
        }
        return record
    }

    static func record(_ found: Folder.Found, id: String, source: ModelSource) -> ModelRecord {
        found.name == nil
            ? record(folder: found.path, id: id, source: source) : record(path: found.path, shards: found.shards, id: id, source: source)
    }

    /// - path: a folder with config.json and SafeTensors.
    static func record(folder path: String, id: String, source: ModelSource) -> ModelRecord {
        KnownRecords.shared.record(of: HubFolder.describingFiles(in: path), id: id, source: source) { read(folder: path, id: id, source: source) }
    }

    private static func read(folder path: String, id: String, source: ModelSource) -> ModelRecord {
        var record = ModelRecord(id: id, path: path, source: source, kind: .unknown, sizeBytes: 0, modified: 0, shards: [])
        record.isFolder = true
        do {
            let folder = try HubFolder(path: path)
            let facts = folder.weights.compactMap(FileFacts.init)
            record.shards = folder.weights
            record.sizeBytes = facts.reduce(0) { $0.saturated(adding: $1.sizeBytes) }
            record.modified = facts.map(\.modified).max() ?? 0
            let description = try folder.describe()
            record.architecture = description.architecture
            record.parameterCount = description.parameterCount
            record.quantization = description.valueType
            record.contextLength = folder.contextLength.flatMap { $0 > 0 ? $0 : nil }
            record.sampling = folder.generationConfig.map { RecommendedSampling.fields(generationConfig: $0) } ?? [:]
            record.memory = MemoryEstimate(sizeBytes: record.sizeBytes, contextLength: record.contextLength)
            record.kind = description.judges ? .reranker : description.embeds ? .embedding : .model
        } catch {
            record.problem = "\(error)"
        }
        return record
    }

    private static func describe(_ record: inout ModelRecord, _ header: GGUFHeader) {
        record.kind = kind(header)
        record.architecture = header.architecture
        record.parameterCount = header.parameterCount
        record.quantization = header.quantization
        record.contextLength = header.ofArchitecture("context_length")?.intValue.flatMap { $0 > 0 ? $0 : nil }
        record.embeddingLength = embeddingLength(header, record.kind)
        record.hasChatTemplate = header.metadata["tokenizer.chat_template"] != nil
        record.sampling = RecommendedSampling.fields(header)
        if record.sampling.isEmpty { record.sampling = RecommendedSampling.fields(named: (record.path as NSString).lastPathComponent) }
    }

    /// Returns the length of a model's embeddings; for a projector, that of the models that it is for.
    private static func embeddingLength(_ header: GGUFHeader, _ kind: ModelKind) -> Int? {
        guard kind == .projector else { return header.ofArchitecture("embedding_length")?.intValue }
        return (header.metadata["clip.vision.projection_dim"] ?? header.metadata["clip.audio.projection_dim"])?.intValue
    }

    /// Returns the kind of a file from its header, because file names are unreliable.
    private static func kind(_ header: GGUFHeader) -> ModelKind {
        switch header.metadata["general.type"]?.stringValue {
        case "adapter": return .adapter
        case "imatrix": return .imatrix
        case "mmproj": return .projector
        default: break
        }
        if header.architecture == "clip" { return .projector }
        if header.architecture == nil { return .unknown }
        // A part of a split model may contain no tensors. Only the first part is passed here, and it states the number of parts.
        if header.tensors.isEmpty, header.metadata["split.count"]?.intValue ?? 1 <= 1 { return .vocabulary }
        if header.ofArchitecture("pooling_type")?.intValue == 4 { return .reranker }
        if header.ofArchitecture("attention.causal") == .bool(false) || header.ofArchitecture("pooling_type")?.intValue ?? 0 > 0 { return .embedding }
        return .model
    }
}
