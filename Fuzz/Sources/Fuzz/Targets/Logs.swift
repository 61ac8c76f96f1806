@testable import DescentLab
import Foundation

extension FuzzTarget {
  /// Tables of numbers over steps.
  static let csvLog = logTarget(
    "csv-log", file: "log.csv",
    [
      "step,loss,lr\n1,2.5,1e-3\n2,NaN,\n1,3,x\n", "\u{FEFF}\"Step\";\"a\"\"b\"\r\n1;-inf\r\n",
      "Step,a - loss,a - loss__MIN,b - loss\n1,2,2,\n2,1,1,3\n", "# c\n#step\tloss\n1\t2\n2\t1",
      "epoch,batch,loss\n0,0,4\n0,1,3\n1,0,2\n", "Wall time,Step,Value\n1.5,1,2\n",
    ].map { Array($0.utf8) })

  /// One JSON object a line.
  static let jsonLog = logTarget(
    "json-log", file: "log.jsonl",
    [
      "{\"step\": 1, \"loss\": 2.5, \"applied\": true}\n{\"step\": 2, \"loss\": null, \"skipped\": \"x\"}\n",
      "{\"step\": 3, \"update_norm\": 5, \"update_norm_median\": 2, \"went_back_to\": 1}\n{\"step\": 2}",
      "{\"step\": 1, \"instrument_seconds\": 1, \"histograms\": {\"weight/w\": {\"from\": 0, \"to\": 1, \"counts\": [1, 2]}}}\n",
      "{\"_step\": 1, \"train\": {\"loss\": NaN}, \"x\": [1, {\"a\": \"\\u00e9\\ud83d\\ude00\"}]}\n{\"_step\": 2}\n",
    ].map { Array($0.utf8) })

  /// `trainer_state.json` and other documents.
  static let trainerState = logTarget(
    "trainer-state", file: "trainer_state.json",
    [
      "{\"global_step\": 2, \"max_steps\": 2, \"log_history\": [{\"loss\": 2, \"step\": 1, \"epoch\": 0.5}, "
        + "{\"train_runtime\": 1, \"train_loss\": 2, \"step\": 2}]}",
      "[[1.5, 1, 2], [2.5, 2, NaN]]", "{\"loss\": [2, 1], \"val_loss\": [3, null]}",
      "[{\"step\": 1, \"loss\": 2}]",
    ].map { Array($0.utf8) })

  /// Event files of TensorBoard. Checksums are made here, or no input would get past them: an input
  /// is payloads, each behind a byte that says how long it is; one that begins with 255 is a file as
  /// it is.
  static let events = FuzzTarget(name: "events", maximumLength: 1024) {
    let time: [UInt8] = [0x09, 0, 0, 0, 0, 0, 0, 0xF8, 0x3F]
    func field(_ number: Int, _ content: [UInt8]) -> [UInt8] {
      [UInt8(number << 3 | 2), UInt8(content.count)] + content
    }
    let (tag, one) = (field(1, Array("train/loss".utf8)), [UInt8]([0, 0, 0x80, 0x3F]))
    let bins =
      field(6, [UInt8](repeating: 1, count: 16)) + field(7, [UInt8](repeating: 2, count: 16))
    let scalars = field(9, field(1, field(1, Array("scalars".utf8))))
    let payloads: [[UInt8]] = [
      time + field(3, Array("brain.Event:2".utf8)), time + [0x10, 2] + field(7, [0x08, 1]),
      time + [0x10, 3] + field(5, field(1, tag + [0x15] + one)),
      [0x10, 4] + field(5, field(1, tag + field(5, bins))),
      [0x10, 5] + field(5, field(1, tag + field(8, [0x08, 1] + field(5, one)) + scalars)),
      [0x10, 6]
        + field(
          5, field(1, tag + field(8, [0x08, 1] + field(2, field(2, [0x08, 1])) + field(4, one)))),
    ]
    return [payloads.flatMap { [UInt8($0.count)] + $0 }, [0xFF] + payloads.flatMap(framed)]
  } read: { input in
    var (rest, file) = (input, [UInt8]())
    if rest.first == 0xFF {
      file = Array(rest.dropFirst())
    } else {
      while !rest.isEmpty {
        let count = rest.takeNumber(bytes: 1)
        file += framed(Array(rest.prefix(count)))
        rest.removeFirst(min(count, rest.count))
      }
    }
    try checkLog(file, "events.out.tfevents.1.fuzz")
  }

  /// A record of an event file.
  private static func framed(_ payload: [UInt8]) -> [UInt8] {
    func little(_ number: Int, _ bytes: Int) -> [UInt8] {
      (0..<bytes).map { UInt8(truncatingIfNeeded: number >> (8 * $0)) }
    }
    func checksum(_ bytes: [UInt8]) -> [UInt8] {
      var crc: UInt32 = ~0
      for byte in bytes {
        crc ^= UInt32(byte)
        for _ in 0..<8 { crc = crc & 1 == 0 ? crc >> 1 : crc >> 1 ^ 0x82F6_3B78 }
      }
      crc = ~crc
      return little(Int((crc >> 15 | crc << 17) &+ 0xA282_EAD8), 4)
    }
    let length = little(payload.count, 8)
    return length + checksum(length) + payload + checksum(payload)
  }

  private static func logTarget(_ name: String, file: String, _ seeds: [[UInt8]]) -> FuzzTarget {
    FuzzTarget(name: name, maximumLength: 1024) {
      seeds
    } read: {
      try checkLog($0, file)
    }
  }

  /// Whatever is read has ascending steps, can be diagnosed, and has the same steps when it is read in
  /// two pieces.
  private static func checkLog(_ input: [UInt8], _ file: String) throws {
    let path = Scratch.write(input, to: file)
    let logs = try RunLog.read([path])
    for log in logs {
      for (name, track) in log.tracks {
        precondition(!name.isEmpty || track.count > 0)
        precondition(zip(track.steps, track.steps.dropFirst()).allSatisfy(<), "steps ascend")
      }
      precondition(log.notes.allSatisfy { $0.hasSuffix(".") })
      for histogram in log.histograms.values.joined() {
        precondition(histogram.edges.count == histogram.counts.count + 1)
      }
      let diagnosis = Diagnosis(log)
      precondition(diagnosis.findings.allSatisfy { (0...1).contains($0.confidence) })
      _ = diagnosis.page.json.text
    }
    let half = Array(input.prefix(input.count / 2))
    // What a file is, is told by its first half.
    guard LogKind.of(half, isWhole: true) == LogKind.of(input, isWhole: true) else { return }
    Scratch.write(half, to: file)
    guard let reader = try? RunLogReader(path: path), (try? reader.refresh()) != nil else { return }
    Scratch.write(input, to: file)
    guard (try? reader.refresh()) != nil else { return }
    guard reader.logs.map(\.format) == logs.map(\.format), reader.logs.count == logs.count else {
      return
    }
    for (one, other) in zip(reader.logs, logs) where one.format != .csv {
      precondition(Set(one.tracks.keys) == Set(other.tracks.keys), "pieces are read as the whole")
    }
  }
}
