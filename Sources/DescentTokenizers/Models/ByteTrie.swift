/// Byte strings as a tree of their bytes.
struct ByteTrie: Sendable {
  /// Nodes by their parent and byte, in a table that is looked through from the place of the hash.
  private var keys: [UInt64] = [UInt64](repeating: .max, count: 64)
  private var children = [Int32](repeating: 0, count: 64)
  /// The value of each node; -1 for none. The root is node 0.
  private var values: [Int32] = [-1]
  /// The children of the root; -1 for none.
  private var first = [Int32](repeating: -1, count: 256)

  init() {}

  var isEmpty: Bool { values.count == 1 }

  /// Adds a string that is not empty, with its value.
  mutating func insert(_ text: Span<UInt8>, value: Int32) {
    var node: Int32 = 0
    for index in text.indices {
      if let child = child(of: node, text[index]) {
        node = child
        continue
      }
      let child = Int32(values.count)
      values.append(-1)
      if node == 0 { first[Int(text[index])] = child } else { put(node, text[index], child) }
      node = child
    }
    values[Int(node)] = value
  }

  @inline(__always)
  private static func key(_ node: Int32, _ byte: UInt8) -> UInt64 {
    UInt64(UInt32(bitPattern: node)) << 8 | UInt64(byte)
  }

  @inline(__always)
  private func place(_ key: UInt64) -> Int {
    let hash = key &* 0x9E37_79B9_7F4A_7C15
    var place = Int(truncatingIfNeeded: hash >> 32) & (keys.count &- 1)
    while keys[place] != key, keys[place] != .max { place = (place &+ 1) & (keys.count &- 1) }
    return place
  }

  private mutating func put(_ node: Int32, _ byte: UInt8, _ child: Int32) {
    if values.count * 2 > keys.count {
      let (oldKeys, oldChildren) = (keys, children)
      keys = [UInt64](repeating: .max, count: oldKeys.count * 2)
      children = [Int32](repeating: 0, count: keys.count)
      for (key, child) in zip(oldKeys, oldChildren) where key != .max {
        let place = place(key)
        (keys[place], children[place]) = (key, child)
      }
    }
    let key = Self.key(node, byte)
    let place = place(key)
    (keys[place], children[place]) = (key, child)
  }

  @inline(__always)
  func child(of node: Int32, _ byte: UInt8) -> Int32? {
    if node == 0 {
      let child = first[Int(byte)]
      return child < 0 ? nil : child
    }
    let place = place(Self.key(node, byte))
    return keys[place] == .max ? nil : children[place]
  }

  @inline(__always)
  func value(of node: Int32) -> Int32 { values[Int(node)] }

  /// Whether a string begins with `byte`.
  @inline(__always)
  func begins(with byte: UInt8) -> Bool { first[Int(byte)] >= 0 }

  /// The longest string that `text` has at `start`: its value, and its length.
  func longest(in text: Span<UInt8>, at start: Int) -> (value: Int32, count: Int)? {
    var (node, index): (Int32, Int) = (0, start)
    var found: (value: Int32, count: Int)?
    while index < text.count, let child = child(of: node, text[index]) {
      node = child
      index += 1
      if value(of: node) >= 0 { found = (value(of: node), index - start) }
    }
    return found
  }
}
