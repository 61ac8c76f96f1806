import DescentTokenizers
import Foundation

extension FuzzTarget {
  /// Hugging Face's `tokenizer.json`, and behind a zero byte a text for it; what it makes of the text
  /// must be tokens that it knows, and a stream of them must be its decoding.
  static let subwordTokenizer = FuzzTarget(name: "subwordTokenizer", maximumLength: 4096) {
    let bytes = #"{"type":"ByteLevel","add_prefix_space":true,"trim_offsets":true}"#
    let model =
      #"{"type":"BPE","vocab":{"a":0,"b":1,"ab":2,"Ġ":3,"<0x0A>":4,"▁":5,"▁a":6,"<unk>":7},"#
      + #""merges":["a b",["▁","a"]],"unk_token":"<unk>","byte_fallback":true,"fuse_unk":true}"#
    let split =
      #"{"type":"Split","pattern":{"Regex":"\\s+(?!\\S)|\\p{L}{1,3}|(?i:'s)"},"#
      + #""behavior":"MergedWithNext","invert":false}"#
    let token =
      #"{"id":8,"content":"<s>","single_word":true,"lstrip":true,"rstrip":true,"normalized":true,"#
      + #""special":true}"#
    let template =
      #"{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"<s>"}},"#
      + #"{"Sequence":{"id":"A"}}],"special_tokens":{"<s>":{"ids":[8]}}}"#
    let files = [
      #"{"pre_tokenizer":\#(bytes),"decoder":\#(bytes),"model":\#(model)}"#,
      #"{"added_tokens":[\#(token)],"normalizer":{"type":"NFKC"},"pre_tokenizer":\#(split),"#
        + #""post_processor":\#(template),"model":\#(model)}"#,
      #"{"normalizer":{"type":"Sequence","normalizers":[{"type":"Prepend","prepend":"▁"},"#
        + #"{"type":"Replace","pattern":{"String":" "},"content":"▁"}]},"#
        + #""decoder":{"type":"Sequence","#
        + #""decoders":[{"type":"Replace","pattern":{"String":"▁"},"content":" "},"#
        + #"{"type":"ByteFallback"},{"type":"Fuse"},{"type":"Strip","content":" ","start":1}]},"#
        + #""model":\#(model)}"#,
      #"{"normalizer":{"type":"BertNormalizer"},"pre_tokenizer":{"type":"BertPreTokenizer"},"#
        + #""decoder":{"type":"WordPiece","cleanup":true},"truncation":{"max_length":3},"#
        + #""padding":{"strategy":{"Fixed":5}},"model":{"type":"WordPiece","unk_token":"u","#
        + ###""vocab":{"u":0,"a":1,"##b":2}}}"###,
      #"{"pre_tokenizer":{"type":"Metaspace","replacement":"▁","prepend_scheme":"first"},"#
        + #""decoder":{"type":"Metaspace","replacement":"▁"},"model":{"type":"Unigram","unk_id":0,"#
        + #""vocab":[["u",0],["▁a",-1.5],["b",-2]]}}"#,
    ]
    return files.map { Array("\($0)\u{0} ab\n<s> 'S é\u{301} 中ab".utf8) }
  } read: { input in
    let file = input.prefix { $0 != 0 }
    let text = String(decoding: input.dropFirst(file.count + 1), as: UTF8.self)
    let tokenizer = try SubwordTokenizer(json: Array(file), path: "tokenizer.json")
    precondition(SubwordTokenizer.describes(Array(file)))
    let tokens = try tokenizer.tokens(of: Array(text.utf8))
    _ = try tokenizer.encode(text)
    let decoded = try tokenizer.decode(tokens)
    precondition(tokens.allSatisfy { tokenizer.token($0) != nil })
    precondition(try! tokenizer.tokens(of: Array(text.utf8)) == tokens)
    var stream = SubwordStream(tokenizer)
    for token in tokens { _ = try stream.append(token) }
    _ = decoded
  }
}
