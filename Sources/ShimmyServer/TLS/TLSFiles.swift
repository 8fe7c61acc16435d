import NIOSSL
import ShimmyCore

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// The files of a server's identity: the certificate chain, its private key, and the authority of client certificates.
package struct TLSFiles: Sendable, Equatable {
    package let certificate: String
    package let key: String
    /// The certificates of the authorities that sign clients' certificates; nil if clients need none.
    package let clientAuthority: String?

    package init(certificate: String, key: String, clientAuthority: String? = nil) {
        self.certificate = certificate
        self.key = key
        self.clientAuthority = clientAuthority
    }

    package var paths: [String] { [certificate, key] + (clientAuthority.map { [$0] } ?? []) }

    /// A certificate, a key or an authority that cannot be used.
    package struct Problem: Error, CustomStringConvertible, Equatable {
        package let description: String
    }

    struct Content: Sendable, Equatable {
        let certificate: [UInt8]
        let key: [UInt8]
        let clientAuthority: [UInt8]?
    }

    /// The context for new connections, and the expiry of its certificate.
    struct Identity: Sendable {
        let context: NIOSSLContext
        /// The Unix seconds at which the certificate expires.
        let expires: Int
    }

    private static let largestFile = 1 << 20
    /// Forward secrecy and authenticated encryption only, for TLS 1.2. All suites of TLS 1.3 have both.
    private static let suites = ["AES128-GCM-SHA256", "AES256-GCM-SHA384", "CHACHA20-POLY1305"].flatMap { ["ECDHE-ECDSA-\($0)", "ECDHE-RSA-\($0)"] }
        .joined(separator: ":")

    func read() throws(Problem) -> Content {
        Content(
            certificate: try Self.read(certificate, "certificate"), key: try Self.read(key, "private key"),
            clientAuthority: try readAuthority())
    }

    private func readAuthority() throws(Problem) -> [UInt8]? {
        guard let clientAuthority else { return nil }
        return try Self.read(clientAuthority, "client authority")
    }

    private static func read(_ path: String, _ what: String) throws(Problem) -> [UInt8] {
        guard let bytes = RegularFile.read(path, limit: largestFile) else {
            throw Problem(description: "the \(what) \(path) cannot be read; check that the file exists and that this user may read it")
        }
        return bytes
    }

    /// Returns the identity in the content of the files. Throws if a file is damaged or if the key is not the certificate's.
    func identity(_ content: Content) throws(Problem) -> Identity {
        let chain = try Self.certificates(content.certificate, certificate)
        guard let privateKey = try? NIOSSLPrivateKey(bytes: content.key, format: .pem) else {
            throw Problem(description: "\(key) does not contain a private key in PEM format without a passphrase")
        }
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(privateKey))
        configuration.minimumTLSVersion = .tlsv12
        configuration.cipherSuites = Self.suites
        configuration.applicationProtocols = ["h2", "http/1.1"]
        if let authority = content.clientAuthority, let path = clientAuthority {
            configuration.trustRoots = .certificates(try Self.certificates(authority, path))
            configuration.certificateVerification = .noHostnameVerification
            configuration.sendCANameList = true
        }
        guard let context = try? NIOSSLContext(configuration: configuration) else {
            throw Problem(description: "the private key \(key) does not belong to the first certificate in \(certificate)")
        }
        return Identity(context: context, expires: Int(chain[0].notValidAfter))
    }

    /// Returns the certificates in a file, at least one.
    private static func certificates(_ bytes: [UInt8], _ path: String) throws(Problem) -> [NIOSSLCertificate] {
        guard let chain = try? NIOSSLCertificate.fromPEMBytes(bytes), !chain.isEmpty else {
            throw Problem(description: "\(path) does not contain a certificate in PEM format")
        }
        return chain
    }

    /// Whether every user of this machine may read the private key.
    package var isKeyExposed: Bool {
        var status = stat()
        return stat(key, &status) == 0 && status.st_mode & 0o004 != 0
    }
}
