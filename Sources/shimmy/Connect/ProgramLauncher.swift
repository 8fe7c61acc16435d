#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Starts another program in place of this one.
enum ProgramLauncher {
    /// Returns the path of an executable in the directories of a search path; nil if there is none.
    /// - searchPath: directories with colons between them, as in `PATH`. An empty one is the current directory.
    static func path(of program: String, in searchPath: String?) -> String? {
        for directory in (searchPath ?? "").split(separator: ":", omittingEmptySubsequences: false) {
            let path = directory.isEmpty ? "./\(program)" : "\(directory)/\(program)"
            // A directory with the name may be executable too; only opening it as one tells it from a file.
            if access(path, X_OK) == 0, !isDirectory(path) { return path }
        }
        return nil
    }

    /// Replaces this process by a program, so that the program has the terminal, the signals and the exit code to itself.
    /// - arguments: the first one is the program's own name.
    /// - Returns: the reason, if that failed.
    static func become(_ path: String, arguments: [String], environment: [String: String]) -> String {
        // A program inherits the blocked and ignored signals. Swift's threads block most signals, and networking code ignores SIGPIPE.
        var none = sigset_t()
        sigemptyset(&none)
        pthread_sigmask(SIG_SETMASK, &none, nil)
        signal(SIGPIPE, SIG_DFL)
        let words = strings(arguments)
        let variables = strings(environment.map { "\($0.key)=\($0.value)" })
        execve(path, words, variables)
        let reason = String(cString: strerror(errno))
        for word in words + variables { free(word) }
        return reason
    }

    /// Returns copies of texts as C strings, with a null pointer at the end.
    private static func strings(_ texts: [String]) -> [UnsafeMutablePointer<CChar>?] { texts.map { strdup($0) } + [nil] }

    private static func isDirectory(_ path: String) -> Bool {
        guard let directory = opendir(path) else { return false }
        closedir(directory)
        return true
    }
}
