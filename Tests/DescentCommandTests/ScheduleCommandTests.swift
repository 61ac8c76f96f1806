import Foundation
import Safetensors
import Testing

/// `descent schedule`.
extension CommandTests {
  @Test("numbers that overflow are refused") func tooLarge() throws {
    let result = try descent(["schedule", "cosine", "--set", "cycles=1e308", "--total", "10"])
    #expect(result.status == 64 && result.error.contains("makes lr NaN by step"), "\(result)")
  }

  @Test("the notes' exercise: warmup 2,000, cosine from 2e-4 to 2e-5 in 100,000 steps")
  func scheduleExercise() throws {
    let lines = try objects([
      "schedule", "cosine", "--set", "lr=2e-4", "--set", "warmup=2000", "--set",
      "warmup_start=zero", "--set", "floor=2e-5", "--total", "100000", "--at",
      "0,1000,2000,50000,100000", "--json",
    ])
    #expect(lines.map { $0["step"] as? Int } == [0, 1000, 2000, 50_000, 100_000])
    // At 50,000: 2e-5 + 0.9e-4·(1 + cos(π·48/98)).
    let expected = [0, 1e-4, 2e-4, 2e-5 + 0.9e-4 * (1 + cos(.pi * 48 / 98)), 2e-5]
    for (line, value) in zip(lines, expected) {
      #expect(abs(try #require(line["lr"] as? Double) - value) < 1e-16)
    }
  }

  @Test("a schedule's other hyperparameters, its plot, and a metric to follow") func schedules()
    throws
  {
    let cycle = try objects(
      [
        "schedule", "OneCycleLR", "--set", "max_lr=0.1", "--total", "10", "--at", "0,2", "--json",
        "--plot", "cycle.svg",
      ], in: folder)
    #expect(cycle.map { $0["momentum"] as? Double } == [0.95, 0.85])
    #expect(cycle[1]["lr"] as? Double == 0.1)
    let drawn = try descent(["schedule", "cosine", "--plot", "curve.svg"], in: folder)
    #expect(drawn.status == 0 && drawn.output.hasSuffix("\ncurve written to curve.svg\n"))
    let svg = try String(contentsOf: folder.appendingPathComponent("cycle.svg"), encoding: .utf8)
    #expect(svg.hasPrefix("<svg") && svg.contains("momentum"))
    let plateau = try objects([
      "schedule", "plateau", "--set", "patience=1", "--set", "lr=1", "--metric", "1,1,1,1",
      "--at", "2,3,4", "--json",
    ])
    #expect(plateau.map { $0["lr"] as? Double } == [1, 0.1, 0.1])
    let all = try descent(["schedule", "constant", "--total", "2", "--json"])
    #expect(all.output == "{\"step\":0,\"lr\":1.0}\n{\"step\":1,\"lr\":1.0}\n")
    let unfed = try descent(["schedule", "plateau"], in: folder)
    #expect(unfed.status == 0 && unfed.output.contains("--metric 1,0.9,0.9"))
    #expect(try objects(["schedule", "--json"]).contains { $0["name"] as? String == "wsd" })
  }

  @Test("a recipe's true curves, in the steps of its run") func recipeSchedule() throws {
    let lines = try objects([
      "schedule", "--recipe", "gpt", "--set", "schedules.weight_decay.name=linear", "--at",
      "0,99,1999,2000", "--json",
    ])
    #expect(lines.map { $0["lr"] as? Double }[1] == 1e-3)
    #expect(lines.last?["lr"] as? Double == 1e-4 && lines.last?["weight_decay"] as? Double == 0)
    // The length of this one follows from its data.
    let digits = try descent(["schedule", "--recipe", "digits-cnn"])
    #expect(digits.output.contains("276 steps") && digits.output.contains("ends with the run"))
    let short = try descent(["schedule", "--recipe", "gpt", "--set", "schedule.total=500"])
    #expect(short.status == 0)
    #expect(short.error.contains("ends at step 500, but training runs to step 2000"))
  }

  @Test(
    "schedules are listed, and each is explained", arguments: [["schedule"], ["schedule", "wsd"]])
  func schedulePages(_ arguments: [String]) throws {
    let result = try descent(arguments)
    #expect(result.status == 0 && result.error.isEmpty)
    for text in arguments.count == 1 ? ["cosine", "SequentialLR"] : ["1-sqrt", "num_decay_steps"] {
      #expect(result.output.contains(text))
    }
  }
}
