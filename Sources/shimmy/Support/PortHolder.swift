import Foundation

/// Finds the process that listens on a TCP port. It works only on Linux, through /proc, and for processes that the user may inspect.
enum PortHolder {
    static func describe(port: Int) -> String? {
        #if os(Linux)
            guard let inode = listeningInode(port: port) else { return nil }
            for entry in (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? [] {
                guard let process = Int(entry), holds(process: process, inode: inode) else { continue }
                let name = (try? String(contentsOfFile: "/proc/\(process)/comm", encoding: .utf8))?.split(separator: "\n").first
                return "\(name.map(String.init) ?? "a process") (process \(process))"
            }
        #endif
        return nil
    }

    /// Returns the inode of the socket in state LISTEN (0A) on the port, from the kernel's tables; nil if there is none.
    private static func listeningInode(port: Int) -> String? {
        for table in ["/proc/net/tcp", "/proc/net/tcp6"] {
            for line in ((try? String(contentsOfFile: table, encoding: .utf8)) ?? "").split(separator: "\n").dropFirst() {
                let fields = line.split(separator: " ")
                guard fields.count > 9, fields[3] == "0A", let hex = fields[1].split(separator: ":").last else { continue }
                if Int(hex, radix: 16) == port { return String(fields[9]) }
            }
        }
        return nil
    }

    private static func holds(process: Int, inode: String) -> Bool {
        let directory = "/proc/\(process)/fd"
        let descriptors = (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
        return descriptors.contains { (try? FileManager.default.destinationOfSymbolicLink(atPath: "\(directory)/\($0)")) == "socket:[\(inode)]" }
    }
}
