import NIOSSL
import Synchronization

/// The identity that a server shows to new connections. Its files can change while the server runs; open connections are not affected.
package final class TLSIdentity: Sendable {
    private struct State {
        var identity: TLSFiles.Identity
        var content: TLSFiles.Content
        /// The content that was found damaged last, so that it is reported once.
        var refused: TLSFiles.Content?
    }

    package let files: TLSFiles
    private let state: Mutex<State>

    package init(_ files: TLSFiles) throws(TLSFiles.Problem) {
        self.files = files
        let content = try files.read()
        state = Mutex(State(identity: try files.identity(content), content: content))
    }

    var context: NIOSSLContext { state.withLock { $0.identity.context } }

    /// Whether clients must have a certificate.
    package var requiresClientCertificate: Bool { files.clientAuthority != nil }

    /// The Unix seconds at which the certificate expires.
    package var expires: Int { state.withLock { $0.identity.expires } }

    /// Reads the files again. Blocks. Returns whether new connections use another identity now. Throws if the files changed and cannot be used; the
    /// identity then stays the same.
    package func reload() throws(TLSFiles.Problem) -> Bool {
        let content = try files.read()
        let isKnown = state.withLock { state in
            if state.content == content { state.refused = nil }
            return state.content == content || state.refused == content
        }
        if isKnown { return false }
        do throws(TLSFiles.Problem) {
            let identity = try files.identity(content)
            state.withLock { $0 = State(identity: identity, content: content) }
            return true
        } catch {
            state.withLock { $0.refused = content }
            throw error
        }
    }
}
