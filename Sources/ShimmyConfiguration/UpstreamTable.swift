import ShimmyCore
package import ShimmyJSON

/// The content of an `[upstream."NAME"]` table: another server, whose models this server offers.
package struct UpstreamTable: Sendable, Equatable {
    /// Where the key of the upstream comes from.
    package enum KeySource: Sendable, Equatable {
        case text(String)
        /// The name of an environment variable with the key.
        case variable(String)
    }

    package var name: String
    /// The address without `/v1` at its end. Nil only if the table has a problem.
    package var url: String?
    /// The program that runs there; nil to find out.
    package var kind: String?
    /// The dialect of requests for answers to conversations; nil for the default of the kind.
    package var dialect: String?
    package var key: KeySource?
    /// Names and patterns of the models to offer; empty for all.
    package var models: [String] = []
    package var prefix: String?
    package var priority: Int?
    package var weight: Double?
    /// Seconds: between two bytes of an answer, until its first byte, to connect, and between two checks.
    package var idleSeconds: Double?
    package var firstByteSeconds: Double?
    package var connectSeconds: Double?
    package var healthSeconds: Double?
    /// The path of the health check; nil for that of the kind.
    package var healthPath: String?
    package var maxConcurrency: Int?
    package var headers: [(name: String, value: String)] {
        headerObject.compactMap { name, value in value.stringValue.map { (name: name, value: $0) } }
    }
    /// The path of a PEM file with the certificates to trust.
    package var certificates: String?
    package var droppedFields: [String] = []
    package var addedFields = JSONObject()
    private var headerObject = JSONObject()

    package static let kinds = ["auto", "vllm", "sglang", "llama-server", "ollama", "shimmy", "openai", "anthropic"]

    package static let dialects = ["chat", "responses", "messages"]

    private static let keys = [
        "url", "kind", "dialect", "api_key", "api_key_env", "models", "prefix", "priority", "weight", "timeout", "first_byte_timeout",
        "connect_timeout", "health", "health_interval", "max_concurrency", "headers", "tls_ca", "fields",
    ]
    private static let mostHeaders = 50
    /// Headers that determine how a request is sent, or the form of its answer.
    private static let ownHeaders: Set<String> = [
        "host", "content-length", "transfer-encoding", "connection", "keep-alive", "te", "trailer", "upgrade", "expect", "accept-encoding",
    ]
    /// Fields that each request needs as they are.
    private static let ownFields: Set<String> = ["messages", "prompt", "model", "stream"]
    private static let priorities = -1000...1000
    private static let seconds = 0.1...86_400.0

    init(name: String, _ reader: inout TableReader, _ paths: PathBase) {
        self.name = name
        reader.refuseOthers(than: Self.keys)
        if !KeyRanges.isName(name) || name.contains(where: { "/,*".contains($0) }) {
            reader.report(nil, "the name of an upstream must have \(KeyRanges.nameExpectation), and none of the characters / , *")
        }
        url = reader.object["url"].flatMap(Self.url)
        if reader.object["url"] == nil {
            reader.report(nil, "an upstream needs a url, such as \"http://127.0.0.1:8000\".")
        } else if url == nil {
            // The report does not repeat the value, which can contain a password.
            reader.report("url", "it must be an address such as \"http://host:8000\" or \"unix:/path\", without a user, a password and a query.")
        }
        let kind = reader.setting(.choice(Self.kinds), "kind", paths: paths)
        self.kind = kind == "auto" ? nil : kind
        dialect = reader.setting(.choice(Self.dialects), "dialect", paths: paths)
        key = Self.key(&reader, paths)
        models = reader.value("models", "a list, which is not empty, of \(KeyRanges.modelExpectation)", Self.models) ?? []
        prefix = reader.value("prefix", "a string of at most 64 characters without spaces", Self.prefix)
        priority = reader.setting(.integer(Self.priorities), "priority", paths: paths).flatMap { Int($0) }
        weight = Self.number(&reader, "weight", KeyRanges.weight)
        idleSeconds = Self.number(&reader, "timeout", Self.seconds)
        firstByteSeconds = Self.number(&reader, "first_byte_timeout", Self.seconds)
        connectSeconds = Self.number(&reader, "connect_timeout", Self.seconds)
        healthSeconds = Self.number(&reader, "health_interval", Self.seconds)
        healthPath = reader.value("health", "a path such as \"/health\"", Self.path)
        maxConcurrency = reader.setting(.integer(KeyRanges.concurrency), "max_concurrency", paths: paths).flatMap { Int($0) }
        headerObject = Self.headers(&reader)
        certificates = reader.setting(.path, "tls_ca", paths: paths)
        readFields(&reader)
    }

    private static func number(_ reader: inout TableReader, _ key: String, _ range: ClosedRange<Double>) -> Double? {
        reader.value(key, "a number from \(range.lowerBound) to \(range.upperBound)") {
            $0.doubleValue.flatMap { range.contains($0) ? $0 : nil }
        }
    }

    private static func url(_ value: JSON) -> String? {
        guard var text = value.stringValue, text.utf8.count <= 2048, text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else { return nil }
        if text.hasPrefix("unix:") {
            // The path may follow two slashes.
            let path = text.dropFirst(text.hasPrefix("unix:///") ? "unix://".count : "unix:".count)
            return path.hasPrefix("/") && !path.hasPrefix("//") && path.count > 1 ? text : nil
        }
        guard let scheme = ["http://", "https://"].first(where: text.hasPrefix) else { return nil }
        while text.last == "/" { text.removeLast() }
        if text.hasSuffix("/v1") { text.removeLast("/v1".count) }
        let rest = text.dropFirst(scheme.count)
        return isAuthority(rest.prefix { $0 != "/" }) && !rest.contains(where: { "@?#".contains($0) }) ? text : nil
    }

    /// Returns whether a text is a host name or an IP address, an IPv6 address in brackets, with or without a port.
    private static func isAuthority(_ text: Substring) -> Bool {
        var host = text
        var port: Substring?
        if text.first == "[" {
            guard let close = text.firstIndex(of: "]") else { return false }
            let after = text[text.index(after: close)...]
            guard after.isEmpty || after.first == ":" else { return false }
            host = text[..<close].dropFirst()
            port = after.isEmpty ? nil : after.dropFirst()
            guard host.contains(":"), host.allSatisfy({ $0.isHexDigit || $0 == ":" || $0 == "." }) else { return false }
        } else {
            if let colon = text.firstIndex(of: ":") {
                host = text[..<colon]
                port = text[text.index(after: colon)...]
            }
            guard !host.isEmpty, host.allSatisfy({ $0.isLetter || $0.isNumber || "-._".contains($0) }) else { return false }
        }
        guard let port else { return true }
        return port.allSatisfy(\.isNumber) && Int(port).map { (1...65_535).contains($0) } ?? false
    }

    private static func key(_ reader: inout TableReader, _ paths: PathBase) -> KeySource? {
        if reader.object["api_key"] != nil, reader.object["api_key_env"] != nil {
            reader.report("api_key_env", "an upstream has at most one of api_key and api_key_env.")
            return nil
        }
        if let value = reader.object["api_key"] {
            // The report does not repeat the value, which is secret.
            guard let text = value.stringValue, !text.isEmpty, text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
                reader.report("api_key", "it must be a string of visible ASCII characters without spaces.")
                return nil
            }
            return .text(text)
        }
        return reader.setting(.text, "api_key_env", paths: paths).map(KeySource.variable)
    }

    private static func models(_ value: JSON) -> [String]? {
        guard let elements = value.arrayValue, !elements.isEmpty, elements.count <= KeyRanges.mostModels else { return nil }
        let models = elements.compactMap(\.stringValue).filter(KeyRanges.isModel)
        return models.count == elements.count ? models : nil
    }

    private static func prefix(_ value: JSON) -> String? {
        value.stringValue.flatMap { $0.utf8.count <= 64 && !$0.contains(where: \.isWhitespace) ? $0 : nil }
    }

    private static func path(_ value: JSON) -> String? {
        value.stringValue.flatMap { $0.hasPrefix("/") && $0.utf8.count <= 1024 && $0.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F } ? $0 : nil }
    }

    /// Returns the headers with valid names and values. The report of an invalid one does not repeat its value, which can be secret.
    private static func headers(_ reader: inout TableReader) -> JSONObject {
        guard let object = reader.object("headers") else { return [:] }
        var headers = JSONObject()
        for (name, value) in object {
            guard isHeaderName(name), let text = value.stringValue, text.utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7F }) else {
                reader.report("headers", "'\(name)' is not the name of a header, or its value is not a string of visible ASCII characters.")
                continue
            }
            if ownHeaders.contains(name.lowercased()) {
                reader.report("headers", "the server sets the header '\(name)' itself.")
                continue
            }
            headers[name] = value
        }
        if headers.count > mostHeaders { reader.report("headers", "an upstream has at most \(mostHeaders) headers.") }
        return headers
    }

    private static func isHeaderName(_ name: String) -> Bool {
        !name.isEmpty && name.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "-" || $0 == "_") }
    }

    private mutating func readFields(_ reader: inout TableReader) {
        guard let object = reader.object("fields") else { return }
        for key in object.keys where !["drop", "add"].contains(key) { reader.report("fields", "its keys are drop and add, not \(key).") }
        if let drop = object["drop"] {
            let names = drop.arrayValue?.compactMap(\.stringValue) ?? []
            if names.count != drop.arrayValue?.count { reader.report("fields", "drop must be a list of names of fields.") }
            droppedFields = names
        }
        if let add = object["add"] {
            if add.objectValue == nil { reader.report("fields", "add must be a table of fields and values.") }
            addedFields = add.objectValue ?? [:]
        }
        for name in droppedFields + addedFields.keys where Self.ownFields.contains(name) {
            reader.report("fields", "the server needs the field '\(name)' as it is, so it cannot be dropped or added.")
        }
    }
}
