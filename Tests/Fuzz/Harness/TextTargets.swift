import ShimmyClient
import ShimmyCore
import ShimmyHTTP
import ShimmyHub
import ShimmyJSON
import ShimmyTerminal

/// Targets that parse bytes and texts without a file.
let textTargets: [Target] = [
    Target(name: "json") { bytes in
        guard let value = try? JSON.parse(bytes, limits: JSONLimits(bytes: 1 << 20, values: 1 << 16)) else { return }
        visit(value)
        // A parsed value survives a round trip.
        let again = try? JSON.parse(value.serialized(), limits: JSONLimits(bytes: 8 << 20, values: 1 << 16))
        Harness.require(again == value, "the value changes when it is written and read")
        _ = value.pretty()
    },
    Target(name: "events") { bytes in
        // The first byte determines how the rest is split. The split must not change the result.
        guard let first = bytes.first else { return }
        let rest = Array(bytes.dropFirst())
        var (whole, pieces) = (ServerSentEventReader(limit: 4096), ServerSentEventReader(limit: 4096))
        let expected = try? whole.push(rest)
        var got: [ServerSentEventReader.Event]? = []
        var index = 0
        let step = Int(first % 7) + 1
        while index < rest.count {
            do {
                got?.append(contentsOf: try pieces.push(rest[index..<min(index + step, rest.count)]))
            } catch {
                got = nil
                break
            }
            index += step
        }
        Harness.require(expected == got, "events depend on how their bytes arrive")
    },
    Target(name: "words") { bytes in
        let text = String(decoding: bytes, as: UTF8.self)
        _ = RetryAfter.seconds(text, now: 1_700_000_000)
        _ = HTTPDate.seconds(text)
        _ = KeepAlive(text)
        _ = ServerAddress(text)
        _ = try? HubAddress(text)
        _ = ChatCommand(text)
        for parameter in ChatParameter.all { _ = try? parameter.value(text) }
        guard let saved = try? JSON.parse(bytes) else { return }
        var session = ChatSession(model: "m")
        if (try? session.restore(saved)) != nil { _ = session.request().text }
        for event in ChatEvent.events(of: saved) { if case .usage(let usage) = event { _ = ChatTimes(usage: usage, firstToken: 1, total: 2).json } }
    },
    Target(name: "keys") { bytes in
        var decoder = KeyDecoder()
        var editor = LineEditor(history: History(entries: ["one", "two\nlines"]))
        var screen = Screen(prompt: "> ", continuation: "| ")
        let width = Int(bytes.first ?? 0) % 40 + 2
        for key in decoder.push(bytes.prefix(512)) {
            _ = editor.handle(key)
            _ = screen.show(editor.characters, cursor: editor.cursor, width: width, height: 5)
        }
    },
]

/// Uses each value in all the ways that callers do. Not recursive, because the input decides the depth.
private func visit(_ value: JSON) {
    var open = [value]
    while let next = open.popLast() {
        (_, _, _) = (next.intValue, next.doubleValue, next.kind)
        if let elements = next.arrayValue { open += elements }
        for (key, member) in next.objectValue ?? [:] {
            _ = next[key]
            open.append(member)
        }
    }
}
