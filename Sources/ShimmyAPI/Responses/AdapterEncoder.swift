package import ShimmyChat
package import ShimmyJSON

/// The encoder of a model's LoRA adapters, in llama-server's format with the adapters' names added. `path` contains only the file's name.
package enum AdapterEncoder {
    package static func list(_ adapters: ModelAdapters) -> JSON {
        .array(
            adapters.loaded.enumerated().map { id, adapter in
                ["id": .int(id), "name": .string(adapter.name), "path": .string(adapter.file), "scale": .float(adapter.scale)]
            })
    }
}
