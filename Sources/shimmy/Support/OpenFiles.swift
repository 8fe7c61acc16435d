#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// The process's limit on open files. Each connection uses one.
enum OpenFiles {
    /// The number of descriptors reserved for models, the database, downloads and the like.
    static let reserve = 256
    /// The maximum that Shimmy asks for: more than any server needs. Some systems report an unlimited number.
    private static let most = 1 << 20

    /// Raises the soft limit as far as the hard limit allows, and returns it.
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

    /// Returns the number of connections that fit a limit on open files.
    static func connections(within files: Int) -> Int { max(1, files - min(reserve, files / 2)) }
}
