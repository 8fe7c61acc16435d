#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// The memory of this process.
enum ProcessMemory {
    /// Limits the bytes that this process may allocate: its heap and its other private writable memory. Files that are mapped, such as the weights
    /// of models, do not count. Returns false if the system has no such limit.
    static func limit(_ bytes: Int) -> Bool {
        #if os(Linux) && canImport(Glibc)
            var limit = rlimit(rlim_cur: rlim_t(bytes), rlim_max: rlim_t(bytes))
            return setrlimit(__rlimit_resource_t(RLIMIT_DATA.rawValue), &limit) == 0
        #else
            return false
        #endif
    }
}
