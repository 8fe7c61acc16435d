import ArgumentParser
import Crypto
import Foundation
import ShimmyConfiguration
import ShimmyCore
import ShimmyModels
import ShimmyServer
import SwiftASN1
import X509

struct CertCommand: AsyncParsableCommand, WorksWithoutConfiguration {
    static let configuration = CommandConfiguration(
        commandName: "cert", abstract: "Create a self-signed certificate for 'shimmy serve'.",
        discussion: """
            The certificate is valid for localhost, the addresses of localhost, the name of this machine, and the names in the arguments. Clients \
            must trust it: docs/tls.md says how.
            """)

    @Argument(help: "Additional host names and IP addresses at which clients reach the server.")
    var names: [String] = []

    @Option(help: "Directory for cert.pem and key.pem. Default: tls in the data directory.")
    var out: String?

    @Option(help: "Days until the certificate expires.")
    var days = 365

    @Flag(help: "Replace an existing certificate.")
    var force = false

    @OptionGroup var configuration: ConfigurationOptions

    /// Some systems refuse certificates with a longer life.
    private static let longestLife = 825

    func validate() throws {
        guard (1...Self.longestLife).contains(days) else {
            throw ValidationError("--days is \(days); it must be an integer from 1 to \(Self.longestLife).")
        }
        for name in names where IPAddress(name) == nil && !Self.isHostName(name) {
            throw ValidationError("'\(name)' is neither a host name nor an IP address. Examples: chat.example.com, *.example.com, 192.168.1.5.")
        }
    }

    private static func isHostName(_ name: String) -> Bool {
        let labels = name.split(separator: ".", omittingEmptySubsequences: false)
        return name.utf8.count <= 253
            && labels.enumerated().allSatisfy { index, label in
                if index == 0, label == "*", labels.count > 1 { return true }
                return (1...63).contains(label.utf8.count) && label.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "-_".contains($0)) }
            }
    }

    func run() async throws {
        let folder = out ?? Environment.process.directories.data + "/tls"
        let (certificatePath, keyPath) = ("\(folder)/cert.pem", "\(folder)/key.pem")
        let existing = [certificatePath, keyPath].filter { FileManager.default.fileExists(atPath: $0) }
        if !force, let path = existing.first {
            Console.error("\(path) exists; pass --force to replace it, or choose another directory with --out")
            throw ExitStatus.failure
        }
        let identity = try SelfSigned(names: allNames, days: days)
        do {
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            try AtomicFile.replace(keyPath, with: Array(identity.key.utf8), permissions: 0o600)
            try AtomicFile.replace(certificatePath, with: Array(identity.certificate.utf8), permissions: 0o644)
        } catch {
            let reason = (error as? AtomicFile.Failure)?.description ?? error.localizedDescription
            Console.error("the certificate cannot be written to \(folder): \(reason)")
            throw ExitStatus.failure
        }
        Console.print("Certificate: \(certificatePath), valid for \(days) days for \(allNames.joined(separator: ", "))")
        Console.print("Private key: \(keyPath)")
        Console.print("Serve with it:")
        Console.print("  shimmy serve --tls-cert '\(certificatePath)' --tls-key '\(keyPath)'")
        Console.print("Clients must trust \(certificatePath), for example:")
        Console.print("  curl --cacert '\(certificatePath)' https://127.0.0.1:11435/health")
    }

    private var allNames: [String] {
        var all = ["localhost", "127.0.0.1", "::1"]
        let machine = ProcessInfo.processInfo.hostName
        for name in [machine] + names where !all.contains(name) && (IPAddress(name) != nil || Self.isHostName(name)) { all.append(name) }
        return all
    }
}

/// A certificate that its own key signed, with that key, in PEM format.
private struct SelfSigned {
    let certificate: String
    let key: String

    /// - names: host names and IP addresses.
    init(names: [String], days: Int) throws {
        let secret = P256.Signing.PrivateKey()
        let privateKey = Certificate.PrivateKey(secret)
        let subject = try DistinguishedName { CommonName("Shimmy") }
        let alternatives = names.map { name -> GeneralName in
            guard let address = IPAddress(name) else { return .dnsName(name) }
            return .ipAddress(ASN1OctetString(contentBytes: address.networkBytes[...]))
        }
        let extensions = try Certificate.Extensions {
            Critical(BasicConstraints.notCertificateAuthority)
            // The extension KeyUsage is left out: BoringSSL refuses a trusted certificate that must not sign itself, and other clients refuse the
            // certificate of an authority as that of a server.
            try ExtendedKeyUsage([.serverAuth])
            SubjectAlternativeNames(alternatives)
        }
        let now = Date.now
        let certificate = try Certificate(
            version: .v3, serialNumber: Certificate.SerialNumber(), publicKey: privateKey.publicKey,
            // Clocks of clients may be behind.
            notValidBefore: now - 3600, notValidAfter: now + Double(days) * 86_400, issuer: subject, subject: subject, extensions: extensions,
            issuerPrivateKey: privateKey)
        self.certificate = try certificate.serializeAsPEM().pemString + "\n"
        key = secret.pemRepresentation + "\n"
    }
}
