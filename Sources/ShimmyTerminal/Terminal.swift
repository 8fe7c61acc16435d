import Synchronization

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// The user's terminal: its input mode and its size. The original settings are restored when the process ends, also after a fatal signal.
package struct Terminal: Sendable {
    package enum Mode: Sendable {
        /// The settings from before the process began.
        case original
        /// Each key is delivered when it is pressed, Ctrl-C included, and is not echoed.
        case raw
        /// Keys are not echoed and wait until they are read; Ctrl-C sends a signal.
        case quiet
    }

    package init() {}

    /// Whether standard input and output are terminals, so that lines can be edited.
    package static var isInteractive: Bool { isatty(0) == 1 && isatty(1) == 1 }

    /// Returns whether the terminal supports escape sequences.
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

    /// Stops the process as Ctrl-Z does, until it is continued.
    func suspend() {
        set(.original)
        raise(SIGTSTP)
        set(.raw)
    }

    /// The number of cells of a row, and the number of rows; 80 and 24 if unknown.
    package var size: (width: Int, height: Int) {
        var size = winsize()
        guard ioctl(1, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 1, size.ws_row > 1 else { return (80, 24) }
        return (Int(size.ws_col), Int(size.ws_row))
    }

    /// Whether the second screen is shown, which a fatal signal must leave.
    static var isFullScreen: Bool {
        get { OriginalSettings.isFullScreen.load(ordering: .relaxed) }
        set { OriginalSettings.isFullScreen.store(newValue, ordering: .relaxed) }
    }

    enum Input: Sendable {
        case bytes([UInt8])
        /// The terminal has another size.
        case resized
        case ended
    }

    /// Waits for input or a change of the terminal's size.
    func read() -> Input {
        var buffer = [UInt8](repeating: 0, count: 4096)
        let resizes = ResizeSignal.descriptor
        while true {
            var files = [pollfd(fd: 0, events: Int16(POLLIN), revents: 0), pollfd(fd: resizes, events: Int16(POLLIN), revents: 0)]
            if poll(&files, 2, -1) < 0 {
                guard errno == EINTR || errno == EAGAIN else { return .ended }
                continue
            }
            if files[1].revents & Int16(POLLIN) != 0 {
                while Self.readBytes(resizes, &buffer) > 0 {}
                return .resized
            }
            guard files[0].revents != 0 else { continue }
            let count = Self.readBytes(0, &buffer)
            if count > 0 { return .bytes(Array(buffer.prefix(count))) }
            guard count < 0, errno == EINTR || errno == EAGAIN else { return .ended }
        }
    }

    private static func readBytes(_ descriptor: Int32, _ buffer: inout [UInt8]) -> Int {
        #if canImport(Glibc)
            Glibc.read(descriptor, &buffer, buffer.count)
        #else
            Darwin.read(descriptor, &buffer, buffer.count)
        #endif
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

/// A pipe that becomes readable when the terminal's size changes.
private enum ResizeSignal {
    /// The ends of the pipe, made once, so that a signal handler, which must not allocate or lock, can read them; -1 if there is none.
    private static let ends: (read: Int32, write: Int32) = {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { return (-1, -1) }
        for end in ends {
            _ = fcntl(end, F_SETFL, O_NONBLOCK)
            _ = fcntl(end, F_SETFD, FD_CLOEXEC)
        }
        return (ends[0], ends[1])
    }()

    private static let isWatching: Bool = {
        _ = ends
        signal(SIGWINCH) { _ in ResizeSignal.notify() }
        return true
    }()

    /// The end of the pipe to read. The first access starts to watch the size.
    static var descriptor: Int32 { isWatching ? ends.read : -1 }

    private static func notify() {
        let failure = errno
        var byte: UInt8 = 0
        #if canImport(Glibc)
            _ = Glibc.write(ends.write, &byte, 1)
        #else
            _ = Darwin.write(ends.write, &byte, 1)
        #endif
        errno = failure
    }
}

/// The terminal's settings when the process began, and the handlers that restore them.
private enum OriginalSettings {
    /// Allocated once and never freed, so that a signal handler, which must not allocate or lock, can read it.
    nonisolated(unsafe) private static let settings: UnsafeMutablePointer<termios>? = {
        let settings = UnsafeMutablePointer<termios>.allocate(capacity: 1)
        settings.initialize(to: termios())
        guard tcgetattr(0, settings) == 0 else { return nil }
        // A signal handler must not be the first to use these.
        _ = (isFullScreen.load(ordering: .relaxed), firstScreen)
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

    /// Returns the settings, saving them on first use; nil if standard input is not a terminal.
    static func remember() -> termios? { settings?.pointee }

    /// Whether the second screen is shown. It is set after `remember`, so that a signal handler finds it initialized.
    static let isFullScreen = Atomic(false)
    /// The bytes that show the cursor and the first screen.
    private static let firstScreen: StaticString = "\u{1b}[?25h\u{1b}[?1049l"

    private static func restore() {
        if isFullScreen.load(ordering: .relaxed) {
            #if canImport(Glibc)
                _ = Glibc.write(1, firstScreen.utf8Start, firstScreen.utf8CodeUnitCount)
            #else
                _ = Darwin.write(1, firstScreen.utf8Start, firstScreen.utf8CodeUnitCount)
            #endif
        }
        if let settings { tcsetattr(0, TCSANOW, settings) }
    }
}
