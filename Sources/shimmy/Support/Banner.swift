import Logging
import ShimmyConfiguration
import ShimmyCore
import ShimmyModels
import ShimmyServer
import SwiftASN1
import X509

/// The text printed to standard output once the server listens: its address, a model and a `curl` command to try.
enum Banner {
    /// Prints the banner.
    /// - preferred: the model to use in the example command; nil for the first usable one.
    /// - certificate: the file of the server's certificate; nil if it has none.
    /// - needsKey: whether the example command has to send an API key.
    /// - contextLength: returns the context length that a model will get.
    static func show(
        _ address: ShimmyServer.Address, models: ModelManager, preferred: String?, certificate: String?, needsKey: Bool,
        contextLength: (ModelRecord) -> Int?
    ) async {
        let (shown, base, client) = urls(address, certificate)
        Console.print("Shimmy is listening on \(shown)")
        let usable = await models.list().filter(\.isUsable)
        guard let model = preferred.map(modelName) ?? usable.first?.id else {
            Console.print("No model was found. \(StarterModel.hint); any other GGUF file can be passed with --model PATH.")
            return
        }
        Console.print("Model: \(model)\(usable.count > 1 ? " (and \(usable.count - 1) more: shimmy list)" : "")")
        if let record = usable.first(where: { $0.id == model }), record.kind == .model, let trained = record.contextLength,
            let context = contextLength(record), context > trained
        {
            Console.print("Context: \(context) tokens, but the model was trained with \(trained); answers to longer prompts may be useless.")
        }
        Console.print("Try:")
        Console.print("  curl \(client)\(base)/v1/chat/completions -H 'Content-Type: application/json' \\")
        if needsKey { Console.print("    -H \"Authorization: Bearer $\(Setting.apiKey.variable)\" \\") }
        Console.print("    -d '{\"model\": \"\(model)\", \"temperature\": 0, \"messages\": [{\"role\": \"user\", \"content\": \"Say hello.\"}]}'")
    }

    /// Returns the address to show, the base URL of the example command and its options.
    private static func urls(_ address: ShimmyServer.Address, _ certificate: String?) -> (shown: String, base: String, options: String) {
        switch address {
        case .socket(let path): return ("unix:\(path)", "http://localhost", "--unix-socket '\(path)' ")
        case .port(let name, let port, let isEncrypted):
            let isAny = ["0.0.0.0", "::"].contains(name)
            let host = isAny ? "127.0.0.1" : name.contains(":") ? "[\(name)]" : name
            let base = "\(isEncrypted ? "https" : "http")://\(host):\(port)"
            guard isEncrypted, let certificate, isSelfSigned(certificate) else { return (base, base, "") }
            return (base, base, "--cacert '\(certificate)' ")
        }
    }

    /// Returns whether a file contains a single certificate that its own key signed. Clients must be told to trust it.
    private static func isSelfSigned(_ path: String) -> Bool {
        guard let text = RegularFile.text(path, limit: 1 << 20), let certificate = try? Certificate(pemEncoded: text) else { return false }
        return certificate.issuer == certificate.subject
    }

    /// Returns the served name of a model that was given by name or by path.
    static func modelName(_ nameOrPath: String) -> String { ModelCatalog.record(forFile: nameOrPath)?.id ?? nameOrPath }
}

extension ShimmyServer.Address {
    /// The address in the log.
    var metadata: Logger.Metadata {
        switch self {
        case .socket(let path): ["socket": "\(path)"]
        case .port(let host, let port, let isEncrypted):
            ["host": "\(host)", "port": .stringConvertible(port), "tls": .stringConvertible(isEncrypted)]
        }
    }
}
