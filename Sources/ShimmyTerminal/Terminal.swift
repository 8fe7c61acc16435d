#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// The terminal that a person sits at: how it takes input, and how large it is. What it was like before comes back when the process ends,
/// however it ends.
package struct Terminal: Sendable {
    package enum Mode: Sendable {
        /// As it was.
        case original
        /// Every key comes as it is pressed, ctrl-c too, and is not shown.
        case raw
        /// Keys wait and are not shown; ctrl-c is a signal.
        case quiet
    }

    package init() {}

    /// Whether people are at both ends: lines can be edited.
    package static var isInteractive: Bool { isatty(0) == 1 && isatty(1) == 1 }

    /// Whether it understands more than text.
    package static func isCapable(term: String?) -> Bool { isInteractive && term != nil && term != "" && term != "dumb" }

    package func set(_ mode: Mode) {
        guard var settings = OriginalSettings.remember() else { return }
        switch mode {
        case .original: break
        case .raw:
            settings.c_lflag &= ~tcflag_t(ICANON | ECHO | ISIG | IEXTEN)
            settings.c_iflag &= ~tcflag_t(IXON | ICRNL)
        case .quiet: settings.c_lflag &= ~tcflag_t(ICANON | ECHO)
        }
        tcsetattr(0, TCSADRAIN, &settings)
    }

    /// Stops the process as ctrl-z does, until somebody continues it.
    func suspend() {
        set(.original)
        raise(SIGTSTP)
        set(.raw)
    }

    /// Cells of a row, and rows.
    package var size: (width: Int, height: Int) {
        var size = winsize()
        guard ioctl(1, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 1, size.ws_row > 1 else { return (80, 24) }
        return (Int(size.ws_col), Int(size.ws_row))
    }

    /// Waits for keys; empty when there will be no more.
    func readBytes() -> [UInt8] {
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = read(0, &buffer, buffer.count)
            if count >= 0 { return Array(buffer.prefix(count)) }
            guard errno == EINTR || errno == EAGAIN else { return [] }
        }
    }

    func write(_ text: String) {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            #if canImport(Glibc)
                let written = rest.withUnsafeBytes { Glibc.write(1, $0.baseAddress, $0.count) }
            #else
                let written = rest.withUnsafeBytes { Darwin.write(1, $0.baseAddress, $0.count) }
            #endif
            guard written > 0 else { return }
            rest = rest.dropFirst(written)
        }
    }
}

/// What the terminal was like when the process began, and who brings it back.
private enum OriginalSettings {
    /// Allocated once and never freed, so that a signal's handler, which may not allocate or lock, can read it.
    nonisolated(unsafe) private static let settings: UnsafeMutablePointer<termios>? = {
        let settings = UnsafeMutablePointer<termios>.allocate(capacity: 1)
        settings.initialize(to: termios())
        guard tcgetattr(0, settings) == 0 else { return nil }
        atexit { OriginalSettings.restore() }
        for number in [SIGHUP, SIGTERM, SIGQUIT, SIGABRT, SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP] {
            signal(number) { number in
                OriginalSettings.restore()
                signal(number, SIG_DFL)
                raise(number)
            }
        }
        return settings
    }()

    /// Nil where there is no terminal.
    static func remember() -> termios? { settings?.pointee }

    private static func restore() {
        if let settings { tcsetattr(0, TCSANOW, settings) }
    }
}
