// Images and recordings in the outputs of tools. Agents send their outputs again with each request, so that an output with an image must not make the
// rest of the conversation impossible, whatever the model and the API read.

extension ContentPart {
    /// Returns the text in place of a part that the model does not read.
    /// - name: the kind of the content, such as `image`.
    package static func omission(of name: String) -> String { "[\(name) omitted: this model reads only text]" }
}

extension Conversation {
    /// Whether outputs of tools have media.
    package var hasOutputMedia: Bool { messages.contains { $0.isOutput && !$0.media.isEmpty } }

    /// Puts a text in place of the media in tools' outputs that the model does not read, and of the oldest ones that are too many.
    /// - kinds: the kinds of media that the model reads.
    /// - most: the max number of media that stay.
    package mutating func omitOutputMedia(except kinds: MediaKinds, atMost most: Int = .max) {
        var (room, isChanged) = (most, false)
        for index in messages.indices.reversed() where messages[index].isOutput && !messages[index].media.isEmpty {
            var content = messages[index].content ?? []
            for part in content.indices.reversed() {
                guard let media = content[part].media else { continue }
                if kinds.contains(media.kind), room > 0 {
                    room -= 1
                } else {
                    content[part] = .text(ContentPart.omission(of: media.name))
                    isChanged = true
                }
            }
            messages[index].content = content
        }
        if isChanged, !normalizations.contains(.omittedMedia) { normalizations.append(.omittedMedia) }
    }
}

extension Array<ChatMessage> {
    /// Returns the messages with the media of tools' outputs at the start of the user's next message, for APIs whose outputs contain only text.
    package func withOutputMediaInUserMessages() -> [ChatMessage] {
        var result: [ChatMessage] = []
        var moved: [ContentPart] = []
        var count = 0
        for message in self {
            if message.isOutput {
                var output = message
                output.content = message.content?.map { part -> ContentPart in
                    guard let media = part.media else { return part }
                    count += 1
                    moved += [.text("[\(media.name) \(count)]"), part]
                    return .text("[\(media.name) \(count): see the user's next message]")
                }
                result.append(output)
            } else if message.role == .user, !moved.isEmpty {
                var user = message
                user.content = moved + (message.content ?? [])
                moved = []
                result.append(user)
            } else {
                if !moved.isEmpty { result.append(ChatMessage(role: .user, content: moved)) }
                moved = []
                result.append(message)
            }
        }
        return moved.isEmpty ? result : result + [ChatMessage(role: .user, content: moved)]
    }
}

extension ChatMessage {
    /// Whether the message is the output of a tool.
    fileprivate var isOutput: Bool { role == .tool || role == .function }
}

extension MediaPart {
    fileprivate var name: String {
        switch source {
        case .image: "image"
        case .audio: "audio"
        }
    }
}
