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
    ("swift-asn1", "1.7.4", "SwiftASN1"),
    ("swift-async-algorithms", "1.1.4", "AsyncAlgorithms"),
    ("swift-atomics", "1.3.0", "Atomics"),
    ("swift-certificates", "1.21.1", "X509"),
    ("swift-collections", "1.6.0", "Collections"),
    ("swift-configuration", "1.4.0", "Configuration"),
    ("swift-distributed-tracing", "1.7.3", "Tracing"),
    ("swift-http-structured-headers", "1.7.0", "StructuredFieldValues"),
    ("swift-nio-http2", "1.46.0", "NIOHTTP2"),
    ("swift-nio-ssl", "2.37.6", "NIOSSL"),
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
        .package(url: "https://github.com/apple/swift-nio", exact: "2.101.2"),
        .package(url: "https://github.com/apple/swift-http-types", exact: "1.8.0"),
        .package(url: "https://github.com/apple/swift-nio-extras", exact: "1.35.2"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", exact: "2.13.0"),
        .package(url: "https://github.com/swift-server/async-http-client", exact: "1.37.0"),
        .package(url: "https://github.com/apple/swift-crypto", exact: "4.5.2"),
        .package(url: "https://github.com/LebJe/TOMLKit", exact: "0.6.0"),
        .package(url: "https://github.com/groue/GRDB.swift", exact: "7.10.0"),
    ],
    targets: [
        // llama.cpp, built by scripts/build_llama.py.
        .binaryTarget(name: "CLlama", path: "Artifacts/CLlama.artifactbundle"),
        .target(
            name: "CChat", dependencies: ["CLlama"],
            linkerSettings: [
                .linkedLibrary("stdc++", .when(platforms: [.linux])),
                .linkedLibrary("m", .when(platforms: [.linux])),
                .linkedLibrary("c++", .when(platforms: [.macOS])),
            ]),

        target("ShimmyCore"),
        .target(name: "CInflate", linkerSettings: [.linkedLibrary("z")]),
        target("ShimmyJSON"),
        .target(name: "CSampling"),
        target("ShimmyEngine", ["CSampling", "ShimmyCore", .product(name: "Logging", package: "swift-log")]),
        target("ShimmyGrammar", ["ShimmyCore", "ShimmyJSON"]),
        target("ShimmyChat", ["ShimmyCore", "ShimmyJSON", "ShimmyGrammar", "ShimmyEngine", .product(name: "Logging", package: "swift-log")]),
        target(
            "ShimmyLlama",
            ["ShimmyCore", "ShimmyJSON", "ShimmyEngine", "ShimmyChat", "CLlama", "CChat", .product(name: "Logging", package: "swift-log")]),
        target("ShimmyAPI", ["ShimmyCore", "ShimmyJSON", "ShimmyGrammar", "ShimmyChat"]),
        target("ShimmyFormats", ["ShimmyCore", "ShimmyJSON"]),
        target("ShimmyConversion", ["ShimmyCore", "ShimmyJSON", "ShimmyFormats"]),
        target("ShimmyConfiguration", ["ShimmyCore", "ShimmyJSON", .product(name: "TOMLKit", package: "TOMLKit")]),
        target(
            "ShimmyModels",
            [
                "ShimmyFormats", "ShimmyConversion", "ShimmyCore", "ShimmyJSON", "ShimmyChat",
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "Logging", package: "swift-log"),
            ]),
        target(
            "ShimmyHub",
            [
                "ShimmyCore", "ShimmyJSON", "ShimmyFormats", "ShimmyModels",
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ]),
        target("ShimmyTerminal"),
        target("ShimmyMetrics", [.product(name: "CoreMetrics", package: "swift-metrics")]),
        target(
            "ShimmyClient",
            [
                "ShimmyCore", "ShimmyJSON", .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "NIOCore", package: "swift-nio"), .product(name: "NIOHTTP1", package: "swift-nio"),
            ]),
        target(
            "ShimmyStorage",
            ["ShimmyCore", "ShimmyJSON", .product(name: "GRDB", package: "GRDB.swift"), .product(name: "Logging", package: "swift-log")]),
        target(
            "ShimmyService",
            [
                "ShimmyCore", "ShimmyJSON", "ShimmyEngine", "ShimmyChat", "ShimmyAPI", "ShimmyModels", "ShimmyHub", "ShimmyStorage", "ShimmyMetrics",
                .product(name: "Logging", package: "swift-log"),
            ]),
        target(
            "ShimmyServer",
            [
                "CInflate", "ShimmyCore", "ShimmyJSON", "ShimmyEngine", "ShimmyChat", "ShimmyAPI", "ShimmyModels", "ShimmyHub", "ShimmyStorage",
                "ShimmyService", "ShimmyMetrics",
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "HummingbirdCore", package: "hummingbird"),
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOHTTPTypes", package: "swift-nio-extras"),
                .product(name: "NIOHTTPTypesHTTP1", package: "swift-nio-extras"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ]),
        .executableTarget(
            name: "shimmy",
            dependencies: [
                "ShimmyCore", "ShimmyJSON", "ShimmyGrammar", "ShimmyEngine", "ShimmyChat", "ShimmyLlama", "ShimmyAPI", "ShimmyFormats",
                "ShimmyConversion",
                "ShimmyModels", "ShimmyHub", "ShimmyConfiguration", "ShimmyStorage", "ShimmyService", "ShimmyServer", "ShimmyClient",
                "ShimmyTerminal", "ShimmyMetrics",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ], swiftSettings: settings,
            linkerSettings: [
                // Everything of Swift goes into the program; tests link the same objects dynamically.
                .unsafeFlags(["-static-stdlib", "-Xlinker", "-s"] + staticFoundation.map { "-l\($0)" }, .when(platforms: [.linux])),
                // Static forms of libraries of the system, where there are any: see scripts/static_libraries.py.
                .unsafeFlags(["-L\(Context.packageDirectory)/Artifacts/static"], .when(platforms: [.linux])),
            ]),

        target(
            "ShimmyTestSupport",
            ["ShimmyCore", "ShimmyJSON", "ShimmyEngine", "ShimmyChat", "ShimmyModels", .product(name: "Logging", package: "swift-log")]),
        tests("ShimmyCore"),
        tests("ShimmyJSON"),
        tests("ShimmyTerminal"),
        tests("ShimmyMetrics", [.product(name: "CoreMetrics", package: "swift-metrics")]),
        tests("ShimmyClient", ["ShimmyJSON"]),
        tests("ShimmyGrammar", ["ShimmyCore", "ShimmyJSON"]),
        tests("ShimmyEngine", ["CSampling", "ShimmyCore", .product(name: "Logging", package: "swift-log")]),
        tests("ShimmyChat", ["ShimmyCore", "ShimmyJSON", "ShimmyEngine", .product(name: "Logging", package: "swift-log")]),
        tests("ShimmyLlama", ["ShimmyCore", "ShimmyJSON", "ShimmyGrammar", "ShimmyEngine", "ShimmyChat", "ShimmyFormats", "ShimmyModels", "CLlama"]),
        tests("ShimmyAPI", ["ShimmyCore", "ShimmyJSON", "ShimmyChat"]),
        tests("ShimmyConversion", ["ShimmyJSON", "ShimmyFormats", "ShimmyModels"]),
        tests("ShimmyConfiguration", ["ShimmyCore", "ShimmyJSON"]),
        tests(
            "ShimmyModels",
            ["ShimmyFormats", "ShimmyCore", "ShimmyJSON", "ShimmyChat", "ShimmyEngine", .product(name: "Logging", package: "swift-log")]),
        tests("ShimmyHub", ["ShimmyJSON"]),
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
                "ShimmyMetrics",
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
