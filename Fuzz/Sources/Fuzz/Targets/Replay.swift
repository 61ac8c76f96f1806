import Descent
import DescentTraining
import Safetensors

extension FuzzTarget {
  /// Recordings of gradients. The first byte chooses the optimizer.
  static let replay = FuzzTarget(name: "replay", maximumLength: 2048) {
    let tensors = [
      SafetensorsTensor("param/w", shape: [2, 2], floats: [1, 2, 3, 4]),
      SafetensorsTensor("param/b", shape: [], floats: [5]),
      SafetensorsTensor("grad/1/w", shape: [2, 2], floats: [1, 0, -1, 2]),
      SafetensorsTensor("grad/2/b", shape: [], floats: [1e-20]),
      SafetensorsTensor("hessian/2/w", shape: [2, 2], floats: [1, 1, 1, 1]),
    ]
    return try Rules.all.indices.flatMap { rule in
      try Framed.inputs(rule % 2 == 0 ? tensors : tensors.dropLast()).map { [UInt8(rule)] + $0 }
    }
  } read: { input in
    var rest = input
    let rule = Rules.all[rest.takeNumber(bytes: 1) % Rules.all.count].init()
    let (path, out) = (Scratch.path("in.safetensors"), Scratch.path("out.safetensors"))
    Scratch.write(Framed.file(rest), to: "in.safetensors")
    let replay = try Replay(OptimizerPlan(rule), recording: path)
    try replay.run(to: out)
    let result = try SafetensorsFile(path: out)
    for name in result.names { precondition(try! result.floats(of: name).allSatisfy(\.isFinite)) }
  }
}
