/// What encoding takes besides the tokenizer, kept between calls so that it is allocated once.
struct EncodingState: Sendable {
  /// The tokens so far.
  var ids: [Int32] = []
  var patterns = Pattern.Workspace()
  var words = WordCache()
  var merger = SymbolMerger()
  var paths = UnigramPaths()
}
