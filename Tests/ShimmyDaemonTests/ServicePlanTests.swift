import Foundation
import ShimmyDaemon
import Testing

@Suite struct ServicePlanTests {
    private let places = ServicePlan.Places(home: "/home/ada", configuration: "/home/ada/.config", user: 1000)

    private let service = ServiceDefinition(scope: .user, program: "/usr/local/bin/shimmy", arguments: ["serve", "--port", "8080"])

    private func lines(_ service: ServiceDefinition) -> Set<Substring> { Set(SystemdUnit(service).text.split(separator: "\n")) }

    @Test func aUsersUnitIsInTheUsersDirectory() {
        let plan = ServicePlan.install(.systemd, service, places)
        let path = "/home/ada/.config/systemd/user/shimmy.service"
        #expect(plan.steps.first == .write(path: path, text: SystemdUnit(service).text))
        #expect(
            plan.steps.dropFirst() == [
                .run(["systemctl", "--user", "daemon-reload"], mayFail: false),
                .run(["systemctl", "--user", "enable", "shimmy.service"], mayFail: false),
                .run(["systemctl", "--user", "restart", "shimmy.service"], mayFail: false),
            ])
        #expect(ServicePlan.uninstall(.systemd, .user, places).steps.contains(.remove(path: path)))
    }

    @Test func aSystemServiceHasAnAccountOfItsOwn() {
        var service = service
        service.scope = .system
        service.account = "shimmy"
        let plan = ServicePlan.install(.systemd, service, places)
        #expect(plan.steps[0] == .write(path: "/etc/sysusers.d/shimmy.conf", text: "u shimmy - \"Shimmy\" /var/lib/shimmy\n"))
        #expect(plan.steps[2] == .write(path: "/etc/systemd/system/shimmy.service", text: SystemdUnit(service).text))
        #expect(lines(service).isSuperset(of: ["User=shimmy", "ProtectSystem=strict", "PrivateDevices=yes", "WantedBy=multi-user.target"]))
        service.account = nil
        #expect(lines(service).contains("DynamicUser=yes"))
    }

    @Test func aUsersManagerGetsOnlyRestrictionsThatItCanApply() {
        let lines = lines(service)
        #expect(lines.isSuperset(of: ["Type=notify", "NoNewPrivileges=yes", "WantedBy=default.target", "MemoryDenyWriteExecute=yes"]))
        #expect(!lines.contains { ["Protect", "Private", "User=", "StateDirectory", "Capability", "After="].contains(where: $0.hasPrefix) })
    }

    @Test func driversOfGraphicsCardsGetMoreRights() {
        let service = ServiceDefinition(scope: .system, program: "/usr/bin/shimmy", account: "shimmy", usesGPU: true)
        #expect(!lines(service).contains { ["PrivateDevices", "MemoryDenyWriteExecute"].contains(where: $0.hasPrefix) })
    }

    @Test(arguments: [
        ("plain-1.0", "plain-1.0"), ("two words", #""two words""#), ("100%", "100%%"), ("$HOME", "$$HOME"), (#"a"b\c"#, #""a\"b\\c""#),
        ("", #""""#), ("a\nExecStart=b", #""a\nExecStart=b""#),
    ])
    func argumentsReachTheProgramAsTheyAre(argument: String, text: String) {
        let service = ServiceDefinition(scope: .user, program: "/bin/shimmy", arguments: ["serve", argument])
        #expect(lines(service).contains("ExecStart=/bin/shimmy serve \(text)"))
    }

    @Test func variablesKeepTheirDollars() {
        let service = ServiceDefinition(scope: .user, program: "/bin/shimmy", environment: [("A", "$1 50%")])
        #expect(lines(service).contains(#"Environment="A=$1 50%%""#))
    }

    @Test func theJobOfLaunchdIsAPropertyList() throws {
        var service = service
        service.arguments = ["serve", "--model", "<a & b>"]
        service.environment = [("A", "1 < 2")]
        let text = LaunchdJob(service, log: "/tmp/log").text
        let list = try #require(try PropertyListSerialization.propertyList(from: Data(text.utf8), format: nil) as? [String: Any])
        #expect(list["ProgramArguments"] as? [String] == ["/usr/local/bin/shimmy", "serve", "--model", "<a & b>"])
        #expect(list["EnvironmentVariables"] as? [String: String] == ["A": "1 < 2"])
        #expect(list["StandardErrorPath"] as? String == "/tmp/log")
        #expect(list["UserName"] == nil)
    }

    @Test func launchdReplacesARunningJob() {
        let steps = ServicePlan.install(.launchd, service, places).steps
        let path = "/home/ada/Library/LaunchAgents/local.shimmy.plist"
        #expect(
            steps.dropFirst() == [
                .run(["launchctl", "bootout", "gui/1000/local.shimmy"], mayFail: true),
                .run(["launchctl", "bootstrap", "gui/1000", path], mayFail: false),
            ])
        #expect(ServicePlan.uninstall(.launchd, .system, places).steps.last == .remove(path: "/Library/LaunchDaemons/local.shimmy.plist"))
    }

    @Test func logsAreThoseOfTheManager() {
        #expect(
            ServicePlan.logs(.systemd, .user, places, lines: 5, follows: true)
                == ["journalctl", "--user-unit", "shimmy.service", "--lines", "5", "--follow"])
        #expect(
            ServicePlan.logs(.launchd, .user, places, lines: 5, follows: false) == ["tail", "-n", "5", "/home/ada/Library/Logs/shimmy.log"])
        #expect(ServicePlan.status(.systemd, .system, places) == ["systemctl", "status", "--no-pager", "shimmy.service"])
    }

    /// The Debian package brings the unit that `shimmy service install --system` writes.
    @Test func thePackageHasTheSameUnit() throws {
        let service = ServiceDefinition(
            scope: .system, program: "/usr/bin/shimmy", arguments: ["serve"],
            environment: [
                ("XDG_CONFIG_HOME", "/etc"), ("XDG_DATA_HOME", "/var/lib"), ("XDG_STATE_HOME", "/var/lib"), ("XDG_CACHE_HOME", "/var/cache"),
            ], account: "shimmy")
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        let file = try String(contentsOf: root.appending(path: "packaging/debian/shimmy.service"), encoding: .utf8)
        #expect(file == SystemdUnit(service).text)
    }
}
