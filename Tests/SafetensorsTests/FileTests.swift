import DescentFiles
import Foundation
import Safetensors
import Testing

/// What a person may name as a file to write or to read.
@Suite struct FileTests {
  let folder = try! TemporaryFolder()

  private func read(_ name: String) throws -> String {
    try String(contentsOf: URL(filePath: folder.file(name)), encoding: .utf8)
  }

  private func permissions(_ name: String) throws -> Int? {
    try FileManager.default.attributesOfItem(atPath: folder.file(name))[.posixPermissions] as? Int
  }

  @Test func `a new file and one that is there are written whole, with its permissions`() throws {
    try OutputFile.write("one", to: folder.file("file"))
    #expect(try read("file") == "one")
    try FileManager.default.setAttributes(
      [.posixPermissions: 0o640], ofItemAtPath: folder.file("file"))
    try OutputFile.write("two", to: folder.file("file"))
    #expect(try read("file") == "two")
    #expect(try permissions("file") == 0o640)
    #expect(folder.contents == ["file"])
  }

  @Test(arguments: [("target", true), ("new", false), ("sub/target", true), ("chain", true)])
  func `a link stays, and what it leads to is written`(_ target: String, _ exists: Bool) throws {
    let files = FileManager.default
    try files.createDirectory(atPath: folder.file("sub"), withIntermediateDirectories: false)
    if exists, target != "chain" { _ = try folder.write([1], to: target) }
    if target == "chain" {
      try files.createSymbolicLink(
        atPath: folder.file("chain"), withDestinationPath: folder.file("end"))
    }
    try files.createSymbolicLink(atPath: folder.file("link"), withDestinationPath: target)
    try OutputFile.write("text", to: folder.file("link"))
    #expect(try files.destinationOfSymbolicLink(atPath: folder.file("link")) == target)
    #expect(try read(target == "chain" ? "end" : target) == "text")
  }

  enum Refused: String, CaseIterable {
    case folder, device, pipe, circle, missingFolder, folderName, empty, zeroByte, throughFile

    var reason: String {
      switch self {
      case .folder: "it is a folder"
      case .device, .pipe: "it is a device or a pipe, not a file"
      case .circle: "too many levels of symbolic links"
      case .missingFolder: "no such file or directory"
      case .folderName: "its name ends in “/”, as a folder's does"
      case .empty: "its name is empty"
      case .zeroByte: "its name holds a zero byte"
      case .throughFile: "not a directory"
      }
    }
  }

  @Test(arguments: Refused.allCases)
  func `what is no file is refused and stays what it is`(_ what: Refused) throws {
    var path = folder.file("it")
    switch what {
    case .folder: path = folder.path
    case .device: path = "/dev/null"
    case .pipe: #expect(unsafe mkfifo(path, 0o600) == 0)
    case .circle:
      try FileManager.default.createSymbolicLink(atPath: path, withDestinationPath: "it")
    case .missingFolder: path += "/x"
    case .folderName: path += "/"
    case .empty: path = ""
    case .zeroByte: path += "\0x"
    case .throughFile: path = try folder.write([1], to: "it") + "/x"
    }
    let before = folder.contents
    let error = #expect(throws: FileError.self) { try OutputFile.write("text", to: path) }
    #expect(error == .unwritable(path: path, reason: what.reason))
    #expect(folder.contents == before)
    let other = #expect(throws: SafetensorsError.self) {
      try SafetensorsFile.write([], to: path)
    }
    #expect(other == .unwritable(path: path, reason: what.reason))
    if what == .pipe || what == .device {
      #expect(throws: SafetensorsError.unreadable(path: path, reason: what.reason)) {
        try SafetensorsFile(path: path)
      }
    }
  }

  @Test func `a long name leaves room for the temporary one`() throws {
    let name = String(repeating: "é", count: 120)
    try OutputFile.write("text", to: folder.file(name))
    #expect(folder.contents == [name])
  }

  @Test
  func `what a killed writer left goes when the file is written again, and nothing else does`()
    throws
  {
    let others = [
      ".file.tmp", ".file.txt.1abcdefghijkl.tmp.bak", ".file.txt.backup.tmp",
      ".other.1abcdefghijkl.tmp",
    ]
    for name in others + [".file.txt.1abcdefghijkl.tmp", ".file.txt.2bcdefghijklm.tmp"] {
      try Data().write(to: URL(filePath: folder.file(name)))
    }
    // One that is being written stays.
    var slow = try OutputFile(path: folder.file("file.txt"))
    try OutputFile.write("first", to: folder.file("file.txt"))
    #expect(folder.contents.count == others.count + 2)
    try slow.commit()
    #expect(folder.contents.sorted() == (others + ["file.txt"]).sorted())
    #expect(try read("file.txt") == "")
  }

  @Test func `a file that is shortened while it is open is an error`() throws {
    let path = folder.file("short")
    try SafetensorsFile.write(
      [SafetensorsTensor("x", shape: [4], floats: [1, 2, 3, 4])], to: path)
    let file = try SafetensorsFile(path: path)
    let whole = try Data(contentsOf: URL(filePath: path))
    _ = unsafe truncate(path, off_t(whole.count - 1))
    let cut = SafetensorsError.unreadable(
      path: path, reason: "it was shortened while it was read")
    #expect(throws: cut) { try file.floats(of: "x") }
    #expect(throws: cut) { try file.doubles(of: "x") }
    #expect(throws: cut) { try file.bytes(of: "x") }
    #expect(throws: cut) { try file.withBytes(of: "x") { _ in } }
  }

  @Test func `parts of a tensor are read where they lie`() throws {
    let path = folder.file("parts")
    try SafetensorsFile.write(
      [SafetensorsTensor("x", shape: [4], floats: [1, 2, 3, 4])], to: path)
    let file = try SafetensorsFile(path: path)
    func part(_ count: Int, from offset: Int) throws -> [Float] {
      var values = [Float](repeating: 0, count: count)
      var span = values.mutableSpan
      var bytes = unsafe span.mutableBytes
      try file.read("x", from: offset, into: &bytes)
      return values
    }
    #expect(try part(2, from: 4) == [2, 3])
    #expect(try part(0, from: 16) == [])
    for (count, offset) in [(2, 12), (5, 0), (1, -4)] {
      #expect(throws: SafetensorsError.self) { try part(count, from: offset) }
    }
  }

  // MARK: Headers that attack

  @Test(arguments: [
    (String(repeating: "[", count: 1 << 20), "values are nested too deep"),
    ("[" + String(repeating: "0,", count: 1 << 20) + "0]", "an array has too many elements"),
    (
      "{" + (0...1000).map { "\"\($0)\":0" }.joined(separator: ",") + "}",
      "an object has too many parts"
    ),
  ])
  func `headers that would take the stack or the memory are refused`(
    _ value: String, _ reason: String
  ) throws {
    let path = try folder.write(safetensors(header: "{\"a\":{\"shape\":\(value)}}"))
    let error = #expect(throws: SafetensorsError.self) { try SafetensorsFile(path: path) }
    #expect("\(error!)".contains(reason), "\(error!)")
  }

  @Test func `a message neither floods nor moves the terminal`() throws {
    let name = "\u{1B}[2J" + String(repeating: "x", count: 1 << 20)
    let header = "{\"\\u001b[2J\(name.dropFirst(4))\":{\"dtype\":\"?\"}}"
    let path = try folder.write(safetensors(header: header))
    let error = #expect(throws: SafetensorsError.self) { try SafetensorsFile(path: path) }
    let sentence = "\(error!)"
    #expect(sentence.count < path.count + 300 && !sentence.contains("\u{1B}"))
  }
}
