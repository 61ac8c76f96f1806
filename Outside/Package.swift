// swift-tools-version: 6.2
import PackageDescription

// The snippets once more, as somebody else's package has them: with nothing but the public products.
let package = Package(
  name: "Outside",
  platforms: [.macOS(.v15)],
  dependencies: [.package(name: "Descent", path: "..")],
  targets: [
    "OwnOperation", "OwnLayer", "OwnDataset", "OwnTask", "OwnObserver", "OwnModel",
    "OwnEnvironment",
  ].map { name in
    .executableTarget(
      name: name,
      dependencies: [
        .product(name: "Descent", package: "Descent"),
        .product(name: "DescentNN", package: "Descent"),
        .product(name: "DescentTraining", package: "Descent"),
      ])
  }
)
