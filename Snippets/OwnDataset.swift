// A data set, and a loader that makes its batches beside the training.
import DescentNN
import DescentTraining
import Foundation

/// Points of a spiral, with the arm that each is on.
struct Spirals: Dataset {
  let count = 200

  func examples(at numbers: [Int]) -> (points: Tensor, arms: IndexTensor) {
    let arms = numbers.map { Int32($0 % 2) }
    let points = zip(numbers, arms).flatMap { number, arm in
      let radius = Float(number) / Float(count)
      let angle = 6 * radius + .pi * Float(arm)
      return [radius * cos(angle), radius * sin(angle)]
    }
    return (Tensor(shape: [numbers.count, 2], scalars: points), IndexTensor(arms))
  }
}

let loader = try DataLoader(Spirals(), batch: 64, seed: 7)
for _ in 0..<5 {
  let batch = try loader.next()
  print("epoch \(batch.epoch), batch \(batch.index):", batch.examples.points.shape)
}

// The position is a Codable value: another loader, in another process, goes on from there.
let position = try JSONEncoder().encode(loader.position)
let other = try DataLoader(Spirals(), batch: 64, seed: 7)
try other.resume(at: JSONDecoder().decode(DataLoader<Spirals>.Position.self, from: position))
print(try other.next().numbers == loader.next().numbers)
