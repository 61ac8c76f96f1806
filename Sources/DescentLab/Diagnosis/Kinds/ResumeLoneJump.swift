import Descent
import Foundation

/// Jumps that nothing but the loss shows.
extension ResumeJump {
  /// A single jump without a word of why: far above the noise, at once, and slow to come back.
  func loneJump(_ loss: LossCourse, _ run: RunSignals) -> Jump? {
    for scale in Scale.all(loss) {
      if let jump = loneJump(loss, run, scale) { return jump }
    }
    return nil
  }

  /// Whether the loss only climbs since the rate was raised there: what was lost shows at once.
  func isClimb(_ jump: Jump, _ loss: LossCourse, _ run: RunSignals) -> Bool {
    guard let raise = run.rate?.raise, abs(raise.step - jump.step) < 0.05 * run.span else {
      return false
    }
    let values = loss.signal.values
    let place = loss.signal.index(at: raise.step)
    let after = place..<min(values.count, place + max(12, values.count / 10))
    let top = after.max { values[$0] < values[$1] } ?? place
    return top > place + 1
  }

  private func loneJump(_ loss: LossCourse, _ run: RunSignals, _ scale: Scale) -> Jump? {
    let values = loss.signal.values.map(scale.of)
    let window = max(3, min(10, values.count / 40))
    guard values.count > 8 * window else { return nil }
    let level = max(noise * 1.3 * scale.noise, 2 * height * scale.fall)
    var found: [(jump: Jump, height: Double)] = []
    var i = max(2 * window, values.count / 12)
    while i < values.count - 2 * window {
      let before = Robust.median(values[(i - 2 * window)..<i])
      // At once: within two rows.
      guard values[i - 1] - before < 0.35 * level, max(values[i], values[i + 1]) - before > level
      else {
        i += 1
        continue
      }
      let after = Robust.median(values[i..<(i + window)])
      let later = Robust.median(values[(i + window)..<(i + 2 * window)])
      if after - before > 0.7 * level, later - before > 0.25 * (after - before) {
        let raw = loss.signal.values
        let jump = made(
          loss, i, Robust.median(raw[(i - 2 * window)..<i]), Robust.median(raw[i..<(i + window)]))
        if jump.height > max(0.02 * loss.scale, 4 * loss.noise) {
          found.append((jump, after - before))
        }
        i += 3 * window
        continue
      }
      i += 1
    }
    guard let highest = found.max(by: { $0.height < $1.height }),
      found.count(where: { $0.height > 0.5 * highest.height }) == 1
    else { return nil }
    let jump = highest.jump
    // What happens more than once is no resume.
    let raw = loss.signal.values
    let place = loss.signal.index(at: jump.step)
    let until = jump.back.map { loss.signal.index(at: $0) } ?? values.count
    let top =
      (raw[place..<min(raw.count, place + window)].max() ?? 0)
      - Robust.median(raw[max(0, place - 2 * window)..<place])
    let others = (max(2 * window, values.count / 20)..<values.count).filter { i in
      (i < place - 1 || i > until + window)
        && raw[i] - Robust.median(raw[max(0, i - 2 * window)..<i]) > 0.5 * top
    }
    guard others.isEmpty else { return nil }
    // Something that announces itself in the gradients is a spike of the training's own making.
    if let norm = run.norm {
      let place = norm.index(at: jump.step)
      let near = norm.values[max(0, place - 5)..<max(0, place - 1)].max() ?? 0
      let usual = Robust.quantile(norm.values[max(0, place - 60)..<max(1, place - 5)], 0.9)
      if near > 3 * usual { return nil }
    }
    guard let back = jump.back else {
      // What keeps rising is something else.
      return loss.end < jump.after - 0.3 * jump.height ? jump : nil
    }
    return back - jump.step > 0.03 * loss.signal.span ? jump : nil
  }

  /// A single step up of the level that hides in the noise of single rows, but not in that of means.
  func lowJump(_ loss: LossCourse) -> Jump? {
    let values = loss.signal.values
    let window = max(20, values.count / 40)
    let error = 1.25 * loss.noise * (2 / Double(window)).squareRoot()
    let least = max(noise * error, 1.6 * height * loss.scale)
    guard values.count > 10 * window, error > 0, loss.noise < 0.07 * loss.scale else { return nil }
    var (rises, best): ([(place: Int, rise: Double)], (place: Int, rise: Double)?) = ([], nil)
    for i in stride(from: max(2 * window, values.count / 7), to: values.count - window, by: 2) {
      let before = Robust.median(values[(i - window)..<i])
      let rise = Robust.median(values[i..<(i + window)]) - before
      if rise > 0.5 * least { rises.append((i, rise)) }
      if rise > best?.rise ?? least { best = (i, rise) }
    }
    guard let best,
      !rises.contains(where: {
        abs($0.place - best.place) > window && $0.rise > 0.5 * best.rise
      })
    else { return nil }
    // At once: the place where the rows beside it differ most.
    func mean(_ places: Range<Int>) -> Double {
      values[places].reduce(0, +) / Double(max(places.count, 1))
    }
    let places = (best.place - window / 2)...(best.place + window / 2)
    guard
      let place = places.max(by: {
        mean($0..<($0 + 6)) - mean(($0 - 6)..<$0) < mean($1..<($1 + 6)) - mean(($1 - 6)..<$1)
      })
    else { return nil }
    let before = Robust.median(values[(place - window)..<place])
    let after = Robust.median(values[place..<min(values.count, place + window)])
    // A row that stands out by itself is a spike.
    guard
      (values[place..<(place + window)].max() ?? 0) - before < best.rise + 12 * loss.noise,
      mean(place..<(place + 6)) - before > 0.6 * best.rise,
      mean((place - 6)..<place) - before < 0.35 * best.rise,
      loss.end < after
    else { return nil }
    return made(loss, place, before, after)
  }
}
