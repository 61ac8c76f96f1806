/// A part of a model: it names what it holds, in the order in which PyTorch would.
public protocol Module: AnyObject {
  /// The parameters, buffers and modules that this one holds.
  var members: [Member] { get }
}

/// Something that a module holds, under the name that saved weights give it.
public enum Member {
  /// Weights.
  case parameter(String, Parameter)
  /// Numbers that are saved but not trained.
  case buffer(String, Buffer)
  /// A part with members of its own.
  case module(String, any Module)

  /// Weights that a module may do without.
  public static func optional(_ name: String, _ parameter: Parameter?) -> [Member] {
    parameter.map { [.parameter(name, $0)] } ?? []
  }
}

extension Module {
  /// All parameters with their dotted paths; one that several modules share is named once.
  public var namedParameters: [(name: String, parameter: Parameter)] {
    var found: [(name: String, parameter: Parameter)] = []
    var seen: Set<ObjectIdentifier> = []
    visit { path, member in
      if case .parameter(_, let parameter) = member,
        seen.insert(ObjectIdentifier(parameter)).inserted
      {
        found.append((path, parameter))
      }
    }
    return found
  }

  /// All parameters.
  public var parameters: [Parameter] { namedParameters.map(\.parameter) }

  /// All buffers with their dotted paths.
  public var namedBuffers: [(name: String, buffer: Buffer)] {
    var found: [(name: String, buffer: Buffer)] = []
    visit { path, member in
      if case .buffer(_, let buffer) = member { found.append((path, buffer)) }
    }
    return found
  }

  /// All modules inside this one with their dotted paths; one in several places is named once.
  public var namedModules: [(name: String, module: any Module)] {
    var found: [(name: String, module: any Module)] = []
    var seen: Set<ObjectIdentifier> = []
    visit { path, member in
      if case .module(_, let module) = member, seen.insert(ObjectIdentifier(module)).inserted {
        found.append((path, module))
      }
    }
    return found
  }

  /// The number of weights.
  public var parameterCount: Int { parameters.reduce(0) { $0 + $1.value.count } }

  /// Gives parameters and buffers their paths as names; models call it when they are complete.
  public func assignNames() {
    for (name, parameter) in namedParameters { parameter.name = name }
    for (name, buffer) in namedBuffers { buffer.name = name }
  }

  /// Freezes parameters by their dotted paths, all unless told otherwise; those that do not match stay
  /// as they are. See ``Parameter/isTrainable``.
  public func freeze(_ matches: (_ name: String) -> Bool = { _ in true }) {
    for (name, parameter) in namedParameters where matches(name) { parameter.isTrainable = false }
  }

  /// Forgets all gradients.
  public func clearGradients() {
    for parameter in parameters { parameter.clearGradient() }
  }

  private func visit(_ path: String = "", _ body: (String, Member) -> Void) {
    for member in members {
      switch member {
      case .parameter(let name, _), .buffer(let name, _): body(path + name, member)
      case .module(let name, let module):
        body(path + name, member)
        module.visit(path + name + ".", body)
      }
    }
  }
}

extension Module {
  /// All buffers.
  package var buffers: [Buffer] { namedBuffers.map(\.buffer) }

  /// Runs `body` and puts the buffers back.
  package func keepingBuffers<Result>(_ body: () throws -> Result) rethrows -> Result {
    let buffers = buffers
    let values = buffers.values
    defer { buffers.restore(values) }
    return try body()
  }
}

extension [Buffer] {
  /// Their numbers; training makes new ones, so these are not copied.
  package var values: [Tensor] { map(\.value) }

  /// Puts numbers back.
  package func restore(_ values: [Tensor]) {
    for (buffer, value) in zip(self, values) { buffer.value = value }
  }
}
