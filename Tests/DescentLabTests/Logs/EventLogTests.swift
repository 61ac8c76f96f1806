import DescentLab
import DescentTraining
import Foundation
import Testing

/// Event files of TensorBoard, as TensorFlow 1, TensorFlow 2, PyTorch and Descent write them.
@Suite struct EventLogTests {
  let files: LogFiles
  init() throws { files = try LogFiles() }

  static let name = "events.out.tfevents.1700000000.host.1.0"

  /// The events of a run that logs `train/loss` at some steps, after the one that begins a file.
  private func events(_ losses: [(Int, Double)], tag: String = "train/loss") -> [UInt8] {
    losses.reduce(EventEncoding.version(wallTime: 1.7e9).record) { bytes, loss in
      var event = EventEncoding(wallTime: 1.7e9, step: loss.0)
      event.add(tag, loss.1)
      return bytes + event.record
    }
  }

  private func field(_ number: Int, _ content: [UInt8]) -> [UInt8] {
    [UInt8(number << 3 | 2), UInt8(content.count)] + content
  }

  private func little(_ bits: some FixedWidthInteger) -> [UInt8] {
    unsafe withUnsafeBytes(of: bits.littleEndian) { unsafe Array($0) }
  }

  @Test func plain() throws {
    let log = try RunLog.read([
      files.write(events([(1, 2.5), (2, .nan), (3, 1)]), to: "exp/\(Self.name)")
    ])[0]
    #expect((log.name, log.format) == ("exp", .tensorBoard))
    #expect(log.text == ["loss": "1:2.5 2:nan 3:1"])
    #expect(log.notes == [])
  }

  /// Damage that a checksum does not show: they are no steps, and nothing is computed with them.
  @Test(arguments: [Int.min, .max, -1 << 60]) func impossibleSteps(_ step: Int) throws {
    let start = EventEncoding.start(wallTime: 1.7e9, step: step).record
    let log = try RunLog.read([
      files.write(events([(step, 2), (1, 1), (step, 3)]) + start, to: Self.name)
    ])[0]
    #expect(log.text == ["loss": "1:1"])
    #expect(log.notes.count == 1)
  }

  /// Scalars as tensors, of each type that a tensor may have, and in each of its fields.
  @Test func tensors() throws {
    let half: [UInt8] = [0x00, 0x3E]  // 1.5
    let tensors: [(String, [UInt8])] = [
      ("float_val", [0x08, 1, 0x12, 0] + field(5, little(Float(1.5).bitPattern))),
      ("float_val_unpacked", [0x08, 1, 0x2D] + little(Float(1.5).bitPattern)),
      ("double_val", [0x08, 2] + field(6, little(1.5.bitPattern))),
      ("half_val", [0x08, 19] + field(13, [0x80, 0x7C])),
      ("bfloat16_val", [0x08, 14] + field(13, [0xC0, 0x7F])),
      ("content_float", [0x08, 1] + field(4, little(Float(1.5).bitPattern))),
      ("content_double", [0x08, 2] + field(4, little(1.5.bitPattern))),
      ("content_half", [0x08, 19] + field(4, half)),
      (
        "one_in_a_list",
        [0x08, 1] + field(2, field(2, [0x08, 1])) + field(4, little(Float(1.5).bitPattern))
      ),
    ]
    var bytes = EventEncoding.version(wallTime: 1.7e9).record
    for (tag, tensor) in tensors {
      let metadata = field(1, field(1, Array("scalars".utf8)))
      let value = field(1, Array(tag.utf8)) + field(8, tensor) + field(9, metadata)
      bytes += EventRecord.framed([0x10, 5] + field(5, field(1, value)))
    }
    // A text, which is no number.
    let text = field(1, Array("note".utf8)) + field(8, [0x08, 7] + field(8, Array("hello".utf8)))
    bytes += EventRecord.framed([0x10, 6] + field(5, field(1, text)))
    let log = try RunLog.read([files.write(bytes, to: Self.name)])[0]
    #expect(log.text == Dictionary(uniqueKeysWithValues: tensors.map { ($0.0, "5:1.5") }))
    #expect(log.notes == [])
  }

  @Test func histograms() throws {
    var event = EventEncoding(wallTime: 1, step: 7)
    event.add("weight/w", from: -1, to: 1, counts: [1, 2, 3, 4])
    let log = try RunLog.read([
      files.write(EventEncoding.version(wallTime: 1).record + event.record, to: Self.name)
    ])[0]
    #expect(
      log.histograms == [
        "weight/w": [.init(step: 7, edges: [-1, -0.5, 0, 0.5, 1], counts: [1, 2, 3, 4])]
      ])
  }

  @Test func folders() throws {
    try files.write(events([(1, 4), (2, 3), (3, 2)]), to: "logs/a/events.out.tfevents.10.h")
    try files.write(events([(2, 2.5), (3, 1)]), to: "logs/a/events.out.tfevents.20.h")
    try files.write(events([(1, 9)], tag: "loss/train"), to: "logs/b/c/events.out.tfevents.10.h")
    try files.write([], to: "logs/d/events.out.tfevents.10.h")
    let logs = try RunLog.read([files.path("logs")])
    #expect(logs.map(\.name) == ["a", "b/c"])
    #expect(logs.map(\.text) == [["loss": "1:4 2:2.5 3:1"], ["loss": "1:9"]])
    #expect(logs[0].events.map(\.kind) == [.restarted])
    #expect(try RunLog.read([files.path("logs/d")])[0].notes == ["It has no numbers yet."])
  }

  @Test func restarts() throws {
    var bytes = events([(1, 4), (2, 3), (3, 2)])
    bytes += EventEncoding.start(wallTime: 2, step: 3).record
    let log = try RunLog.read([files.write(bytes, to: Self.name)])[0]
    #expect(log.text == ["loss": "1:4 2:3"])
    #expect(
      log.events.map(\.text) == [
        "The run was resumed before step 3: step 3 had been logged before."
      ])
  }

  @Test func damage() throws {
    let whole = events([(1, 4), (2, 3), (3, 2)])
    let size = events([(1, 4), (2, 3)]).count - events([(1, 4)]).count
    // A payload, a length, and the end.
    for (place, tracks) in [
      (whole.count - 2 * size + 14, "1:4 3:2"), (whole.count - 2 * size + 1, "1:4 3:2"),
      (whole.count - 1, "1:4 2:3"),
    ] {
      var bytes = whole
      bytes[place] ^= 0x10
      let log = try RunLog.read([files.write(bytes, to: Self.name)])[0]
      #expect(log.text == ["loss": tracks])
      #expect(log.notes.count == 1)
      #expect(log.notes[0].hasPrefix("1 record is damaged"), "\(log.notes)")
    }
    let cut = try RunLog.read([files.write(Array(whole.dropLast(3)), to: Self.name)])[0]
    #expect(cut.text == ["loss": "1:4 2:3"])
    #expect(cut.notes == ["The last record is cut off; it was left out."])
  }

  @Test func growth() throws {
    let bytes = events((1...9).map { ($0, 1 / Double($0)) })
    let whole = try RunLog.read([files.write(bytes, to: "whole/\(Self.name)")])[0]
    for size in [1, 5, 100] {
      try files.write(Array(bytes.prefix(20)), to: "in-\(size)/\(Self.name)")
      let reader = try RunLogReader(path: files.path("in-\(size)"))
      try reader.refresh()
      for start in stride(from: 20, to: bytes.count, by: size) {
        try files.append(
          Array(bytes[start..<min(start + size, bytes.count)]), to: "in-\(size)/\(Self.name)")
        #expect(try reader.refresh())
      }
      #expect(reader.logs[0].tracks == whole.tracks)
      #expect(reader.logs[0].notes == [])
    }
  }

  /// `[1, 2, ... 32]`, whose CRC-32C stands in RFC 3720; the mask is that of TFRecord.
  @Test func checksum() {
    let bytes = (0..<32).map { UInt8($0) }
    let crc: UInt32 = 0x46DD_794E
    #expect(
      EventRecord.checksum(bytes.span, bytes.indices) == (crc >> 15 | crc << 17) &+ 0xA282_EAD8)
  }
}
