internal import CDescentKernels

/// Where the numbers of patches lie in an image: number p of the patch at place i is at
/// `places[i] + steps[p]`.
package struct PatchTable: Sendable {
  package let places: [Int32]
  package let steps: [Int32]
  /// The elements up to the last that is read.
  let reach: Int

  /// - Precondition: no index is negative.
  package init(places: [Int32], steps: [Int32]) {
    precondition((places + steps).allSatisfy { $0 >= 0 })
    (self.places, self.steps) = (places, steps)
    reach = Int(places.max() ?? 0) + Int(steps.max() ?? 0) + 1
  }

  /// The same with the numbers of patches as places.
  package var transposed: PatchTable { PatchTable(places: steps, steps: places) }
}

/// The patches of some images, one a row, read where they lie.
package struct Patches {
  let images: View<Float>
  let count: Int
  let stride: Int
  let table: PatchTable

  /// Those of `count` images, of which each begins `stride` elements after the one before.
  package init(_ images: View<Float>, count: Int, stride: Int, _ table: PatchTable) {
    precondition(count > 0 && (count - 1) * stride + table.reach <= images.count)
    (self.images, self.count, self.stride, self.table) = (images, count, stride, table)
  }
}

extension MatrixProduct {
  /// C ← A·B + β·C for each of some images, by the calling thread; A has the patches as rows. C is not
  /// read when β = 0.
  ///
  /// - Parameters:
  ///   - c: the results, of which each begins `stride` elements after the one before.
  ///   - transposed: whether a result is written column by column.
  package static func multiplySerial(
    _ a: Patches, _ b: MatrixView<Float>, beta: Float = 0, into c: MutableView<Float>,
    stride: Int = 0, transposed: Bool = false
  ) {
    let (m, n, k) = (a.table.places.count, b.columns, a.table.steps.count)
    precondition(b.rows == k && k > 0 && (a.count - 1) * stride + m * n <= c.count)
    let table = unsafe descent_kernels_current()
    unsafe a.table.places.withUnsafeBufferPointer { places in
      unsafe a.table.steps.withUnsafeBufferPointer { steps in
        guard let places = places.baseAddress, let steps = steps.baseAddress else { return }
        unsafe table.pointee.patch_product(
          a.count, m, n, k, a.images.base, a.stride, places, steps, b.isTransposed,
          b.elements.base, b.stride, beta, c.base, stride, transposed ? 1 : n, transposed ? m : 1)
      }
    }
  }
}
