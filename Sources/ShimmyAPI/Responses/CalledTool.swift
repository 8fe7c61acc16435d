import ShimmyJSON

/// A tool as the client defines it. The model sees all tools as functions.
package struct CalledTool: Sendable, Equatable {
    package enum Kind: String, Sendable {
        case function
        /// A tool whose calls contain plain text instead of JSON.
        case custom
        case localShell = "local_shell"
        case shell
        case applyPatch = "apply_patch"
        case toolSearch = "tool_search"

        /// Whether a request can have several tools of this kind, each with its own name.
        var isNamed: Bool { self == .function || self == .custom }
    }

    package var name: String
    /// The client's namespace for the tool; nil if it has none.
    package var namespace: String?
    package var kind: Kind

    package init(_ name: String, namespace: String? = nil, kind: Kind = .function) {
        self.name = name
        self.namespace = namespace
        self.kind = kind
    }

    /// Whether the client receives a call of the tool only when the call is complete, not while it grows.
    var isToldWhole: Bool { !kind.isNamed }

    /// Returns the tool's name for the model. It contains the namespace, because tools of different namespaces can have the same name.
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

    /// Returns the members of a call's item that depend on the kind of tool.
    /// - text: the arguments as JSON, or a custom tool's input text; only the first part of it if the call was cut off.
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
