import ShimmyCore

/// GPT4All's models, which are in one folder that its settings may move.
enum GPT4All {
    static func folder(configuration: String) -> String? {
        guard let settings = RegularFile.text("\(configuration)/nomic.ai/GPT4All.ini", limit: 1 << 20) else { return nil }
        let line = settings.split(whereSeparator: \.isNewline).first { $0.hasPrefix("modelPath=") }
        return line.map { String($0.dropFirst("modelPath=".count)) }.flatMap { $0.hasPrefix("/") ? $0 : nil }
    }
}
