import ShimmyChat
import Testing

/// Images and recordings in the outputs of tools.
@Suite struct OutputMediaTests {
    private static func image(_ number: Int) -> ContentPart { .media(MediaPart(.image(url: "https://host/\(number).png", detail: nil))) }

    private static func output(_ content: ContentPart...) -> ChatMessage { ChatMessage(role: .tool, content: content, toolCallID: "c") }

    private static let omission: ContentPart = "[image omitted: this model reads only text]"

    @Test func aTextReplacesWhatTheModelDoesNotRead() {
        let sound = ContentPart.media(MediaPart(.audio(data: "AAAA", format: "wav")))
        let user = ChatMessage(role: .user, content: [Self.image(0)])
        var conversation = Conversation(messages: [user, Self.output("see", Self.image(1), sound)])
        let before = conversation
        conversation.omitOutputMedia(except: .all)
        #expect(conversation == before && before.hasOutputMedia)
        conversation.omitOutputMedia(except: .image)
        #expect(conversation.messages[1].content == ["see", Self.image(1), "[audio omitted: this model reads only text]"])
        conversation.omitOutputMedia(except: .none)
        #expect(conversation.messages[1].content == ["see", Self.omission, "[audio omitted: this model reads only text]"])
        // The images of users stay.
        #expect(conversation.messages[0] == user && !conversation.hasOutputMedia && conversation.normalizations == [.omittedMedia])
    }

    @Test func theOldestGoFirst() {
        var conversation = Conversation(messages: [Self.output(Self.image(1), Self.image(2)), Self.output(Self.image(3))])
        conversation.omitOutputMedia(except: .image, atMost: 2)
        #expect(conversation.messages.map(\.content) == [[Self.omission, Self.image(2)], [Self.image(3)]])
        conversation.omitOutputMedia(except: .image, atMost: 0)
        #expect(!conversation.hasOutputMedia)
    }

    @Test func theUsersNextMessageTakesImagesUp() {
        let messages = [
            Self.output(Self.image(1)), ChatMessage(.assistant, "b"), Self.output("c"), Self.output(Self.image(2)), ChatMessage(.user, "d"),
            Self.output(Self.image(3)),
        ]
        let moved = messages.withOutputMediaInUserMessages()
        #expect(moved.map(\.role) == [.tool, .user, .assistant, .tool, .tool, .user, .tool, .user])
        #expect(moved[0].content == ["[image 1: see the user's next message]"] && moved[1].content == ["[image 1]", Self.image(1)])
        #expect(moved[3] == messages[2] && moved[5].content == ["[image 2]", Self.image(2), "d"])
        #expect(moved[7].content == ["[image 3]", Self.image(3)] && moved[6].toolCallID == "c")
        let plain = [ChatMessage(.user, "a"), Self.output("b")]
        #expect(plain.withOutputMediaInUserMessages() == plain)
    }
}
