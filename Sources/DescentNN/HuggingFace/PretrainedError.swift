/// Why a folder with a model of Hugging Face's kind cannot be used.
public enum PretrainedError: Error, Equatable, CustomStringConvertible {
  /// There is no such folder, or a file of it is missing.
  case missing(path: String, advice: String)
  /// The `config.json` is no JSON, lacks a key, or has a value of the wrong kind.
  case badConfiguration(path: String, problem: String)
  /// The architecture is not one of those that are known.
  case unknownArchitecture(path: String, found: String, known: [String])
  /// The architecture has an option that is not supported.
  case unsupported(path: String, key: String, value: String, supported: String)
  /// The weights lack a tensor of the model.
  case missingTensor(String, path: String)
  /// A tensor has a shape that the configuration does not give it.
  case wrongShape(String, path: String, expected: [Int], found: [Int])
  /// A tensor's elements are no floating-point numbers of 16, 32 or 64 bits.
  case wrongType(String, path: String, found: String)
  /// A number among the weights is NaN or infinite.
  case notFinite(String, path: String)

  /// A number is too large for the format in which weights are to be written.
  case tooLarge(String, format: String)

  /// Whether a file does not exist, rather than holding what is wrong.
  public var isMissingFile: Bool { if case .missing = self { true } else { false } }

  /// What is wrong and what to do, in a sentence.
  public var description: String {
    switch self {
    case .missing(let path, let advice): "there is no \(path); \(advice)."
    case .badConfiguration(let path, let problem): "\(path): \(problem)."
    case .unknownArchitecture(let path, let found, let known):
      "\(path) describes a model of the type “\(found)”, which is not supported; those that are: "
        + "\(known.joined(separator: ", "))."
    case .unsupported(let path, let key, let value, let supported):
      "\(path) has \(key)=\(value), which is not supported; \(supported)."
    case .missingTensor(let name, let path):
      "\(path) has no tensor \(name), which the model of its config.json needs."
    case .wrongShape(let name, let path, let expected, let found):
      "\(path): \(name) has the shape \(found), and the config.json beside it asks for \(expected)."
    case .wrongType(let name, let path, let found):
      "\(path): \(name) has elements of the type \(found); weights are F32, F16, BF16 or F64."
    case .tooLarge(let name, let format):
      "\(name) has a number that is too large for \(format); write the weights as float32 or bfloat16."
    case .notFinite(let name, let path):
      "\(path): \(name) has a number that is NaN or infinite, and weights must be finite."
    }
  }
}
