import Descent

/// The key of a tool that a misspelt or foreign one was probably meant to be; nil where none is near.
///
/// One that differs in a letter or a few comes first, then one that has all words of the other
/// (`per_device_batch_size` is `per_device_train_batch_size`).
func nearestKey(to key: String, of tool: any ForeignTool.Type) -> String? {
  guard key.utf8.count <= 100 else { return nil }
  let common = ["lr": "learning_rate", "batch_size": "train_batch_size"]
  func words(_ key: String) -> Set<Substring> { Set(key.lowercased().split(separator: "_")) }
  let own = words(common[key] ?? key)
  let near = nearestName(to: key, among: tool.suggested.sorted())
  // Of a few letters, a slip of the hand changes one or two.
  if let near, isSlip(key, near) { return near }
  // Keys by which the tool is recognised are those that people write.
  let longer = tool.marks.filter { own.isSubset(of: words($0)) }
  let least = longer.map { words($0).count }.min()
  let best = longer.filter { words($0).count == least }
  return own.count > 1 || best.count == 1 ? best.first : nil
}

/// Whether one key becomes the other by changing few of its letters.
private func isSlip(_ typed: String, _ key: String) -> Bool {
  let (a, b) = (Array(typed.lowercased().utf8), Array(key.lowercased().utf8))
  let allowed = max(1, min(3, a.count / 6))
  guard abs(a.count - b.count) <= allowed else { return false }
  return editDistance(a, b) <= allowed
}
