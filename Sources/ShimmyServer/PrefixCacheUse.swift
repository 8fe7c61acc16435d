/// The use of the directory of cached prefixes.
package struct PrefixCacheUse: Sendable, Equatable {
    /// The bytes of all files; nil as long as the directory was not read.
    package let bytes: Int?
    package let limit: Int

    package init(bytes: Int?, limit: Int) {
        self.bytes = bytes
        self.limit = limit
    }
}
