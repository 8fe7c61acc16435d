#if os(Linux)
    import Dispatch
    import Glibc
    import Synchronization

    /// Folder watches of the Linux kernel (inotify). A watch does not include the folders below, which must be added one by one.
    final class KernelWatches: Sendable {
        private let descriptor: Int32
        /// Accessed only in `init` and `deinit`.
        nonisolated(unsafe) private let source: any DispatchSourceRead
        private let folders = Mutex<[Int32: WatchedFolder]>([:])
        private let tell: @Sendable () -> Void

        private static let events = UInt32(
            IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_CLOSE_WRITE | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR)

        /// Returns nil if the max number of inotify instances exists.
        init?(tell: @escaping @Sendable () -> Void) {
            descriptor = inotify_init1(Int32(IN_NONBLOCK | IN_CLOEXEC))
            guard descriptor >= 0 else { return nil }
            self.tell = tell
            source = DispatchSource.makeReadSource(fileDescriptor: descriptor, queue: DispatchQueue(label: "folders"))
            source.setEventHandler { [weak self] in self?.read() }
            source.setCancelHandler { [descriptor] in close(descriptor) }
            source.resume()
        }

        deinit { source.cancel() }

        /// Replaces the watched folders.
        /// - Returns: the folders that the kernel does not watch, because its limit is reached or because they no longer exist.
        func watch(_ wanted: [WatchedFolder]) -> [WatchedFolder] {
            folders.withLock { folders in
                var (watched, rest): ([Int32: WatchedFolder], [WatchedFolder]) = ([:], [])
                for folder in wanted {
                    let number = inotify_add_watch(descriptor, folder.path, Self.events)
                    guard number >= 0 else {
                        rest.append(folder)
                        continue
                    }
                    // Several paths of one folder have the same watch number.
                    let names = watched[number].map { other in other.names.flatMap { names in folder.names.map(names.union) } } ?? folder.names
                    watched[number] = WatchedFolder(path: folder.path, names: names)
                }
                for number in folders.keys where watched[number] == nil { inotify_rm_watch(descriptor, number) }
                folders = watched
                return rest
            }
        }

        /// Reads all pending events and reports at most one change for them.
        private func read() {
            var buffer = [UInt8](repeating: 0, count: 16384)
            var matters = false
            while true {
                let count = Glibc.read(descriptor, &buffer, buffer.count)
                guard count > 0 else { break }
                matters = buffer.withUnsafeBytes { self.matters(UnsafeRawBufferPointer(rebasing: $0[..<count])) } || matters
            }
            if matters { tell() }
        }

        private func matters(_ events: UnsafeRawBufferPointer) -> Bool {
            let headerSize = MemoryLayout<inotify_event>.size
            var (offset, matters) = (0, false)
            while offset + headerSize <= events.count {
                let event = events.loadUnaligned(fromByteOffset: offset, as: inotify_event.self)
                let name = events[(offset + headerSize)..<(offset + headerSize + Int(event.len))].prefix { $0 != 0 }
                matters = matters || self.matters(event, name: String(decoding: name, as: UTF8.self))
                offset += headerSize + Int(event.len)
            }
            return matters
        }

        private func matters(_ event: inotify_event, name: String) -> Bool {
            // The kernel's event queue overflowed, so the changes are unknown.
            if event.mask & UInt32(IN_Q_OVERFLOW) != 0 { return true }
            return folders.withLock { folders in
                guard let folder = folders[event.wd] else { return false }
                if event.mask & UInt32(IN_IGNORED) != 0 { folders[event.wd] = nil }
                return name.isEmpty || folder.cares(about: name)
            }
        }
    }
#endif
