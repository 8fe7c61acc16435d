package import ShimmyChat
package import ShimmyJSON

/// The adapters of a model, as llama-server lists them, with their names. Of the path only the file's name is told.
package enum AdapterEncoder {
    package static func list(_ adapters: ModelAdapters) -> JSON {
        .array(
            adapters.loaded.enumerated().map { id, adapter in
                ["id": .int(id), "name": .string(adapter.name), "path": .string(adapter.file), "scale": .float(adapter.scale)]
            })
    }
}
