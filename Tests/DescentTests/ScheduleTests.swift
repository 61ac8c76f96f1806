import Descent
import Foundation
import Testing

@Suite("Schedules") struct ScheduleTests {
  /// A schedule and its values for the base 2.
  struct Case: Sendable, CustomTestStringConvertible {
    let schedule: any Schedule
    let values: [Int: Double]
    var testDescription: String { "\(type(of: schedule).name) \(schedule.resolved.map(\.value))" }

    init(_ schedule: any Schedule, _ values: [Int: Double]) {
      (self.schedule, self.values) = (schedule, values)
    }
  }

  static let cases = [
    Case(Constant(), [0: 2, 1_000_000: 2]),
    Case(LinearWarmup(warmup: 4), [0: 0.5, 1: 1, 3: 2, 4: 2, 99: 2]),
    Case(LinearWarmup(warmup: 4, warmupStart: .zero), [0: 0, 1: 0.5, 4: 2]),
    Case(LinearDecay(total: 10), [0: 2, 5: 1, 10: 0, 11: 0]),
    Case(LinearDecay(warmup: 2, total: 10, floor: 1), [0: 1, 1: 2, 2: 2, 6: 1.5, 10: 1]),
    Case(LinearDecay(total: 10, floorRatio: 0.5), [0: 2, 5: 1.5, 10: 1]),
    Case(Cosine(total: 10), [0: 2, 5: 1, 10: 0, 1000: 0]),
    Case(Cosine(warmup: 5, total: 15, floor: 1), [0: 0.4, 4: 2, 5: 2, 10: 1.5, 15: 1]),
    Case(Cosine(total: nil), [0: 2, 7: 2]),
  ]

  @Test("values by mental arithmetic", arguments: cases)
  func values(_ example: Case) {
    for (step, expected) in example.values {
      let value = example.schedule.value(at: step, base: 2)
      #expect(abs(value - expected) < 1e-12, "step \(step): \(value), not \(expected)")
    }
  }

  @Test("warmup 2,000, then a cosine from 2e-4 to 2e-5 at 100,000") func exercise() {
    let schedule = Cosine(warmup: 2000, total: 100_000, floor: 2e-5, warmupStart: .zero)
    func formula(_ t: Double) -> Double {
      t < 2000 ? 2e-4 * t / 2000 : 2e-5 + 0.9e-4 * (1 + cos(.pi * (t - 2000) / 98000))
    }
    for step in [0, 1000, 2000, 50_000, 100_000] {
      #expect(abs(schedule.value(at: step, base: 2e-4) - formula(Double(step))) < 1e-18)
    }
  }

  @Test("the length of the run fills in an open end, and only that") func fits() {
    var (open, closed) = (Cosine(total: nil), Cosine(total: 7))
    open.fit(totalSteps: 100)
    closed.fit(totalSteps: 100)
    #expect(open.span.total == 100 && closed.span.total == 7)
  }

  @Test(
    "a schedule that cannot be is refused",
    arguments: [
      ([("warmup", "20"), ("total", "10")], "warmup=20 is longer than total=10"),
      ([("floor", "1"), ("floor_ratio", "0.1")], "give floor or floor_ratio, not both"),
      ([("total", "0")], "total=0 is out of range: total must be at least 1"),
      ([("warmup", "-1")], "warmup=-1 is out of range: warmup must be at least 0"),
    ])
  func refused(_ settings: [(String, String)], _ part: String) {
    let error = #expect(throws: SettingErrors.self) {
      try Cosine(settings.map { (name: $0.0, text: $0.1) })
    }
    #expect("\(error!)".contains(part), "\(error!)")
  }
}
