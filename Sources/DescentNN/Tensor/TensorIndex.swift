/// What stands for one dimension in the brackets of a tensor: a whole number, or a range of them.
///
/// Negative numbers count from the end, so -1 is the last; `0...` is all of a dimension. A number takes
/// the dimension away, a range keeps it.
public protocol TensorIndex {
  /// The places that it means in a dimension of `size`, which need not all be there.
  func places(in size: Int) -> TensorPlaces
}

/// Places along a dimension that follow one another.
public struct TensorPlaces {
  /// The first place.
  public let start: Int
  /// The place after the last.
  public let end: Int
  /// Whether the dimension stays.
  public let keepsDimension: Bool

  /// The places of a range.
  public init(_ start: Int, _ end: Int, keepsDimension: Bool = true) {
    (self.start, self.end, self.keepsDimension) = (start, end, keepsDimension)
  }
}

extension Int: TensorIndex {
  public func places(in size: Int) -> TensorPlaces {
    let place = counted(in: size)
    return TensorPlaces(place, place + 1, keepsDimension: false)
  }

  /// A place, from the end where it is negative.
  fileprivate func counted(in size: Int) -> Int { self < 0 ? self + size : self }
}

extension Range<Int>: TensorIndex {
  public func places(in size: Int) -> TensorPlaces {
    TensorPlaces(lowerBound.counted(in: size), upperBound.counted(in: size))
  }
}

extension ClosedRange<Int>: TensorIndex {
  public func places(in size: Int) -> TensorPlaces {
    TensorPlaces(lowerBound.counted(in: size), upperBound.counted(in: size) + 1)
  }
}

extension PartialRangeFrom<Int>: TensorIndex {
  public func places(in size: Int) -> TensorPlaces {
    TensorPlaces(lowerBound.counted(in: size), size)
  }
}

extension PartialRangeUpTo<Int>: TensorIndex {
  public func places(in size: Int) -> TensorPlaces { TensorPlaces(0, upperBound.counted(in: size)) }
}

extension PartialRangeThrough<Int>: TensorIndex {
  public func places(in size: Int) -> TensorPlaces {
    TensorPlaces(0, upperBound.counted(in: size) + 1)
  }
}
