internal import DescentFiles
internal import Foundation

/// A value of a `config.json`.
enum ConfigurationValue: Codable, Equatable, Sendable {
  case null
  case flag(Bool)
  case integer(Int)
  case number(Double)
  case text(String)
  case list([ConfigurationValue])
  case object([String: ConfigurationValue])

  init(from decoder: any Decoder) throws {
    let value = try decoder.singleValueContainer()
    if value.decodeNil() {
      self = .null
    } else if let flag = try? value.decode(Bool.self) {
      self = .flag(flag)
    } else if let integer = try? value.decode(Int.self) {
      self = .integer(integer)
    } else if let number = try? value.decode(Double.self) {
      self = .number(number)
    } else if let text = try? value.decode(String.self) {
      self = .text(text)
    } else if let list = try? value.decode([ConfigurationValue].self) {
      self = .list(list)
    } else {
      self = .object(try value.decode([String: ConfigurationValue].self))
    }
  }

  func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    switch self {
    case .null: try container.encodeNil()
    case .flag(let flag): try container.encode(flag)
    case .integer(let integer): try container.encode(integer)
    case .number(let number): try container.encode(number)
    case .text(let text): try container.encode(text)
    case .list(let list): try container.encode(list)
    case .object(let object): try container.encode(object)
    }
  }
}

extension ConfigurationValue: CustomStringConvertible {
  var description: String {
    switch self {
    case .null: "null"
    case .flag(let flag): "\(flag)"
    case .integer(let integer): "\(integer)"
    case .number(let number): "\(number)"
    case .text(let text): text
    case .list: "a list"
    case .object: "an object"
    }
  }
}

/// A `config.json`: what a model is made of, key by key.
struct ModelConfiguration: Sendable {
  /// Where it stands.
  let path: String
  var values: [String: ConfigurationValue]

  init(path: String, values: [String: ConfigurationValue]) {
    (self.path, self.values) = (path, values)
  }

  /// Reads a file.
  init(contentsOf path: String) throws(PretrainedError) {
    self.path = path
    let bytes: [UInt8]
    do throws(FileError) {
      let file = try InputFile(path: path)
      guard file.count <= 1 << 24 else {
        throw FileError.unreadable(path: path, reason: "it is too large for a configuration")
      }
      bytes = try file.bytes(0..<file.count)
    } catch {
      if case .missing = error {
        throw .missing(
          path: path, advice: "a model's folder has a config.json and a model.safetensors")
      }
      throw .badConfiguration(path: path, problem: "it cannot be read: \(error.reason)")
    }
    guard let value = try? JSONDecoder().decode(ConfigurationValue.self, from: Data(bytes)),
      case .object(let values) = value
    else { throw .badConfiguration(path: path, problem: "it is not a JSON object") }
    self.values = values
  }

  /// The text of the file.
  func text() -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    // Numbers came from JSON or from sizes, and are finite.
    let data = (try? encoder.encode(ConfigurationValue.object(values))) ?? Data()
    return String(decoding: data, as: UTF8.self) + "\n"
  }

  func wrong(_ problem: String) -> PretrainedError {
    .badConfiguration(path: path, problem: problem)
  }

  private func value(_ key: String) -> ConfigurationValue? {
    let value = values[key]
    return value == .null ? nil : value
  }

  func integer(_ key: String) throws(PretrainedError) -> Int? {
    switch value(key) {
    case nil: return nil
    case .integer(let integer): return integer
    case .number(let number) where number == number.rounded() && abs(number) < 1e15:
      return Int(number)
    case .some(let other): throw wrong("“\(key)” is \(other), not a whole number")
    }
  }

  /// A size of the model: from 1 to a billion, so that no product of three overflows.
  func size(_ key: String, or standard: Int? = nil) throws(PretrainedError) -> Int {
    guard let size = try integer(key) ?? standard else { throw wrong("it has no “\(key)”") }
    guard (1...1 << 20).contains(size) else { throw wrong("“\(key)” is \(size), not a size") }
    return size
  }

  func number(_ key: String) throws(PretrainedError) -> Double? {
    switch value(key) {
    case nil: return nil
    case .integer(let integer): return Double(integer)
    case .number(let number): return number
    case .some(let other): throw wrong("“\(key)” is \(other), not a number")
    }
  }

  func number(_ key: String, or standard: Double) throws(PretrainedError) -> Double {
    try number(key) ?? standard
  }

  func flag(_ key: String, or standard: Bool) throws(PretrainedError) -> Bool {
    switch value(key) {
    case nil: return standard
    case .flag(let flag): return flag
    case .some(let other): throw wrong("“\(key)” is \(other), not true or false")
    }
  }

  func text(_ key: String) throws(PretrainedError) -> String? {
    switch value(key) {
    case nil: return nil
    case .text(let text): return text
    case .some(let other): throw wrong("“\(key)” is \(other), not a text")
    }
  }

  func texts(_ key: String) throws(PretrainedError) -> [String]? {
    guard let value = value(key) else { return nil }
    guard case .list(let list) = value else { throw wrong("“\(key)” is \(value), not a list") }
    var texts: [String] = []
    for item in list {
      guard case .text(let text) = item else { throw wrong("“\(key)” has an item \(item)") }
      texts.append(text)
    }
    return texts
  }

  /// The keys of an object in it.
  func section(_ key: String) throws(PretrainedError) -> ModelConfiguration? {
    switch value(key) {
    case nil: return nil
    case .object(let values): return ModelConfiguration(path: path, values: values)
    case .some(let other): throw wrong("“\(key)” is \(other), not an object")
    }
  }

  /// Refuses an option that has another value than the one that is supported.
  func require(
    _ key: String, _ supported: ConfigurationValue
  ) throws(PretrainedError) {
    guard let found = value(key), found != supported else { return }
    throw .unsupported(
      path: path, key: key, value: "\(found)", supported: "the value has to be \(supported)")
  }
}
