import ShimmyChat

/// The text in place of a part of a tool's output that the model does not read, such as an image. Agents send their outputs again with each request,
/// so that an output with an image must not make the rest of the conversation impossible.
enum OmittedPart {
    /// The names of the parts' contents, by the types of the parts in all dialects. Tools of MCP servers use those without a suffix.
    private static let names = [
        "image": "image", "image_url": "image", "input_image": "image", "computer_screenshot": "image", "document": "document", "file": "file",
        "input_file": "file", "audio": "audio", "input_audio": "audio", "video": "video", "video_url": "video",
    ]

    /// Returns the text for a part of this type; nil if the type does not belong to a part that is omitted.
    static func text(of type: String) -> String? { names[type].map(ContentPart.omission) }
}
