import ShimmyModels
import ShimmyServer

/// What a person sees when the server is up: the address, a model, a command to try.
enum Banner {
    /// - needsKey: whether the command to try has to send an API key.
    static func show(_ address: ShimmyServer.Address, models: ModelManager, preferred: String?, needsKey: Bool) async {
        let host = address.host.contains(":") ? "[\(address.host)]" : address.host
        let isAny = ["0.0.0.0", "[::]"].contains(host)
        let base = "http://\(isAny ? "127.0.0.1" : host):\(address.port)"
        Console.print("Shimmy is listening on \(base)")
        let usable = await models.list().filter(\.isUsable)
        guard let model = preferred.map(modelName) ?? usable.first?.id else {
            Console.print("No model was found: put a GGUF file into Shimmy's model directory ('shimmy info' names it), or give --model PATH.")
            return
        }
        Console.print("Model: \(model)\(usable.count > 1 ? " (and \(usable.count - 1) more: shimmy list)" : "")")
        Console.print("Try:")
        Console.print("  curl \(base)/v1/chat/completions -H 'Content-Type: application/json' \\")
        if needsKey { Console.print("    -H \"Authorization: Bearer $SHIMMY_API_KEY\" \\") }
        Console.print("    -d '{\"model\": \"\(model)\", \"temperature\": 0, \"messages\": [{\"role\": \"user\", \"content\": \"Say hello.\"}]}'")
    }

    /// The name under which a model given by path is served.
    static func modelName(_ nameOrPath: String) -> String { ModelCatalog.record(forFile: nameOrPath)?.id ?? nameOrPath }
}
