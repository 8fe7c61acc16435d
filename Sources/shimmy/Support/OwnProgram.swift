import Foundation
import ShimmyConfiguration
import ShimmyCore

/// The program that this process runs.
enum OwnProgram {
    /// The absolute path by which the program was started. It can be a link, such as that of a package manager to the folder of a version, which
    /// stays valid when another version is installed. If the path does not lead to this program, the path of the program's file.
    static var path: String {
        let name = CommandLine.arguments.first ?? ""
        let file = ConfigurationPlace.absolute(Bundle.main.executablePath ?? name)
        let started = name.contains("/") ? name : ProgramLauncher.path(of: name, in: Environment.process.string("PATH"))
        guard let path = started.map(ConfigurationPlace.absolute), let real = AtomicFile.realPath(of: path) else { return file }
        return real == AtomicFile.realPath(of: file) ? path : file
    }
}
