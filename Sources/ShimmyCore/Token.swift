// This target contains the few plain values that all layers share. It does not know text, HTTP, JSON or llama.cpp.

/// A token: an entry of a model's vocabulary, by its index.
package typealias Token = Int32
