/// The rules by which a router chooses replicas.
package struct RoutingTerms: Hashable, Sendable {
    /// A replica with a shared prefix is preferred while its load is at most this number of tokens per weight ...
    package var absoluteLoad = 4096
    /// ... or at most this multiple of the mean load of its priority's replicas. Above both, the request moves if that pays off: if the least loaded
    /// replica has less load even with the tokens of the prefix, which it has to compute.
    package var relativeLoad = 1.5
    /// The tokens that a request in flight counts for, in addition to its own.
    package var tokensPerRequest = 256
    /// A shared prefix counts if it is at least this part of the prompt. A smaller one, such as a system prompt, would bring too many conversations
    /// to the same replica.
    package var leastShare = 0.5
    /// The max number of candidates for a request.
    package var candidates = 4
    /// The limits of the index of prefixes: 2 GiB of prompts, in at most about 100 MB of memory.
    package var indexedChunks = 1 << 22
    package var indexedNodes = 1 << 18

    package init() {}
}
