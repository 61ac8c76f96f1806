import Descent
import Foundation
import Safetensors
import Testing

/// A recorded schedule of torch or Hugging Face; `References/schedules.py` writes them.
struct RecordedSchedule: CustomTestStringConvertible, Sendable {
  /// The file's description of a case.
  struct Description: Decodable, Sendable {
    let name: String
    let library: String
    let base: Double
    let total: Int
    let set: [String: Value]
    /// The t from which our curve stays what it is, while the reference's moves again.
    let stays: Int?
  }

  /// A parameter as JSON has it, as text; a list of schedules in the form of `--set`.
  struct Value: Decodable, Sendable {
    let text: String
    init(from decoder: any Decoder) throws {
      struct Part: Decodable {
        let name: String
        let set: [String: Value]
      }
      let container = try decoder.singleValueContainer()
      if let parts = try? container.decode([Part].self) {
        text = parts.map { part in
          let settings = part.set.map { "\($0)=\($1.text)" }.joined(separator: ",")
          return "\(part.name)(\(settings))"
        }.joined(separator: ",")
      } else {
        text = try container.decode(Trajectory.SettingText.self).text
      }
    }
  }

  let name: String
  let description: Description
  var testDescription: String { name }

  static let file = try! Trajectory.open("schedules")
  static let all: [RecordedSchedule] = {
    let json = Data(file.metadata["cases"]!.utf8)
    let cases = try! JSONDecoder().decode([String: Description].self, from: json)
    return cases.keys.sorted().map { RecordedSchedule(name: $0, description: cases[$0]!) }
  }()

  func values(_ what: String) throws -> [Double]? {
    let key = "\(name)/\(what)"
    return Self.file.contains(key) ? try Self.file.doubles(of: key) : nil
  }

  /// The schedule under its name there, with its parameters there.
  func make() throws -> any Schedule {
    switch description.name {
    case "LambdaLR": return Lambda { t, base in base / Double(1 + t) }
    case "MultiplicativeLR": return Lambda { t, base in base * pow(0.99, Double(t)) }
    default:
      return try Schedules.make(
        description.name, description.set.map { (name: $0, text: $1.text) })
    }
  }

  /// The last t at which our curve is the reference's.
  var last: Int { description.stays ?? description.total }
}

@Suite("Schedules of torch and Hugging Face") struct ScheduleVectorTests {
  @Test("the table of cases is whole") func complete() {
    let names = Set(RecordedSchedule.all.map(\.description.name))
    #expect(RecordedSchedule.all.count >= 190)
    // Every name that is accepted from there is held against its reference.
    for alias in ScheduleAlias.all { #expect(names.contains(alias.name), "\(alias.name)") }
  }

  @Test("every recorded step, in any order, to 1e-12", arguments: RecordedSchedule.all)
  func values(_ recorded: RecordedSchedule) throws {
    var schedule = try recorded.make()
    if schedule is any MetricSchedule { return }
    schedule.fit(totalSteps: recorded.description.total)
    let base = recorded.description.base
    let reference = try #require(try recorded.values("lr"))
    #expect(reference.count == recorded.description.total + 1)
    // 389 has no factor in common with any of the lengths.
    for t in (0...recorded.last).map({ $0 * 389 % (recorded.last + 1) }) {
      let value = schedule.value(at: t, base: base)
      #expect(abs(value - reference[t]) <= 1e-12 * base, "t=\(t): \(value), not \(reference[t])")
    }
    for t in recorded.last..<recorded.description.total {
      #expect(schedule.value(at: t + 1, base: base) == schedule.value(at: t, base: base))
    }
    let momenta = try recorded.values("momentum")
    #expect((schedule.momentum == nil) == (momenta == nil))
    if let momentum = schedule.momentum, let momenta {
      for t in 0...recorded.last {
        #expect(abs(momentum.value(at: t, base: 0.5) - momenta[t]) <= 1e-12, "momentum at \(t)")
      }
    }
  }

  @Test(
    "schedules that follow a metric, and their state written and read in the middle",
    arguments: RecordedSchedule.all.filter {
      $0.description.set["patience"] != nil || $0.name.contains("plateau")
        || $0.name.contains("greedy")
    })
  func metrics(_ recorded: RecordedSchedule) throws {
    var schedule = try #require(try recorded.make() as? any MetricSchedule)
    let (rates, metrics) = (try recorded.values("lr")!, try recorded.values("metric")!)
    let base = recorded.description.base
    #expect(schedule.value(at: 0, base: base) == rates[0])
    for t in metrics.indices {
      schedule.observe(metrics[t])
      let value = schedule.value(at: t + 1, base: base)
      #expect(
        abs(value - rates[t + 1]) <= 1e-12 * base, "t=\(t + 1): \(value), not \(rates[t + 1])")
      let written = try JSONEncoder().encode(schedule.state)
      schedule.state = MetricState()
      schedule.state = try JSONDecoder().decode(MetricState.self, from: written)
    }
  }
}
