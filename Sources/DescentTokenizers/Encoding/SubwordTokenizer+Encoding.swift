extension SubwordTokenizer {
  /// Adds the ids of a text: added tokens are found, what lies between is normalized, cut into words,
  /// and given to the model.
  func encode(_ text: [UInt8], _ state: inout EncodingState) throws(Defect) {
    if String(validating: text, as: UTF8.self) == nil { throw Defect("it is not UTF-8") }
    state.patterns.begin(text.count)
    let span = text.span
    try parts.plainTokens.forEach(in: span) { (range, id) throws(Defect) in
      if let id { return state.ids.append(id) }
      try encodePiece(span.extracting(range), isFirst: range.lowerBound == 0, &state)
    }
  }

  /// A piece of the text without such tokens, which still has to be normalized.
  private func encodePiece(
    _ piece: Span<UInt8>, isFirst: Bool, _ state: inout EncodingState
  ) throws(Defect) {
    if parts.normalizers.isEmpty { return try encodeNormalized(piece, isFirst, &state) }
    var text: [UInt8] = []
    text.append(piece)
    try Normalizer.apply(parts.normalizers, to: &text, &state.patterns)
    try encodeNormalized(text.span, isFirst, &state)
  }

  private func encodeNormalized(
    _ text: Span<UInt8>, _ isFirst: Bool, _ state: inout EncodingState
  ) throws(Defect) {
    try parts.normalizedTokens.forEach(in: text) { (range, id) throws(Defect) in
      if let id { return state.ids.append(id) }
      try cut(
        text.extracting(range), from: 0, isFirst: isFirst && range.lowerBound == 0, &state)
    }
  }

  /// Takes a piece through the pre-tokenizers from number `step` on, and to the model.
  private func cut(
    _ text: Span<UInt8>, from step: Int, isFirst: Bool, _ state: inout EncodingState
  ) throws(Defect) {
    if text.isEmpty { return }
    guard step < parts.preTokenizers.count else { return try model.encode(text, &state) }
    switch parts.preTokenizers[step] {
    case .split(let divider, let behavior):
      if step + 1 == parts.preTokenizers.count {
        try behavior.forEach(of: divider, in: text, &state) { (range, state) throws(Defect) in
          try model.encode(text.extracting(range), &state)
        }
        return
      }
      try behavior.forEach(of: divider, in: text, &state) { (range, state) throws(Defect) in
        try cut(
          text.extracting(range), from: step + 1, isFirst: isFirst && range.lowerBound == 0,
          &state)
      }
    case .prefixSpace:
      if text[0] == 0x20 { return try cut(text, from: step + 1, isFirst: isFirst, &state) }
      var changed: [UInt8] = [0x20]
      changed.append(text)
      try cut(changed.span, from: step + 1, isFirst: isFirst, &state)
    case .bytes:
      var bytes: [UInt8] = []
      bytes.append(text)
      bytes = ByteAlphabet.written(bytes)
      try cut(bytes.span, from: step + 1, isFirst: isFirst, &state)
    case .metaspace(let replacement, let scheme):
      var changed: [UInt8] = []
      changed.reserveCapacity(text.count + text.count / 2 + replacement.count)
      let hasMark =
        text[0] == 0x20
        || (text.count >= replacement.count
          && replacement.indices.allSatisfy { text[$0] == replacement[$0] })
      if !hasMark, scheme == .always || (scheme == .first && isFirst) { changed += replacement }
      for index in text.indices {
        if text[index] == 0x20 { changed += replacement } else { changed.append(text[index]) }
      }
      try cut(changed.span, from: step + 1, isFirst: isFirst, &state)
    case .fixedLength(let length):
      var (start, index, count) = (0, 0, 0)
      while index < text.count {
        index += scalarLength(text[index])
        count += 1
        if count == length || index == text.count {
          try cut(
            text.extracting(start..<index), from: step + 1, isFirst: isFirst && start == 0, &state)
          (start, count) = (index, 0)
        }
      }
    }
  }
}
