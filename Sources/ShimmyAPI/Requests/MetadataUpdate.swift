package import ShimmyJSON

/// A request body that replaces an object's metadata.
package struct MetadataUpdate: Sendable, Equatable {
    package var metadata: JSON

    package init(_ json: JSON) throws(APIError) {
        let fields = try FieldReader(json, path: .root)
        if fields.object["metadata"] == nil { throw .missing(fields.path(to: "metadata")) }
        metadata = try SharedFields.metadata(fields)
    }
}
