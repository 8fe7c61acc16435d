import ArgumentParser
import ShimmyJSON
import ShimmyLlama

struct DoctorCommand: AsyncParsableCommand, WorksWithoutConfiguration {
    static let configuration = CommandConfiguration(
        commandName: "doctor", abstract: "Check this machine, the models and the configuration, and say what to do.",
        discussion: """
            Reads headers of models, but no weights. The exit code is 1 if there is a problem, else 0. The output contains \
            paths and names, but no keys and no stored text.
            """)

    @OptionGroup var options: ConfigurationOptions

    @Flag(help: "Print JSON.")
    var json = false

    func run() async throws {
        LlamaBackend.start(logger: LogOptions.quiet)
        let findings = MachineChecks.findings + ConfigurationChecks.findings + ModelChecks.findings + DirectoryChecks.findings
        let ports = await PortChecks.findings()
        let all = findings + ports
        let isFine = !all.contains { $0.level == .problem }
        if json {
            Console.print(JSON.object(["ok": .bool(isFine), "checks": .array(all.map(\.json))]).pretty())
        } else {
            let lines = Console.table(all.map(\.row)).split(separator: "\n").map(String.init)
            for (finding, line) in zip(all, lines) {
                Console.print(line)
                if let advice = finding.advice { Console.print("         \(advice)") }
            }
        }
        if !isFine { throw ExitStatus.failure }
    }
}
