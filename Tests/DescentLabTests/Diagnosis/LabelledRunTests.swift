import DescentLab
import Foundation
import Testing

/// A log of a real training whose fault is known.
struct LabelledRun: Sendable, CustomTestStringConvertible {
  let path: String
  let label: String

  var testDescription: String { "\(label): \(path)" }

  static let folder = Bundle.module.url(forResource: "Vectors/Diagnosis", withExtension: nil)

  static let all: [LabelledRun] = {
    guard let folder,
      let data = try? Data(contentsOf: folder.appendingPathComponent("labels.json")),
      let entries = try? JSONSerialization.jsonObject(with: data) as? [[String: Any]]
    else { return [] }
    return entries.compactMap { entry in
      guard let path = entry["path"] as? String, let label = entry["label"] as? String else {
        return nil
      }
      return LabelledRun(path: folder.appendingPathComponent(path).path, label: label)
    }
  }()
}

@Suite("Diagnosis: labelled runs") struct LabelledRunTests {
  @Test("all runs are there") func count() { #expect(LabelledRun.all.count == 23) }

  @Test("what a run suffers from is named first", arguments: LabelledRun.all)
  func first(_ run: LabelledRun) throws {
    let diagnosis = try #require(try Diagnosis.read(run.path).first)
    #expect(diagnosis.findings.first?.kind == run.label, "\(diagnosis.findings)")
  }

  @Test(
    "neither the unit of the loss nor other names of columns matter", arguments: LabelledRun.all)
  func units(_ run: LabelledRun) throws {
    let log = try #require(try RunLog.read([run.path]).first)
    for factor in [0.01, 100] {
      var scaled = log
      for name in ["loss", "val_loss", "smoothed_loss"] {
        guard let track = log[name] else { continue }
        scaled.tracks[name] = Track(steps: track.steps, values: track.values.map { factor * $0 })
      }
      #expect(Diagnosis(scaled).findings.first?.kind == run.label)
    }
  }
}
