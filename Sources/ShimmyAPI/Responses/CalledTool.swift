import ShimmyJSON

/// A tool as its client knows it. A model sees all of them as functions.
package struct CalledTool: Sendable, Equatable {
    package enum Kind: String, Sendable {
        case function
        /// Its call carries a text rather than JSON.
        case custom
        case localShell = "local_shell"
        case shell
        case applyPatch = "apply_patch"
        case toolSearch = "tool_search"

        /// Whether there can be several of the kind, each with a name.
        var isNamed: Bool { self == .function || self == .custom }
    }

    package var name: String
    /// The group that the client has it in.
    package var namespace: String?
    package var kind: Kind

    package init(_ name: String, namespace: String? = nil, kind: Kind = .function) {
        self.name = name
        self.namespace = namespace
        self.kind = kind
    }

    /// Whether its calls are told when they are complete, rather than as they grow.
    var isToldWhole: Bool { !kind.isNamed }

    /// What the model calls it. Names within namespaces may be the same.
    static func nameForModel(_ name: String, in namespace: String?) -> String { namespace.map { "\($0)__\(name)" } ?? name }

    // MARK: Calls

    var itemType: String {
        switch kind {
        case .function: "function_call"
        case .custom: "custom_tool_call"
        case .localShell, .shell, .applyPatch, .toolSearch: kind.rawValue + "_call"
        }
    }

    var idKind: ResponseItem.IDKind {
        switch kind {
        case .function: .functionCall
        case .custom: .customCall
        case .localShell: .localShellCall
        case .shell: .shellCall
        case .applyPatch: .applyPatchCall
        case .toolSearch: .toolSearchCall
        }
    }

    /// What a call's item says of it, beside what all calls say.
    /// - text: the arguments as JSON, or a custom tool's text; a call that was cut has the beginning of it.
    func members(of text: String) -> JSONObject {
        var object: JSONObject = [:]
        let arguments = isToldWhole ? (try? JSON.parse(text))?.objectValue ?? [:] : [:]
        switch kind {
        case .function: object["arguments"] = .string(text)
        case .custom: object["input"] = .string(text)
        case .localShell: object["action"] = .object(Self.merged(["type": "exec", "command": [], "env": [:]], arguments))
        case .shell:
            object["action"] = .object(Self.merged(["commands": []], arguments))
            object["environment"] = ["type": "local"]
        case .applyPatch: object["operation"] = arguments["operation"] ?? ["type": "update_file", "path": "", "diff": ""]
        case .toolSearch:
            object["arguments"] = .object(arguments)
            object["execution"] = "client"
        }
        if kind.isNamed {
            object["name"] = .string(name)
            if let namespace { object["namespace"] = .string(namespace) }
        }
        return object
    }

    private static func merged(_ object: JSONObject, _ more: JSONObject) -> JSONObject {
        var object = object
        for (key, value) in more { object[key] = value }
        return object
    }
}
