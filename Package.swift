// swift-tools-version: 6.2
import PackageDescription

let settings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
]

/// What a static Foundation needs beyond itself; the objects, compiled for a dynamic one, do not name it.
let staticFoundation = [
    "FoundationInternationalization", "FoundationEssentials", "CoreFoundation",
    "_FoundationICU", "_FoundationCollections", "_FoundationCShims", "BlocksRuntime",
]

/// The root of an older Linux, against whose C library scripts/dist.py links the program; nil for that of this machine.
let sysroot = Context.environment["SHIMMY_SYSROOT"]
let artifacts = sysroot == nil ? "Artifacts" : "Artifacts/portable"

/// Links what the machines of users may not have into the program. The folder in the root has static libraries and the functions that they need.
let portable: [LinkerSetting] =
    sysroot.map { root in
        let wholeLink = ["--sysroot=\(root)", "-static-libgcc", "\(root)/shimmy/compat.o"].flatMap { ["-Xclang-linker", $0] }
        return [.unsafeFlags(["-L\(root)/shimmy"] + wholeLink + ["-lpthread", "-ldl", "-lrt"], .when(platforms: [.linux]))]
    } ?? []

/// The commit that is built, from the Makefile; empty if it is unknown.
let commit = (Context.environment["SHIMMY_COMMIT"] ?? "").filter { $0.isASCII && ($0.isLetter || $0.isNumber || "-._".contains($0)) }

/// A target of the library's own, with the settings that all of them share.
func target(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: settings)
}

func tests(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .testTarget(name: name + "Tests", dependencies: [.byName(name: name), "ShimmyTestSupport"] + dependencies, swiftSettings: settings)
}

/// The packages that only the dependencies depend on. Package.resolved is not in the repository, so this list fixes their versions.
let transitive: [(name: String, version: Version, product: String)] = [
    ("swift-algorithms", "1.2.1", "Algorithms"),
    ("swift-async-algorithms", "1.1.4", "AsyncAlgorithms"),
    ("swift-atomics", "1.3.0", "Atomics"),
    ("swift-collections", "1.6.0", "Collections"),
    ("swift-configuration", "1.4.0", "Configuration"),
    ("swift-http-structured-headers", "1.7.0", "StructuredFieldValues"),
    ("swift-nio-transport-services", "1.28.0", "NIOTransportServices"),
    ("swift-numerics", "1.1.1", "Numerics"),
    ("swift-service-context", "1.5.1", "ServiceContextModule"),
    ("swift-system", "1.8.1", "SystemPackage"),
]

let package = Package(
    name: "shimmy",
    platforms: [.macOS(.v15)],
    products: [.executable(name: "shimmy", targets: ["shimmy"])],
    dependencies: [
        .package(url: "https://github.com/hummingbird-project/hummingbird", exact: "2.28.1"),
        .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log", exact: "1.16.2"),
        .package(url: "https://github.com/apple/swift-metrics", exact: "2.13.0"),
        .package(url: "https://github.com/apple/swift-distributed-tracing", exact: "1.7.3"),
        .package(url: "https://github.com/apple/swift-nio", exact: "2.101.2"),
        .package(url: "https://github.com/apple/swift-http-types", exact: "1.8.0"),
        .package(url: "https://github.com/apple/swift-nio-extras", exact: "1.35.2"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", exact: "2.13.0"),
        .package(url: "https://github.com/swift-server/async-http-client", exact: "1.37.0"),
        .package(url: "https://github.com/apple/swift-crypto", exact: "4.5.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl", exact: "2.37.6"),
        .package(url: "https://github.com/apple/swift-nio-http2", exact: "1.46.0"),
        .package(url: "https://github.com/apple/swift-certificates", exact: "1.21.1"),
        .package(url: "https://github.com/apple/swift-asn1", exact: "1.7.4"),
        .package(url: "https://github.com/LebJe/TOMLKit", exact: "0.6.0"),
        .package(url: "https://github.com/groue/GRDB.swift", exact: "7.10.0"),
    ],
    targets: [
        // llama.cpp, built by scripts/build_llama.py.
        .binaryTarget(name: "CLlama", path: "\(artifacts)/CLlama.artifactbundle"),
        .target(
            name: "CChat", dependencies: ["CLlama"],
            linkerSettings: [
                .linkedLibrary("stdc++", .when(platforms: [.linux])),
                .linkedLibrary("m", .when(platforms: [.linux])),
                .linkedLibrary("c++", .when(platforms: [.macOS])),
            ]),

        target("ShimmyCore"),
        .target(name: "CInflate", linkerSettings: [.linkedLibrary("z")]),
        // The files of Page/, packed by scripts/embed_page.py. It is C code, so one copy serves all machines.
        .target(name: "CPage", path: "Artifacts/CPage"),
        target("ShimmyJSON"),
        .target(name: "CSampling"),
        .target(name: "CBuild", cSettings: commit.isEmpty ? [] : [.define("BUILD_COMMIT", to: "\"\(commit)\"")]),
        target("ShimmyEngine", ["CSampling", "ShimmyCore", .product(name: "Logging", package: "swift-log")]),
        target("ShimmyPrefixes", ["ShimmyCore", "ShimmyEngine", .product(name: "Logging", package: "swift-log")]),
        target("ShimmyGrammar", ["ShimmyCore", "ShimmyJSON"]),
        target("ShimmyChat", ["ShimmyCore", "ShimmyJSON", "ShimmyGrammar", "ShimmyEngine", .product(name: "Logging", package: "swift-log")]),
        target(
            "ShimmyLlama",
            [
                "ShimmyCore", "ShimmyJSON", "ShimmyGrammar", "ShimmyEngine", "ShimmyChat", "CLlama", "CChat",
                .product(name: "Logging", package: "swift-log"),
            ]),
        target("ShimmyAPI", ["ShimmyCore", "ShimmyJSON", "ShimmyGrammar", "ShimmyChat"]),
        target("ShimmyFormats", ["ShimmyCore", "ShimmyJSON"]),
        target("ShimmyConversion", ["ShimmyCore", "ShimmyJSON", "ShimmyFormats"]),
        target("ShimmyConfiguration", ["ShimmyCore", "ShimmyJSON", .product(name: "TOMLKit", package: "TOMLKit")]),
        target(
            "ShimmyModels",
            [
                "ShimmyFormats", "ShimmyConversion", "ShimmyCore", "ShimmyJSON", "ShimmyEngine", "ShimmyChat",
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "Logging", package: "swift-log"),
            ]),
        target(
            "ShimmyHub",
            [
                "ShimmyCore", "ShimmyJSON", "ShimmyFormats", "ShimmyModels", "ShimmyHTTP",
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ]),
        target("ShimmyRouting", ["ShimmyCore"]),
        target(
            "ShimmyHTTP",
            [
                .product(name: "AsyncHTTPClient", package: "async-http-client"), .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
            ]),
        target("ShimmyTerminal"),
        target("ShimmyDaemon"),
        target(
            "ShimmyAccounts",
            ["ShimmyCore", "ShimmyJSON", .product(name: "GRDB", package: "GRDB.swift"), .product(name: "Crypto", package: "swift-crypto")]),
        target("ShimmyMetrics", [.product(name: "CoreMetrics", package: "swift-metrics")]),
        target(
            "ShimmyTracing",
            [
                "ShimmyCore", "ShimmyHTTP", .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"), .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"), .product(name: "Tracing", package: "swift-distributed-tracing"),
            ]),
        target(
            "ShimmyClient",
            [
                "ShimmyCore", "ShimmyJSON", "ShimmyHTTP", .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "NIOCore", package: "swift-nio"), .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"), .product(name: "NIOSSL", package: "swift-nio-ssl"),
            ]),
        target(
            "ShimmyStorage",
            [
                "ShimmyCore", "ShimmyJSON", .product(name: "GRDB", package: "GRDB.swift"), .product(name: "Logging", package: "swift-log"),
                .product(name: "CoreMetrics", package: "swift-metrics"), .product(name: "Tracing", package: "swift-distributed-tracing"),
            ]),
        target(
            "ShimmyUpstreams",
            [
                "ShimmyCore", "ShimmyJSON", "ShimmyEngine", "ShimmyGrammar", "ShimmyChat", "ShimmyClient", "ShimmyRouting", "ShimmyHTTP",
                .product(name: "AsyncHTTPClient", package: "async-http-client"), .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"), .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"), .product(name: "NIOSSL", package: "swift-nio-ssl"),
            ]),
        target(
            "ShimmyIsolation",
            ["ShimmyCore", "ShimmyJSON", "ShimmyEngine", "ShimmyChat", "ShimmyUpstreams", .product(name: "Logging", package: "swift-log")]),
        target(
            "ShimmyService",
            [
                "ShimmyCore", "ShimmyJSON", "ShimmyEngine", "ShimmyChat", "ShimmyAPI", "ShimmyModels", "ShimmyHub", "ShimmyStorage", "ShimmyMetrics",
                "ShimmyAccounts", "ShimmyTracing",
                .product(name: "Logging", package: "swift-log"),
            ]),
        target(
            "ShimmyServer",
            [
                "CInflate", "CPage", "ShimmyCore", "ShimmyJSON", "ShimmyEngine", "ShimmyChat", "ShimmyAPI", "ShimmyModels", "ShimmyHub",
                "ShimmyStorage", "ShimmyService", "ShimmyMetrics", "ShimmyAccounts", "ShimmyTracing", "ShimmyUpstreams", "ShimmyHTTP",
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "HummingbirdCore", package: "hummingbird"),
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOExtras", package: "swift-nio-extras"),
                .product(name: "NIOHTTPTypes", package: "swift-nio-extras"),
                .product(name: "NIOHTTPTypesHTTP1", package: "swift-nio-extras"),
                .product(name: "NIOHTTPTypesHTTP2", package: "swift-nio-extras"),
                .product(name: "NIOHTTP2", package: "swift-nio-http2"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
                .product(name: "NIOTLS", package: "swift-nio"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ]),
        .executableTarget(
            name: "shimmy",
            dependencies: [
                "ShimmyCore", "ShimmyJSON", "ShimmyGrammar", "ShimmyEngine", "ShimmyChat", "ShimmyLlama", "ShimmyAPI", "ShimmyFormats",
                "ShimmyConversion", "ShimmyPrefixes",
                "ShimmyModels", "ShimmyHub", "ShimmyConfiguration", "ShimmyStorage", "ShimmyService", "ShimmyServer", "ShimmyClient",
                "ShimmyTerminal", "ShimmyMetrics", "ShimmyDaemon", "CBuild", "ShimmyAccounts", "ShimmyTracing", "ShimmyUpstreams",
                "ShimmyIsolation",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "SwiftASN1", package: "swift-asn1"),
                .product(name: "X509", package: "swift-certificates"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ], swiftSettings: settings,
            linkerSettings: [
                // Everything of Swift goes into the program; tests link the same objects dynamically.
                .unsafeFlags(["-static-stdlib", "-Xlinker", "-s"] + staticFoundation.map { "-l\($0)" }, .when(platforms: [.linux])),
                // Static forms of libraries of the system, where there are any: see scripts/static_libraries.py.
                .unsafeFlags(["-L\(Context.packageDirectory)/Artifacts/static"], .when(platforms: [.linux])),
            ] + portable),

        target(
            "ShimmyTestSupport",
            [
                "ShimmyCore", "ShimmyJSON", "ShimmyEngine", "ShimmyChat", "ShimmyModels", .product(name: "GRDB", package: "GRDB.swift"),
                .product(name: "Logging", package: "swift-log"),
            ]),
        tests("ShimmyCore"),
        tests("ShimmyJSON"),
        tests("ShimmyTerminal"),
        tests("ShimmyDaemon"),
        tests("ShimmyAccounts", ["ShimmyCore"]),
        tests("ShimmyMetrics", [.product(name: "CoreMetrics", package: "swift-metrics")]),
        tests("ShimmyTracing", [.product(name: "Tracing", package: "swift-distributed-tracing")]),
        tests("ShimmyClient", ["ShimmyJSON"]),
        tests("ShimmyGrammar", ["ShimmyCore", "ShimmyJSON"]),
        tests("ShimmyEngine", ["CSampling", "ShimmyCore"]),
        tests("ShimmyRouting", ["ShimmyCore"]),
        tests("ShimmyPrefixes", ["ShimmyCore", "ShimmyEngine", .product(name: "Logging", package: "swift-log")]),
        tests("ShimmyChat", ["ShimmyCore", "ShimmyJSON", "ShimmyGrammar", "ShimmyEngine", .product(name: "Logging", package: "swift-log")]),
        tests("ShimmyLlama", ["ShimmyCore", "ShimmyJSON", "ShimmyGrammar", "ShimmyEngine", "ShimmyChat", "ShimmyFormats", "ShimmyModels", "CLlama"]),
        tests("ShimmyAPI", ["ShimmyCore", "ShimmyJSON", "ShimmyChat"]),
        tests("ShimmyConversion", ["ShimmyJSON", "ShimmyFormats", "ShimmyModels"]),
        tests("ShimmyConfiguration", ["ShimmyCore", "ShimmyJSON"]),
        tests(
            "ShimmyModels",
            ["ShimmyFormats", "ShimmyCore", "ShimmyJSON", "ShimmyChat", "ShimmyEngine", .product(name: "Logging", package: "swift-log")]),
        tests("ShimmyHub", ["ShimmyJSON", "ShimmyHTTP"]),
        tests(
            "ShimmyUpstreams",
            [
                "ShimmyCore", "ShimmyJSON", "ShimmyEngine", "ShimmyChat", .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"), .product(name: "NIOPosix", package: "swift-nio"),
            ]),
        tests("ShimmyIsolation", ["ShimmyEngine", "ShimmyChat", .product(name: "Logging", package: "swift-log")]),
        tests(
            "ShimmyStorage", ["ShimmyJSON", .product(name: "GRDB", package: "GRDB.swift"), .product(name: "Logging", package: "swift-log")]),
        tests(
            "ShimmyService",
            [
                "ShimmyCore", "ShimmyJSON", "ShimmyEngine", "ShimmyChat", "ShimmyAPI", "ShimmyModels", "ShimmyMetrics",
                .product(name: "Logging", package: "swift-log"),
            ]),
        tests(
            "ShimmyServer",
            [
                "ShimmyCore", "ShimmyJSON", "ShimmyEngine", "ShimmyChat", "ShimmyAPI", "ShimmyModels", "ShimmyHub", "ShimmyService",
                "ShimmyMetrics", "ShimmyAccounts", "ShimmyTracing",
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "HummingbirdTesting", package: "hummingbird"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
            ]),
    ]
)

// A manifest can fix only the versions of its own dependencies, and SwiftPM warns about a dependency that no target uses. Therefore the program uses a
// product of each, but only on a platform that Shimmy does not support, so that nothing more is built.
for (name, version, product) in transitive {
    // As its dependents do, disable the default traits of swift-configuration, which link Foundation.
    let traits: Set<Package.Dependency.Trait> = name == "swift-configuration" ? [] : [.defaults]
    package.dependencies.append(.package(url: "https://github.com/apple/\(name).git", exact: version, traits: traits))
    let use = Target.Dependency.product(name: product, package: name, condition: .when(platforms: [.wasi]))
    package.targets.first { $0.name == "shimmy" }?.dependencies.append(use)
}
