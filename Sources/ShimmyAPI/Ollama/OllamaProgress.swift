package import ShimmyJSON

/// The values of the streams that report the progress of a pull or of the creation of a model.
package enum OllamaProgress {
    package static let manifest: JSON = ["status": "pulling manifest"]
    package static let verifying: JSON = ["status": "verifying sha256 digest"]
    package static let reading: JSON = ["status": "reading model metadata"]
    package static let success: JSON = ["status": "success"]

    /// Returns the value for bytes that have arrived. Clients add up the values with different digests, so a pull has one digest.
    /// - digest: 64 hexadecimal digits.
    package static func pulling(_ digest: String, completed: Int, total: Int) -> JSON {
        [
            "status": .string("pulling \(digest.prefix(12))"), "digest": .string("sha256:\(digest)"), "total": .int(total),
            "completed": .int(completed),
        ]
    }
}
