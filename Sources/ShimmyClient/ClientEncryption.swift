import NIOSSL

/// The certificates that a client uses for TLS, as files in PEM format.
package struct ClientEncryption: Sendable, Equatable {
    /// Certificates to trust, in addition to the system's; nil for none.
    package let trusted: String?
    /// The certificate with which the client identifies itself, and its private key; nil for none.
    package let identity: Identity?

    package struct Identity: Sendable, Equatable {
        /// The certificate first, then the intermediate ones.
        package let certificate: String
        package let key: String

        package init(certificate: String, key: String) {
            self.certificate = certificate
            self.key = key
        }
    }

    package init(trusted: String?, identity: Identity?) {
        self.trusted = trusted
        self.identity = identity
    }

    /// Throws `ClientError.certificate` if a file of the client's own certificate cannot be used.
    func configuration() throws -> TLSConfiguration {
        var configuration = TLSConfiguration.makeClientConfiguration()
        if let trusted { configuration.additionalTrustRoots = [.file(trusted)] }
        guard let identity else { return configuration }
        guard let chain = try? NIOSSLCertificate.fromPEMFile(identity.certificate), !chain.isEmpty else {
            throw ClientError.certificate("\(identity.certificate) does not contain a certificate in PEM format")
        }
        guard let key = try? NIOSSLPrivateKey(file: identity.key, format: .pem) else {
            throw ClientError.certificate("\(identity.key) does not contain a private key in PEM format without a passphrase")
        }
        configuration.certificateChain = chain.map { .certificate($0) }
        configuration.privateKey = .privateKey(key)
        guard (try? NIOSSLContext(configuration: configuration)) != nil else {
            throw ClientError.certificate("the private key \(identity.key) does not belong to the first certificate in \(identity.certificate)")
        }
        return configuration
    }

    /// Returns the reason if a server refused a connection because of the client's certificate; nil for another error.
    static func refusal(_ error: any Error) -> String? {
        let text = "\(error)".uppercased()
        let alerts = ["CERTIFICATE_REQUIRED", "ALERT_UNKNOWN_CA", "ALERT_BAD_CERTIFICATE", "ALERT_CERTIFICATE_EXPIRED"]
        guard alerts.contains(where: text.contains) else { return nil }
        return "the server requires a client certificate that its authority signed; pass one with --tls-client-cert and --tls-client-key"
    }
}
