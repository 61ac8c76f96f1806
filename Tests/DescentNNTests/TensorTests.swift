import Descent
import DescentCompute
import DescentNN
import Testing

@Suite("Tensors as values") struct TensorTests {
  /// 0, 1, 2, ... of a shape.
  private func counting(_ shape: Int...) -> Tensor {
    Tensor(shape: shape, scalars: (0..<shape.reduce(1, *)).map(Float.init))
  }

  @Test("subscripts take what NumPy's take") func taking() {
    let x = counting(2, 3, 4)
    let cases: [(Tensor, shape: [Int], scalars: [Float])] = [
      (x[1], [3, 4], Array(12..<24).map(Float.init)),
      (x[-1, 0], [4], [12, 13, 14, 15]),
      (x[0, 1, 2], [], [6]),
      (x[0..., 1, 2], [2], [6, 18]),
      (x[0, 0..<2, 1...2], [2, 2], [1, 2, 5, 6]),
      (x[1, 1..., (-2)...], [2, 2], [18, 19, 22, 23]),
      (x[..<1, ...0, ..<(-2)], [1, 1, 2], [0, 1]),
      (x[1..<1], [0, 3, 4], []),
      (x[0..., 3...], [2, 0, 4], []),
      (x[IndexTensor(shape: [2, 1], scalars: [1, 1])][0..., 0, 0, 3], [2], [15, 15]),
    ]
    for (part, shape, scalars) in cases {
      #expect(part.shape == shape && part.scalars == scalars)
    }
    #expect(x[at: 1, -1, 0] == 20)
  }

  @Test("what is assigned changes nothing else, and is repeated to the part") func assigning() {
    let x = counting(2, 3)
    var y = x
    y[0] = Tensor(7)
    y[1, 1...] += Tensor(shape: [2], scalars: [10, 20])
    y[at: 1, 0] = -1
    #expect(y.scalars == [7, 7, 7, -1, 14, 25])
    #expect(x == counting(2, 3))
    var half = x.cast(to: .bfloat16)
    half[at: 0, 0] = 1.001
    #expect(half.format == .float32)
  }

  @Test("comparisons follow IEEE") func comparing() {
    let (x, y) = (
      Tensor(shape: [3], scalars: [1, .nan, 3]), Tensor(shape: [3], scalars: [1, 2, 2])
    )
    let cases: [(Tensor, [Float])] = [
      (x .== y, [1, 0, 0]), (x .!= y, [0, 1, 1]), (x .< y, [0, 0, 0]), (x .<= y, [1, 0, 0]),
      (x .> y, [0, 0, 1]), (x .>= y, [1, 0, 1]), (x .> 1, [0, 0, 1]), (y .== 2, [0, 1, 1]),
    ]
    for (mask, expected) in cases { #expect(mask.scalars == expected) }
    #expect(x != x && y == y && y != y.reshaped([1, 3]))
    #expect(y.isClose(to: y * 1.000001) && !y.isClose(to: y * 1.001))
    #expect(y.isClose(to: y * 1.001, relative: 0.01) && !x.isClose(to: x))
    #expect(Tensor(.infinity).isClose(to: Tensor(.infinity)))
    #expect(!Tensor(1).isClose(to: Tensor(.infinity)))
    #expect(x.replacing(with: Tensor(0), where: x .!= x).scalars == [1, 0, 3])
  }

  @Test("where the largest and smallest elements are") func places() {
    let x = Tensor(shape: [2, 3], scalars: [1, 5, 5, -1, -2, -2])
    #expect(x.argmax().scalars == [1, 0] && x.argmin().scalars == [0, 1])
    #expect(x.argmax(over: 0) == IndexTensor([0, 0, 0]))
    #expect(x.min(over: [1], keepDimensions: true).shape == [2, 1] && x.min().scalar == -2)
  }

  @Test("products and stacks have NumPy's shapes") func shapes() {
    func shape(_ x: [Int], _ y: [Int]) -> [Int] { Tensor.ones(x).matmul(.ones(y)).shape }
    #expect(shape([3], [3]) == [] && shape([3], [3, 4]) == [4] && shape([2, 3], [3]) == [2])
    #expect(shape([5, 2, 3], [3, 4]) == [5, 2, 4] && shape([2, 3], [5, 3, 4]) == [5, 2, 4])
    #expect(shape([5, 1, 2, 3], [6, 3, 4]) == [5, 6, 2, 4])
    #expect(Tensor.ones([2, 3]).matmul(.ones([3])).scalars == [3, 3])
    let (x, y) = (counting(2), counting(2) + 2)
    #expect(Tensor.stacked([x, y]).scalars == [0, 1, 2, 3])
    #expect(Tensor.stacked([x, y], axis: -1).scalars == [0, 2, 1, 3])
  }

  @Test("they print row by row") func printing() {
    #expect(Tensor(2.5).description == "Tensor[] 2.5")
    #expect(counting(3).description == "Tensor[3] [0.0, 1.0, 2.0]")
    let x = Tensor(shape: [2, 3], scalars: [1, -2.5, 3, 0.5, 0, 10.12345])
    #expect(
      x.description == """
        Tensor[2, 3]
        [[ 1.0000, -2.5000,  3.0000],
         [ 0.5000,  0.0000, 10.1235]]
        """)
    #expect(
      counting(2, 1, 2).description == """
        Tensor[2, 1, 2]
        [[[0.0, 1.0]],

         [[2.0, 3.0]]]
        """)
    #expect(
      counting(500, 4).description == """
        Tensor[500, 4]
        [[   0.0,    1.0,    2.0,    3.0],
         [   4.0,    5.0,    6.0,    7.0],
         [   8.0,    9.0,   10.0,   11.0],
         …,
         [1988.0, 1989.0, 1990.0, 1991.0],
         [1992.0, 1993.0, 1994.0, 1995.0],
         [1996.0, 1997.0, 1998.0, 1999.0]]
        """)
    #expect(
      counting(2000).description.hasSuffix("[   0.0,    1.0,    2.0, …, 1997.0, 1998.0, 1999.0]"))
    let extremes: [(Float, String)] = [
      (1e20, "1.000e+20"), (-3.25e-7, "-3.250e-07"), (.nan, "nan"), (-.infinity, "-inf"),
      (9.9999e9, "1.000e+10"), (0, "0.0"), (123456, "123456.0"),
      (.leastNonzeroMagnitude, "1.401e-45"),
    ]
    for (number, text) in extremes { #expect(Tensor(number).description == "Tensor[] \(text)") }
    #expect(Tensor.zeros([0, 3]).description == "Tensor[0, 3]\n[]")
    #expect(
      IndexTensor(shape: [2, 2], scalars: [1, 20, 3, 4]).description
        == "IndexTensor[2, 2]\n[[ 1, 20],\n [ 3,  4]]")
  }

  @Test("numbers that come from data are checked") func checked() throws {
    #expect(try Tensor(shape: [1, 2], checking: [1, 2]).shape == [1, 2])
    #expect(try Tensor(rows: [[1, 2], [3, 4]]) == counting(2, 2) + 1 && Tensor([1]).shape == [1])
    #expect(throws: TensorError.ragged(row: 1, expected: 2, given: 1)) {
      try Tensor(rows: [[1, 2], [3]])
    }
    #expect(try IndexTensor(shape: [2], checking: [0, 4], below: 5).scalars == [0, 4])
    #expect(throws: TensorError.count(shape: [2, 2], needed: 4, given: 3)) {
      try Tensor(shape: [2, 2], checking: [1, 2, 3])
    }
    for shape in [[-1, 3], [.max, 2], [1 << 40, 1 << 40]] {
      #expect(throws: TensorError.impossibleShape(shape)) {
        try Tensor(shape: shape, checking: [])
      }
    }
    #expect(throws: TensorError.indexOutside(5, at: 1, bound: 5)) {
      try IndexTensor(shape: [2], checking: [0, 5], below: 5)
    }
  }

  @Test("a parameter takes a gradient that was computed elsewhere") func gradients() {
    let weight = Parameter(Tensor(shape: [2], scalars: [1, 2]), role: .other)
    weight.gradient = Tensor(shape: [2], scalars: [3, 4])
    weight.gradient?.withMutableSpan { $0[0] = 5 }
    #expect(weight.gradient?.scalars == [5, 4])
    weight.gradient = nil
    let tape = Tape()
    let x = tape.watch(Tensor.ones([2]))
    weight.gradient = x * 2
    #expect(weight.gradient?.scalars == [2, 2])
    let loss = (x * x).sum()
    #expect(tape.gradients(of: loss)[x]?.scalars == [2, 2])
  }

  @Test("an operation of one's own keeps nothing without a tape, and shares nothing") func own() {
    let x = Tensor.ones([2])
    let y = x.withDerivative(from: x) { dy, inputs in inputs.add(to: 0, dy) }
    #expect(y == x)
    let half = x.cast(to: .bfloat16) * 1.01
    let third = Tensor(1 / 3).withDerivative(from: half) { dy, inputs in
      inputs.add(to: 0, dy.broadcast(to: [2]))
    }
    #expect(third.format == .bfloat16 && third.scalar == 0.33398438)
    let tape = Tape()
    let (a, b) = (tape.watch(x), tape.watch(x))
    let sum = (a.detached + b.detached).withDerivative(from: a, b) { dy, inputs in
      inputs.add(to: 0, dy * a)
      inputs.accumulate(into: 1) { _ in }
    }
    let gradients = tape.gradients(of: sum.sum())
    #expect(gradients[a]?.scalars == [1, 1] && gradients[b]?.scalars == [0, 0])
    #expect(Tensor(shape: [2]) { $0[1] = 3 }.scalars == [0, 3])
  }

  @Test("misuse of an operation ends with its reason", arguments: 0..<3) func misuse(_ n: Int) async
  {
    await #expect(processExitsWith: .failure) { [n] in
      let tape = Tape()
      let x = tape.watch(Tensor.ones([2]))
      switch n {
      case 0:
        // No gradient for an input that needs one.
        _ = tape.gradients(of: x.detached.withDerivative(from: x) { _, _ in }.sum())
      case 1:
        // A value that is on the tape already.
        _ = (x * x).withDerivative(from: x) { dy, inputs in inputs.add(to: 0, dy) }
      default:
        // A change that the tape would not see.
        var y = x
        y.withMutableSpan { $0[0] = 3 }
      }
    }
  }
}
