import Foundation

/// Options that are not given on the command line come from the environment.
struct Environment {
    let values: [String: String]

    static var process: Environment { Environment(values: ProcessInfo.processInfo.environment) }

    func string(_ name: String) -> String? { values[name].flatMap { $0.isEmpty ? nil : $0 } }
    func integer(_ name: String) -> Int? { string(name).flatMap { Int($0) } }
    func flag(_ name: String) -> Bool { ["1", "true", "yes", "on"].contains(string(name)?.lowercased()) }
    func list(_ name: String, separator: Character = ",") -> [String] {
        string(name)?.split(separator: separator).map(String.init) ?? []
    }

    var home: String { string("HOME") ?? "/" }
}
