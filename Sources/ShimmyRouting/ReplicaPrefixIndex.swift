/// A radix tree of the prompts' chunk hashes that remembers which caches hold which prefix.
///
/// A node is a run of chunks that the same caches hold. A lookup or an insertion takes time in proportion to the prompt's chunks. When the index has
/// more chunks than its limit, the least recently used prompts lose their last nodes. A node is always used after its children, so the least recently
/// used node has none.
///
/// The index is an estimate: a cache can lose a prefix without notice.
package struct ReplicaPrefixIndex: Sendable {
    /// A cache of prefixes. A replica that lost its cache gets another number.
    package typealias Cache = Int

    package struct Match: Equatable, Sendable {
        package var cache: Cache
        /// The number of chunks at the beginning of the prompt that the cache holds.
        package var chunks: Int
    }

    package struct Limits: Sendable {
        /// The max number of chunks in the index, which are 8 bytes each, and of its nodes, which are about 200 bytes each.
        package var chunks: Int
        package var nodes: Int
        /// The max number of caches that a node names. Beyond it, the cache that used the node least recently is forgotten.
        package var cachesPerNode: Int

        package init(chunks: Int = 1 << 22, nodes: Int = 1 << 18, cachesPerNode: Int = 16) {
            precondition(chunks > 0 && nodes > 1 && cachesPerNode > 0)
            self.chunks = chunks
            self.nodes = nodes
            self.cachesPerNode = cachesPerNode
        }
    }

    private struct Node: Sendable {
        static let none = -1

        var hashes: [UInt64]
        var parent: Int
        var children = 0
        /// The caches, the most recent one first.
        var caches: [Cache]
        var newer = Self.none
        var older = Self.none
    }

    private let limits: Limits
    private var nodes: [Node] = []
    private var unused: [Int] = []
    /// The nodes by their first hash. As a hash covers the whole prefix, it is in one node only.
    private var starts: [UInt64: Int] = [:]
    /// The number of chunks that each cache holds. A removed cache has no entry, and nodes that still name it are corrected when they are used.
    private var held: [Cache: Int] = [:]
    private var newest = Node.none
    private var oldest = Node.none

    package private(set) var chunkCount = 0
    package var nodeCount: Int { nodes.count - unused.count }

    package init(limits: Limits = Limits()) {
        self.limits = limits
    }

    /// Adds a cache. A number is used once, because nodes can still name a removed cache.
    package mutating func add(_ cache: Cache) { held[cache] = 0 }

    package mutating func remove(_ cache: Cache) { held[cache] = nil }

    /// Returns the number of chunks that a cache holds.
    package func count(of cache: Cache) -> Int { held[cache] ?? 0 }

    // MARK: Looking up

    /// Returns the longest match of each cache, the longest first.
    ///
    /// - limit: the max number of matches.
    package func matches(_ hashes: [UInt64], limit: Int) -> [Match] {
        var path: [(node: Int, end: Int)] = []
        var depth = 0
        while depth < hashes.count, let id = starts[hashes[depth]] {
            let common = commonCount(nodes[id].hashes, hashes, from: depth)
            depth += common
            path.append((id, depth))
            if common < nodes[id].hashes.count { break }
        }
        var found: [Match] = []
        for (id, end) in path.reversed() {
            for cache in nodes[id].caches where held[cache] != nil && !found.contains(where: { $0.cache == cache }) {
                guard found.count < limit else { return found }
                found.append(Match(cache: cache, chunks: end))
            }
        }
        return found
    }

    private func commonCount(_ run: [UInt64], _ hashes: [UInt64], from start: Int) -> Int {
        let length = min(run.count, hashes.count - start)
        var count = 0
        while count < length, run[count] == hashes[start + count] { count += 1 }
        return count
    }

    // MARK: Inserting

    /// Notes that a cache holds a prompt. Chunks beyond the index's limit are ignored.
    package mutating func insert(_ hashes: [UInt64], in cache: Cache) {
        guard held[cache] != nil else { return }
        let length = min(hashes.count, limits.chunks)
        var path: [Int] = []
        var depth = 0
        while depth < length, let id = starts[hashes[depth]] {
            let common = commonCount(nodes[id].hashes, hashes, from: depth)
            path.append(common < nodes[id].hashes.count ? split(id, at: common) : id)
            depth += common
        }
        for id in path { note(cache, in: id) }
        if depth < length {
            let rest = Array(hashes[depth..<length])
            if let last = path.last, nodes[last].children == 0, nodes[last].caches == [cache] {
                nodes[last].hashes += rest
            } else {
                if let last = path.last { nodes[last].children += 1 }
                path.append(makeNode(rest, below: path.last ?? Node.none, [cache]))
            }
            chunkCount += rest.count
            held[cache]? += rest.count
        }
        for id in path.reversed() { touch(id) }
        while chunkCount > limits.chunks || nodeCount > limits.nodes, oldest != path.first, oldest != Node.none { evictOldest() }
    }

    private mutating func note(_ cache: Cache, in id: Int) {
        if nodes[id].caches.first == cache { return }
        let length = nodes[id].hashes.count
        if let index = nodes[id].caches.firstIndex(of: cache) {
            nodes[id].caches.remove(at: index)
        } else {
            held[cache]? += length
            nodes[id].caches.removeAll { held[$0] == nil }
            if nodes[id].caches.count == limits.cachesPerNode { held[nodes[id].caches.removeLast()]? -= length }
        }
        nodes[id].caches.insert(cache, at: 0)
    }

    /// Puts a node's hashes before `index` into a new parent of the node and returns the parent. The node keeps its children.
    private mutating func split(_ id: Int, at index: Int) -> Int {
        let head = Array(nodes[id].hashes[..<index])
        nodes[id].hashes.removeSubrange(..<index)
        starts[nodes[id].hashes[0]] = id
        let parent = makeNode(head, below: nodes[id].parent, nodes[id].caches)
        nodes[parent].children = 1
        nodes[id].parent = parent
        return parent
    }

    private mutating func makeNode(_ hashes: [UInt64], below parent: Int, _ caches: [Cache]) -> Int {
        let node = Node(hashes: hashes, parent: parent, caches: caches)
        let id = unused.popLast() ?? nodes.count
        if id == nodes.count { nodes.append(node) } else { nodes[id] = node }
        starts[hashes[0]] = id
        link(id)
        return id
    }

    // MARK: Order of use

    private mutating func touch(_ id: Int) {
        guard id != newest else { return }
        unlink(id)
        link(id)
    }

    private mutating func link(_ id: Int) {
        nodes[id].newer = Node.none
        nodes[id].older = newest
        if newest != Node.none { nodes[newest].newer = id }
        newest = id
        if oldest == Node.none { oldest = id }
    }

    private mutating func unlink(_ id: Int) {
        let (newer, older) = (nodes[id].newer, nodes[id].older)
        if newer == Node.none { newest = older } else { nodes[newer].older = older }
        if older == Node.none { oldest = newer } else { nodes[older].newer = newer }
    }

    private mutating func evictOldest() {
        let id = oldest
        unlink(id)
        starts[nodes[id].hashes[0]] = nil
        chunkCount -= nodes[id].hashes.count
        for cache in nodes[id].caches { held[cache]? -= nodes[id].hashes.count }
        if nodes[id].parent != Node.none { nodes[nodes[id].parent].children -= 1 }
        nodes[id].hashes = []
        nodes[id].caches = []
        unused.append(id)
    }
}
