package import ShimmyChat
package import ShimmyJSON

extension MediaRequest {
    /// Returns the fields of a request in JSON. Throws a 400 for JSON that is not an object.
    package static func fields(of json: JSON) throws(APIError) -> JSONObject { try FieldReader(json, path: .root).object }

    /// Returns the name of the model. Throws a 400 if the request names none, or several: the upstream server must not read another name than this
    /// server, which decides by it whether the client may use the model.
    package func modelName() throws(APIError) -> String {
        let path = JSONPath.root.key("model")
        switch body {
        case .json(let object):
            if object.keys.contains(where: { $0.utf8.count == 5 && $0 != "model" && $0.lowercased() == "model" }) { throw .severalModels }
            return try FieldReader(.object(object), path: .root).requiredString("model")
        case .form(let fields):
            let names = fields.filter { $0.baseName.lowercased() == "model" }
            guard let field = names.first else { throw .missing(path) }
            guard names.count == 1, field.name == "model" else { throw .severalModels }
            guard field.fileName == nil, let text = field.text else {
                throw APIError(status: 400, message: "Invalid type for 'model': expected a string.", param: "model", code: "invalid_type")
            }
            return text
        }
    }
}

extension APIError {
    fileprivate static let severalModels = APIError(
        status: 400, message: "Invalid 'model': the field must occur once, with its name in lower case.", param: "model", code: "invalid_value")
}
