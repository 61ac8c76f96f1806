import DescentCompute
import Foundation
import Testing

@Suite("Memory of threads") struct ScratchTests {
  @Test("nested uses lie apart, whether they fit or not") func nested() {
    // Twice: at first none fits, then all do.
    for size in [10, 300_000, 300_000, 5] {
      withScratch(of: Int.self, size) { outer in
        outer.fill(1)
        withScratch(of: Int.self, 2 * size) { inner in
          inner.fill(2)
          withScratch(of: UInt8.self, 3) { $0.fill(3) }
          #expect(inner.reading.indices.allSatisfy { inner[$0] == 2 })
        }
        #expect(outer.reading.indices.allSatisfy { outer[$0] == 1 })
      }
    }
  }

  @Test("a thread keeps as much as it had in use together") func kept() async {
    let most = await withCheckedContinuation { done in
      Thread.detachNewThread {
        withScratch(of: UInt8.self, 1 << 20) { _ in withScratch(of: UInt8.self, 1 << 21) { _ in } }
        withScratch(of: UInt8.self, 1 << 21) { _ in }
        done.resume(returning: Scratch.most)
      }
    }
    #expect(most == 3 << 20)
  }

  @Test("memory that is refused ends the process with a sentence") func refused() async throws {
    let ended = await #expect(
      processExitsWith: .exitCode(70), observing: [\.standardErrorContent]
    ) { withScratch(of: UInt8.self, 1 << 60) { _ in } }
    let text = String(decoding: try #require(ended).standardErrorContent, as: UTF8.self)
    #expect(text.contains("out of memory"))
  }
}
