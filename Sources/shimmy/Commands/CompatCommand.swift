import ArgumentParser
import ShimmyAPI
import ShimmyJSON
import ShimmyUpstreams

struct CompatCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "compat", abstract: "Print the support for each field of an API, with the test for it.",
        discussion: "For upstreams, prints the fields that each kind of upstream server honours.")

    @Argument(help: "openai, anthropic, ollama, llama-server, lmstudio or upstreams.")
    var subject = Subject.api(.openAI)

    @Flag(help: "Print JSON instead of Markdown.")
    var json = false

    func run() {
        switch subject {
        case .api(let api): Console.print(json ? Compatibility.json(api).pretty() : Compatibility.markdown(api), terminator: json ? "\n" : "")
        case .upstreams: Console.print(json ? UpstreamMatrix.json.pretty() : UpstreamMatrix.markdown, terminator: json ? "\n" : "")
        }
    }

    /// The subject of a matrix: an API for clients, or the upstream servers.
    enum Subject: ExpressibleByArgument {
        case api(API)
        case upstreams

        private static let upstreamsName = "upstreams"

        init?(argument: String) {
            if argument == Self.upstreamsName {
                self = .upstreams
            } else if let api = API(rawValue: argument) {
                self = .api(api)
            } else {
                return nil
            }
        }

        static var allValueStrings: [String] { API.allCases.map(\.rawValue) + [upstreamsName] }

        var defaultValueDescription: String {
            switch self {
            case .api(let api): api.rawValue
            case .upstreams: Self.upstreamsName
            }
        }
    }
}
