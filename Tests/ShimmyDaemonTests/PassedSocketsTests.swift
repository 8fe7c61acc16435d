import ShimmyDaemon
import Testing

@Suite struct PassedSocketsTests {
    @Test(arguments: [
        [:], ["LISTEN_FDS": "1"], ["LISTEN_PID": "7"], ["LISTEN_PID": "8", "LISTEN_FDS": "1"], ["LISTEN_PID": "x", "LISTEN_FDS": "1"],
        ["LISTEN_PID": "7", "LISTEN_FDS": "0"], ["LISTEN_PID": "7", "LISTEN_FDS": "-1"], ["LISTEN_PID": "7", "LISTEN_FDS": "65"],
        ["LISTEN_PID": "7", "LISTEN_FDS": "99999999999"], ["LISTEN_PID": "7", "LISTEN_FDS": ""],
    ])
    func withoutSocketsForThisProcessThereAreNone(environment: [String: String]) {
        #expect(PassedSockets.descriptors(environment: environment, process: 7).isEmpty)
    }

    private let places = ServicePlan.Places(home: "/home/ada", configuration: "/home/ada/.config", user: 1000)

    @Test func aServiceWithSocketsStartsByThem() {
        let service = ServiceDefinition(
            scope: .system, program: "/bin/shimmy", arguments: ["serve"], account: "shimmy", sockets: ["/run/s", "[::1]:1"])
        let steps = ServicePlan.install(.systemd, service, places).steps
        let text = SystemdUnit(service).socketText ?? ""
        #expect(steps.contains(.write(path: "/etc/systemd/system/shimmy.socket", text: text)))
        #expect(steps.last == .run(["systemctl", "restart", "shimmy.socket"], mayFail: false))
        let lines = Set(text.split(separator: "\n"))
        #expect(lines.isSuperset(of: ["ListenStream=/run/s", "ListenStream=[::1]:1", "SocketUser=shimmy", "SocketMode=0660"]))
        #expect(SystemdUnit(service).text.contains("Requires=shimmy.socket\n"))
    }

    @Test func socketsGoWithTheService() {
        let service = ServiceDefinition(scope: .user, program: "/bin/shimmy", arguments: ["serve"])
        let path = "/home/ada/.config/systemd/user/shimmy.socket"
        #expect(SystemdUnit(service).socketText == nil)
        #expect(ServicePlan.install(.systemd, service, places, hasSocket: true).steps.contains(.remove(path: path)))
        #expect(!ServicePlan.install(.systemd, service, places).steps.contains(.remove(path: path)))
        #expect(ServicePlan.uninstall(.systemd, .user, places, hasSocket: true).steps.contains(.remove(path: path)))
        #expect(ServicePlan.socketFile(.launchd, .user, places) == nil)
    }
}
