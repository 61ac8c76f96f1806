/// The candidate nearest to `name` by ``editDistance(_:_:)``, when it is near enough to be a
/// misspelling. Of several as near, one that begins with the same letter, then the first.
public func nearestName(to name: String, among candidates: [String]) -> String? {
  // Nothing that long is a misspelling of a name.
  guard name.utf8.count <= 100 else { return nil }
  let typed = Array(name.lowercased())
  let ranked = candidates.map { candidate -> (name: String, distance: Int, isOther: Int) in
    let letters = Array(candidate.lowercased())
    return (candidate, editDistance(typed, letters), letters.first == typed.first ? 0 : 1)
  }
  let best = ranked.min { ($0.distance, $0.isOther) < ($1.distance, $1.isOther) }
  // By two changes a name of three letters becomes almost any other.
  let most = typed.count < 4 ? 1 : max(2, typed.count / 3)
  guard let best, best.distance <= most, best.distance < typed.count else { return nil }
  return best.name
}

/// How many letters must be changed, added, left out or exchanged with the next one to make one
/// text another: Damerau's distance, where no letter is touched twice.
package func editDistance<Letter: Equatable>(_ typed: [Letter], _ wanted: [Letter]) -> Int {
  var (before, row) = ([Int](), Array(0...wanted.count))
  for i in typed.indices {
    var next = [i + 1]
    for j in wanted.indices {
      var least = min(row[j] + (typed[i] == wanted[j] ? 0 : 1), next[j] + 1, row[j + 1] + 1)
      if i > 0, j > 0, typed[i] == wanted[j - 1], typed[i - 1] == wanted[j] {
        least = min(least, before[j - 1] + 1)
      }
      next.append(least)
    }
    (before, row) = (row, next)
  }
  return row[wanted.count]
}
