import CFuzzer
import Foundation

/// `Fuzz TARGET [options of libFuzzer]` looks for inputs that a reader does not survive;
/// `Fuzz TARGET --seeds FOLDER` writes the inputs to start from; `Fuzz --list` names the targets.
@main
enum Main {
  /// What is fuzzed; the function that libFuzzer calls can capture nothing.
  nonisolated(unsafe) private static var target: FuzzTarget!

  static func main() throws {
    let arguments = CommandLine.arguments
    if arguments.dropFirst().first == "--list" {
      print(FuzzTarget.all.map(\.name).joined(separator: "\n"))
      return
    }
    guard arguments.count > 1,
      let target = FuzzTarget.all.first(where: { $0.name == arguments[1] })
    else {
      print("usage: Fuzz TARGET ...; targets: \(FuzzTarget.all.map(\.name).joined(separator: " "))")
      exit(64)
    }
    Scratch.prepare()
    if arguments.count > 3, arguments[2] == "--seeds" {
      for (number, seed) in try target.seeds().enumerated() {
        try Data(seed).write(to: URL(fileURLWithPath: "\(arguments[3])/seed-\(number)"))
      }
      return
    }
    self.target = target
    Limits.prepare()
    var options =
      [arguments[0], "-max_len=\(target.maximumLength)"] + arguments.dropFirst(2).map { $0 }
    options.removeAll { $0.isEmpty }
    var pointers: [UnsafeMutablePointer<CChar>?] = options.map { strdup($0) } + [nil]
    var count = CInt(options.count)
    let status = pointers.withUnsafeMutableBufferPointer { buffer in
      var base = buffer.baseAddress
      return LLVMFuzzerRunDriver(&count, &base) { data, size in
        let input = [UInt8](UnsafeBufferPointer(start: data, count: size))
        Limits.check(input) { Main.target.test(input) }
        return 0
      }
    }
    exit(status)
  }
}
