import Foundation

/// Writes what a run's metrics say into an event file of TensorBoard, each entry at once.
///
/// Numbers of steps are `train/<name>`, those of evaluations `eval/<name>`: `train/loss`, `train/lr`,
/// `train/lr/<group>`, `eval/loss`. A run that is resumed begins another file, in whose place
/// TensorBoard takes what earlier files have of later steps.
final class EventFileWriter {
  private let handle: FileHandle
  private let path: String

  /// Begins a file in a run's folder, after so many steps.
  init(_ directory: RunDirectory, after step: Int) throws(RunError) {
    let now = Date().timeIntervalSince1970
    let name = ProcessInfo.processInfo.hostName.replacing("/", with: "_")
    let start = "events.out.tfevents.\(Self.padded(Int(now))).\(name).\(getpid())"
    var (file, descriptor, number) = (directory.url, Int32(-1), 0)
    repeat {
      file = directory.url.appendingPathComponent("\(start).\(number)")
      descriptor = unsafe open(file.path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
      number += 1
    } while descriptor < 0 && errno == EEXIST
    path = file.relativePath
    guard descriptor >= 0 else { throw .cannotWrite(path, SystemReason.of(code: errno)) }
    handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
    var records = EventEncoding.version(wallTime: now).record
    if step > 0 { records += EventEncoding.start(wallTime: now, step: step + 1).record }
    try write(records)
  }

  /// Files are read in the order of their names.
  private static func padded(_ seconds: Int) -> String {
    String(repeating: "0", count: max(0, 10 - "\(seconds)".count)) + "\(seconds)"
  }

  /// Writes the numbers of an entry.
  func write(_ entry: JournalEntry) throws(RunError) {
    let now = Date().timeIntervalSince1970
    if case .spike(let spike) = entry {
      return try write(EventEncoding.start(wallTime: now, step: spike.goneBackTo + 1).record)
    }
    var values = entry.record.line
    var step = 0
    if let n = values.first(where: { $0.key == "step" }).flatMap({ Int($0.value) }) { step = n }
    var event = EventEncoding(wallTime: now, step: step)
    if case .skipped = entry {
      // The step is tried again; its loss is that of the step that is taken.
      values.removeAll { $0.key == "loss" || $0.key == "applied" }
      event.add("train/skipped", 1)
    }
    for (key, value) in values where key != "step" {
      switch value {
      case .number(let x): event.add(Self.tag(key), x)
      case .integer(let n): event.add(Self.tag(key), Double(n))
      case .flag(let on): event.add(Self.tag(key), on ? 1 : 0)
      case .text, .list, .object: break
      }
    }
    if case .instruments(let record) = entry {
      for (name, histogram) in record.histograms.sorted(by: { $0.key < $1.key }) {
        event.add(
          "train/\(name)", from: histogram.from, to: histogram.to,
          counts: histogram.counts.map(Double.init))
      }
    }
    if event.hasValues { try write(event.record) }
  }

  /// The tag of a key of the metrics.
  static func tag(_ key: String) -> String {
    if key.hasPrefix("val_") { return "eval/\(key.dropFirst(4))" }
    return "train/\(MetricKey.slashed(key))"
  }

  private func write(_ records: [UInt8]) throws(RunError) {
    do { try handle.write(contentsOf: Data(records)) } catch {
      throw .cannotWrite(path, SystemReason.of(error))
    }
  }

  /// Waits until its records are on the disk.
  var synchronize: @Sendable () throws -> Void {
    let (handle, path) = (handle, path)
    return {
      do { try handle.synchronize() } catch {
        throw RunError.cannotWrite(path, SystemReason.of(error))
      }
    }
  }
}
