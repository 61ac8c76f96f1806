import Descent
import Safetensors

/// A recorded sequence of gradients, open for reading: `param/<name>`, the initial weights,
/// `grad/<t>/<name>` for t = 1...T, and `hessian/<t>/<name>`, estimates of the curvature.
struct Recording {
  /// What a tensor that belongs to a step is.
  enum Kind: String, CaseIterable {
    case gradient = "grad"
    case curvature = "hessian"
  }

  /// How many steps may have no gradient at all: a slip of the pen must not become a run of 10⁹.
  static let emptySteps = 1000

  let path: String
  let parameters: [ParameterInfo]
  /// T
  let steps: Int
  private let file: SafetensorsFile
  /// The tensors of each step, with the parameter that each belongs to.
  private let tensors: [Kind: [Int: [(parameter: Int, name: String)]]]

  /// Opens a recording and checks that it is one, without reading its numbers.
  ///
  /// - Throws: ``DataError`` when tensors are missing, misnamed, or of another type or shape than they
  ///   should be; `SafetensorsError`.
  init(path: String) throws {
    self.path = path
    file = try SafetensorsFile(path: path)
    func malformed(_ expected: String, _ found: String) -> DataError {
      .malformed(path: path, expected: expected, found: found)
    }
    var parameters: [ParameterInfo] = []
    var indices: [String: Int] = [:]
    for entry in file.entries {
      // Wider numbers would be rounded unseen.
      guard [.f32, .f16, .bf16].contains(entry.dtype) else {
        throw malformed("\(entry.name) in F32", entry.dtype.rawValue)
      }
      guard entry.name.hasPrefix("param/") else { continue }
      let name = String(entry.name.dropFirst("param/".count))
      if name.isEmpty { throw malformed("a name after param/", "none") }
      indices[name] = parameters.count
      parameters.append(ParameterInfo(name, shape: entry.shape))
    }
    if parameters.isEmpty {
      throw malformed("initial weights called param/<name>", "none")
    }
    var tensors: [Kind: [Int: [(parameter: Int, name: String)]]] = [:]
    for entry in file.entries where !entry.name.hasPrefix("param/") {
      let parts = entry.name.split(separator: "/", maxSplits: 2, omittingEmptySubsequences: false)
      guard parts.count == 3, let kind = Kind(rawValue: String(parts[0])), !parts[2].isEmpty else {
        throw malformed(
          "tensors called param/<name>, grad/<t>/<name> or hessian/<t>/<name>",
          "one called \(entry.name)")
      }
      // One spelling each: 01 and +1 would be other tensors of the same step.
      guard let step = Int(parts[1]), step > 0, String(step) == parts[1] else {
        throw malformed(
          "steps written 1, 2, 3, ... as in \(kind.rawValue)/1/\(parts[2])",
          "one called \(entry.name)")
      }
      guard let index = indices[String(parts[2])] else {
        throw malformed(
          "param/\(parts[2]), the weights that \(entry.name) belongs to", "none")
      }
      guard parameters[index].shape == entry.shape else {
        throw malformed(
          "\(entry.name) to have the shape \(parameters[index].shape) of its weights",
          "\(entry.shape)")
      }
      tensors[kind, default: [:]][step, default: []].append((index, entry.name))
    }
    guard let last = tensors[.gradient]?.keys.max() else {
      throw malformed("gradients called grad/<t>/<name>", "none")
    }
    func name(_ kind: Kind, _ step: Int) -> String { tensors[kind]?[step]?.first?.name ?? "" }
    if let late = tensors[.curvature]?.keys.filter({ $0 > last }).min() {
      throw malformed(
        "estimates of the curvature up to step \(last), the last with gradients",
        name(.curvature, late))
    }
    let empty = last - (tensors[.gradient]?.count ?? 0)
    if empty > Self.emptySteps {
      throw malformed(
        "gradients for steps 1, 2, 3, ... with at most \(Self.emptySteps) left out",
        "\(name(.gradient, last)) with \(empty) left out before it")
    }
    (self.parameters, steps, self.tensors) = (parameters, last, tensors)
  }

  /// The initial weights of each parameter, which must be finite.
  func weights() throws -> [[Float]] {
    try parameters.map { try finite("param/" + $0.name) }
  }

  /// The gradients of a step or the estimates after it, for each parameter: nil where there is none.
  ///
  /// - Throws: ``DataError`` for numbers that are not finite.
  func values(_ kind: Kind, _ step: Int) throws -> [[Float]?] {
    var values = [[Float]?](repeating: nil, count: parameters.count)
    for (parameter, name) in tensors[kind]?[step] ?? [] { values[parameter] = try finite(name) }
    return values
  }

  /// Whether there are estimates after a step.
  func hasCurvature(_ step: Int) -> Bool { tensors[.curvature]?[step] != nil }

  private func finite(_ name: String) throws -> [Float] {
    let values = try file.floats(of: name)
    if let (index, value) = values.firstNonFinite {
      throw DataError.unsuitable(
        "\(path): \(name) is \(value) at element \(index); a recording must be finite")
    }
    return values
  }
}

extension [Float] {
  /// The first element that is NaN or infinite, and what it is.
  var firstNonFinite: (index: Int, value: String)? {
    // NaN may have a sign, which says nothing.
    firstIndex { !$0.isFinite }.map { ($0, self[$0].isNaN ? "nan" : "\(self[$0])") }
  }
}
