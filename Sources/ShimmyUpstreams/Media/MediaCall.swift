import NIOCore
import ShimmyChat
import ShimmyJSON

/// The body of a request for media as an upstream receives it: with the upstream's own name of the model.
enum MediaCall {
    case json([UInt8])
    case form(FormBody)

    /// - user: the end user, for the endpoints that have a field for it; nil for none.
    static func make(_ request: MediaRequest, model: String, settings: UpstreamSettings, user: String?) async throws -> MediaCall {
        let user = request.endpoint.namesUser ? user : nil
        switch request.body {
        case .json(var object):
            object["model"] = .string(model)
            if let user, object["user"] == nil { object["user"] = .string(user) }
            return .json(try await WireJSON.serialized(settings.applied(to: object)))
        case .form(let fields): return .form(form(fields, model: model, settings, user))
        }
    }

    private static func form(_ fields: [FormField], model: String, _ settings: UpstreamSettings, _ user: String?) -> FormBody {
        var body = FormBody()
        let replaced = Set(settings.droppedFields + settings.addedFields.keys)
        for field in fields where !replaced.contains(field.baseName) {
            let content = field.name == "model" ? Array(model.utf8)[...] : field.content
            body.append(name: field.name, fileName: field.fileName, contentType: field.contentType, content: content)
        }
        if let user, !replaced.contains("user"), !fields.contains(where: { $0.name == "user" }) {
            body.append(name: "user", content: Array(user.utf8)[...])
        }
        for field in settings.addedFields {
            body.append(name: field.key, content: Array((field.value.stringValue ?? field.value.text).utf8)[...])
        }
        return body
    }
}
