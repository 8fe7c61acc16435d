import Foundation
import ShimmyFormats

/// A folder whose models are named after their files.
struct PlainPlace: ModelPlace {
    let source: ModelSource
    let path: String

    func records() -> [ModelRecord] {
        Folder(path: path).models().map { Self.record($0, source) }
    }

    static func record(_ found: Folder.Found, _ source: ModelSource) -> ModelRecord {
        let folder = found.folders.last ?? (found.path as NSString).lastPathComponent
        return RecordReader.record(found, id: found.name?.stem ?? folder, source: source)
    }
}
