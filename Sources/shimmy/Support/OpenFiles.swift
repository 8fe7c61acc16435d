#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// The limit on a process's open files, which every connection counts towards.
enum OpenFiles {
    /// Descriptors that are kept for models, the database, downloads and the like.
    static let reserve = 256
    /// More than any server needs; some systems say there is no limit.
    private static let most = 1 << 20

    /// Raises the limit as far as the process may, and returns it.
    static func raiseLimit() -> Int {
        var limit = rlimit()
        #if canImport(Glibc)
            let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        #else
            let resource = RLIMIT_NOFILE
        #endif
        guard getrlimit(resource, &limit) == 0 else { return 1024 }
        let wanted = min(limit.rlim_max, rlim_t(most))
        if wanted > limit.rlim_cur {
            limit.rlim_cur = wanted
            _ = setrlimit(resource, &limit)
            _ = getrlimit(resource, &limit)
        }
        return Int(min(limit.rlim_cur, rlim_t(most)))
    }

    /// The connections that a limit on open files leaves room for.
    static func connections(within files: Int) -> Int { max(1, files - min(reserve, files / 2)) }
}
