import ShimmyCore
package import ShimmyJSON

/// The decoded request of `POST /api/v1/models/unload`.
package struct LMStudioUnloadRequest: Sendable {
    /// The name of the model's only instance, which is the model's name.
    package let instance: String
    package let ignoredParameters: ReportedNames

    package init(_ json: JSON, recorder: FieldRecorder? = nil) throws(APIError) {
        let fields = try FieldReader(json, path: .root, recorder: recorder)
        ignoredParameters = try LMStudioRows.unload.check(fields.object)
        instance = try fields.requiredString("instance_id")
    }

    package var response: JSON { ["instance_id": .string(instance)] }

    /// The error for an instance that does not exist.
    package var missing: APIError {
        APIError(
            status: 404, message: "No model is loaded as '\(instance.shortened(to: 200))'.", param: "instance_id", code: "model_not_found")
    }
}
