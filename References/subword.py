"""Vectors for Tests/DescentTokenizersTests: small tokenizers in the forms that the families of models
publish, trained by tokenizers 0.23.3, and what it makes of thousands of strings.

    python subword.py                              writes the vectors
    python subword.py check DESCENT TEXT [COUNT]   trains larger ones on TEXT, compares COUNT strings with
                                                   what the command DESCENT makes of them, and their speed
"""
import json, os, subprocess, sys, tempfile, time
from tokenizers import (AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers,
                        processors, trainers)

HERE = os.path.dirname(os.path.abspath(__file__))
OUT = os.path.join(HERE, '../Tests/DescentTokenizersTests/Vectors')
TEXT = os.path.join(HERE, '../Sources/DescentTraining/Resources/text/stories.txt')

LLAMA3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
          r"|\s*[\r\n]+|\s+(?!\S)|\s+")
QWEN2 = LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}")
O200K = "|".join([
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
    r"\p{N}{1,3}", r" ?[^\s\p{L}\p{N}]+[\r\n/]*", r"\s*[\r\n]+", r"\s+(?!\S)", r"\s+"])
DEEPSEEK = [
    r"\p{N}{1,3}", "[一-龥぀-ゟ゠-ヿ]+",
    r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+"
    r"| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"]
CLIP = r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"


def split(pattern, behavior="isolated", invert=False):
    return pre_tokenizers.Split(Regex(pattern), behavior, invert)


def byte_level(prefix=False, regex=True):
    return pre_tokenizers.ByteLevel(add_prefix_space=prefix, use_regex=regex)


def special(*names, **options):
    return [AddedToken(name, special=True, normalized=False, **options) for name in names]


def template(tokenizer, single, *names):
    return processors.TemplateProcessing(
        single=single, special_tokens=[(name, tokenizer.token_to_id(name)) for name in names])


def bytes_bpe(texts, size, pre, first, normalizer=None, min_frequency=0, **options):
    tokenizer = Tokenizer(models.BPE(**options))
    tokenizer.pre_tokenizer = pre
    if normalizer: tokenizer.normalizer = normalizer
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size, special_tokens=first, show_progress=False, min_frequency=min_frequency,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), **({"end_of_word_suffix": "</w>"}
        if options.get("end_of_word_suffix") else {}))
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def gpt2(texts, size):
    tokenizer = bytes_bpe(texts, size, byte_level(), special("<|endoftext|>"))
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    return tokenizer


def roberta(texts, size):
    names = special("<s>", "<pad>", "</s>", "<unk>") + special("<mask>", lstrip=True)
    tokenizer = bytes_bpe(texts, size, byte_level(prefix=True), names)
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0))
    return tokenizer


def llama3(texts, size):
    pre = pre_tokenizers.Sequence([split(LLAMA3), byte_level(regex=False)])
    names = special("<|begin_of_text|>", "<|end_of_text|>", "<|eot_id|>")
    tokenizer = bytes_bpe(texts, size, pre, names, ignore_merges=True)
    tokenizer.post_processor = processors.Sequence([
        processors.ByteLevel(trim_offsets=False),
        template(tokenizer, "<|begin_of_text|> $A", "<|begin_of_text|>")])
    return tokenizer


def qwen2(texts, size):
    pre = pre_tokenizers.Sequence([split(QWEN2), byte_level(regex=False)])
    names = special("<|endoftext|>", "<|im_start|>", "<|im_end|>")
    tokenizer = bytes_bpe(texts, size, pre, names, normalizers.NFC())
    tokenizer.add_tokens([AddedToken("<tool_call>", normalized=False),
                          AddedToken("word", single_word=True, normalized=True),
                          AddedToken("naïve", normalized=True, rstrip=True)])
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    return tokenizer


def o200k(texts, size):
    pre = pre_tokenizers.Sequence([split(O200K), byte_level(regex=False)])
    return bytes_bpe(texts, size, pre, special("<|endoftext|>", "<|endofprompt|>"))


def smollm(texts, size):
    pre = pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), byte_level()])
    tokenizer = bytes_bpe(texts, size, pre, special("<|endoftext|>", "<|im_start|>", "<|im_end|>"))
    tokenizer.add_tokens([AddedToken(" " * count, normalized=False) for count in range(2, 9)])
    return tokenizer


def deepseek(texts, size):
    pre = pre_tokenizers.Sequence([split(p) for p in DEEPSEEK] + [byte_level(regex=False)])
    return bytes_bpe(texts, size, pre, special("<｜begin▁of▁sentence｜>"))


def clip(texts, size):
    pre = pre_tokenizers.Sequence([split(CLIP, "removed", True), byte_level()])
    normalizer = normalizers.Sequence([
        normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()])
    tokenizer = bytes_bpe(
        texts, size, pre, special("<|startoftext|>", "<|endoftext|>"), normalizer,
        end_of_word_suffix="</w>", unk_token="<|endoftext|>")
    tokenizer.post_processor = processors.RobertaProcessing(
        ("<|endoftext|>", 1), ("<|startoftext|>", 0), False, False)
    tokenizer.enable_truncation(77)
    return tokenizer


def pieces(texts, size, extra=()):
    """A vocabulary as SentencePiece makes it: bytes, then pieces with ▁ before words."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    names = ["<unk>", "<s>", "</s>"] + [f"<0x{byte:02X}>" for byte in range(256)] + list(extra)
    tokenizer.train_from_iterator(texts, trainers.BpeTrainer(
        vocab_size=size, special_tokens=names, show_progress=False, limit_alphabet=size // 4))
    file = json.loads(tokenizer.to_str())
    file["added_tokens"] = [token for token in file["added_tokens"] if token["id"] < 3]
    return file


def finish(file, normalizer, pre, decoder, single):
    tokenizer = Tokenizer.from_str(json.dumps(file))
    tokenizer.normalizer, tokenizer.decoder = normalizer, decoder
    file = json.loads(tokenizer.to_str())
    file["pre_tokenizer"] = json.loads(pre.__getstate__()) if pre else None
    tokenizer = Tokenizer.from_str(json.dumps(file))
    if single: tokenizer.post_processor = template(tokenizer, single, "<s>")
    return tokenizer


def llama2(texts, size):
    return finish(
        pieces(texts, size),
        normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]), None,
        decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(),
                           decoders.Strip(" ", 1, 0)]), "<s> $A")


def mistral(texts, size):
    return finish(
        pieces(texts, size), None,
        pre_tokenizers.Metaspace(prepend_scheme="first", split=False),
        decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(),
                           decoders.Strip(" ", 1, 0)]), "<s> $A")


def gemma(texts, size):
    return finish(
        pieces(texts, size, ["▁▁", "▁▁▁▁", "\n\n"]), normalizers.Replace(" ", "▁"),
        pre_tokenizers.Split(" ", "merged_with_previous"),
        decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]),
        "<s> $A")


def bert(texts, size):
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    names = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokenizer.train_from_iterator(texts, trainers.WordPieceTrainer(
        vocab_size=size, special_tokens=names, show_progress=False, limit_alphabet=size // 4))
    tokenizer.post_processor = template(tokenizer, "[CLS] $A [SEP]", "[CLS]", "[SEP]")
    return tokenizer


def field(message, wanted):
    """A field of bytes of a protocol buffer: the normalizer of a SentencePiece model, and its map."""
    place = 0

    def number():
        nonlocal place
        value = shift = 0
        while True:
            byte = message[place]
            place, value, shift = place + 1, value | (byte & 127) << shift, shift + 7
            if byte < 128: return value

    while place < len(message):
        tag = number()
        if tag & 7 == 0: number()
        elif tag & 7 == 2:
            length = number()
            if tag >> 3 == wanted: return message[place:place + length]
            place += length
        else: place += 8 if tag & 7 == 1 else 4
    return b""


def t5(texts, size, rules=None):
    import sentencepiece
    with tempfile.TemporaryDirectory() as folder:
        with open(f"{folder}/text", "w") as file:
            file.write("\n".join(line[:2000] for text in texts for line in text.split("\n"))[:400_000])
        arguments = {"normalization_rule_tsv": f"{folder}/rules"} if rules else {}
        if rules:
            with open(f"{folder}/rules", "w") as file: file.write(rules)
        sentencepiece.SentencePieceTrainer.train(
            input=f"{folder}/text", model_prefix=f"{folder}/m", vocab_size=400, minloglevel=2,
            character_coverage=0.98, hard_vocab_limit=False, **arguments)
        with open(f"{folder}/m.model", "rb") as file: proto = file.read()
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.Precompiled(field(field(proto, 3), 2))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    tokenizer.decoder = decoders.Metaspace(prepend_scheme="always")
    tokenizer.train_from_iterator(texts, trainers.UnigramTrainer(
        vocab_size=size, special_tokens=["<pad>", "</s>", "<unk>"], unk_token="<unk>",
        show_progress=False))
    tokenizer.post_processor = template(tokenizer, "$A </s>", "</s>")
    return tokenizer


FAMILIES = [gpt2, roberta, llama3, qwen2, o200k, smollm, deepseek, clip, llama2, mistral, gemma, bert, t5]

# MARK: Strings

FRAGMENTS = [
    "", " ", "  ", "   ", "\n", "\n\n", "\r\n", "\r", "\t", " \n", "\n ", "\u00a0", "\u3000", "\u2028",
    "\u200b", "\ufeff", "\v", "\f", "\x85", "\x00", "\x01", "\x1b", "\x7f", "\u0080",
    "the", " the", "The cat", " and", "Hello", ", world", "!", "?!", "...", " - ", "--", "'s", "'S", "'ll",
    "'Re", "'ſ", "don't", "I'VE", "can''t", "’s", "“quoted”", "(a)", "[b]", "{c}", "<d>", "a_b", "x+=1;",
    "once upon a time", " there was", "word", " word ", "words", "sword", "naïve", " naive", "nai\u0308ve",
    "0", "1", "42", " 123", "1234567", "3.14159", "1,000,000", "٣٤٥", "१२३", "½", "Ⅷ", "²", "①", "10\u0301",
    "def f(x):\n    return x ** 2\n", "for (int i = 0; i < n; ++i) {", "\t\tif (a&&b) ", "#include <io.h>",
    "https://example.com/a?b=c&d=%20", "user@example.com", "C:\\dir\\file", "/usr/bin/", "<html>\n</html>",
    "ＦＵＬＬ width １２", "ﬁ ﬂ ﬀ", "ǅ ǆ Ǆ", "İstanbul", "ıIiİ", "straße", "STRASSE ẞ", "ΑΣΣ ς σ", "ὈΔΥΣΣΕΎΣ",
    "é", "e\u0301", "é\u0327", "a\u0323\u0307", "a\u0307\u0323", "ộ", "o\u0302\u0323", "Å Å A\u030a", "Ω Ω",
    "各位", "中文字符", "漢字かな交じり文", "カタカナ", "ｶﾀｶﾅ", "が か\u3099", "한국어", "한\u1100\u1161\u11a8", "각", "ㄱㄴ",
    "Привет, мир", "ЁЛКА ё", "И\u0306й", "שָׁלוֹם", "سلام", "مرحبا بالعالم", "ﷺ", "नमस्ते", "क्षि", "สวัสดี", "ลำ ลํา",
    "தமிழ்", "ქართული", "ᲥᲐ", "Հայ", "አማርኛ", "ខ្មែរ", "བོད་", "မြန်မာ", "ᏣᎳᎩ", "ꮳ", "𐐀𐐨", "𝒳𝔸", "𠀀𠀁", "豈", "﨎",
    "😀", "👍🏽", "👩‍👩‍👧‍👦", "🏳️‍🌈", "🇩🇪🇫🇷", "1️⃣", "☺️", "❤", "👨🏿‍🚀", "🫠", "\U0001F9FF\u200d",
    "†‡", "€£¥", "©®™", "→⇒", "∀x∈ℝ", "≠", "…", "–—", "¿¡", "«»", "。、", "！？", "「」", "・", "٪؟", "।",
    "\ufffd", "\ue000", "\U000f0000", "\uffff", "\U0001fffe", "\u0378",
    "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|begin_of_text|>", "<|eot_id|>", "<s>", "</s>", "<unk>",
    "<mask>", " <mask> ", "[MASK]", "[CLS]", "<pad>", "<tool_call>", "<0x0A>", "<0x", "▁", "▁▁", "▁the", "Ġthe", "Ċ",
    "</w>", "##ing", "<|startoftext|>", "<|end", "<｜begin▁of▁sentence｜>",
]
RANGES = [
    (0x20, 0x7e), (0x20, 0x7e), (0, 0x1f), (0x80, 0xff), (0x100, 0x24f), (0x300, 0x36f), (0x370, 0x3ff), (0x400, 0x52f),
    (0x590, 0x5ff), (0x600, 0x6ff), (0x900, 0x97f), (0xe00, 0xe7f), (0x1100, 0x11ff), (0x1e00, 0x1fff),
    (0x2000, 0x206f), (0x2070, 0x218f), (0x2190, 0x23ff), (0x2460, 0x27bf), (0x3000, 0x30ff), (0x3100, 0x33ff),
    (0x4e00, 0x9fff), (0xac00, 0xd7a3), (0xf900, 0xfaff), (0xfb00, 0xfdff), (0xfe00, 0xffef),
    (0x1d400, 0x1d7ff), (0x1f300, 0x1f6ff), (0x20000, 0x2a6df), (0xe0000, 0xe007f), (0, 0xd7ff), (0x10000, 0x10ffff)]
MASK = (1 << 64) - 1


def string(number, fragments=FRAGMENTS):
    """The same for the same number, as in Strings.swift of the tests."""
    state = (number * 0x9E3779B97F4A7C15 + 1) & MASK

    def draw(below):
        nonlocal state
        state = (state * 6364136223846793005 + 1442695040888963407) & MASK
        return (state >> 33) % below

    parts = []
    for _ in range(draw(20)):
        kind = draw(16)
        if kind < 10: parts.append(fragments[draw(len(fragments))])
        elif kind < 12: parts.append(" " + fragments[draw(len(fragments))])
        elif kind < 14:
            low, high = RANGES[draw(len(RANGES))]
            parts.append(chr(low + draw(high - low + 1)))
        elif kind == 14: parts.append(fragments[draw(len(fragments))] * draw(12))
        else: parts.append(chr(draw(128)))
    return "".join(parts)


# MARK: Vectors

RULES = "".join(f"{ord(a):X}\t{' '.join(f'{ord(c):X}' for c in b)}\n" for a, b in [
    ("\t", " "), ("\n", " "), ("\u00a0", " "), ("\u3000", " "), ("ﬁ", "fi"), ("\u212b", "\u00c5"), ("™", "TM"),
    ("Ａ", "A"), ("①", "1"), ("½", "1/2"), ("…", "...")]) + "65 301\tE9\n61 30A\tE5\n200B\t\n"


def digest(lists):
    """FNV-1a over numbers instead of bytes, with the end of each list."""
    value = 0xCBF29CE484222325
    for some in lists:
        for number in some: value = (value ^ number) * 0x100000001B3 & MASK
        value = (value ^ 0xFFFFFFFF) * 0x100000001B3 & MASK
    return f"{value:016x}"


def trained(text):
    """What Descent's own training must come to."""
    tokenizer = bytes_bpe([text], 1200, byte_level(), special("<|endoftext|>"), min_frequency=2)
    model = json.loads(tokenizer.to_str())["model"]
    tokens = sorted(model["vocab"], key=model["vocab"].get)
    return {"size": len(tokens), "tokens": digest(token.encode() for token in tokens),
            "merges": digest(" ".join(pair).encode() for pair in model["merges"])}


def write_vectors():
    os.makedirs(OUT, exist_ok=True)
    with open(TEXT) as file: text = file.read()
    texts = [text] + [" ".join(FRAGMENTS)] * 3 + [string(number) for number in range(100_000, 102_000)]
    count, chunk, full = 10_000, 250, 120
    strings = [string(number) for number in range(count)]
    with open(f"{OUT}/strings.json", "w") as file:
        json.dump({"fragments": FRAGMENTS, "ranges": RANGES,
                   "check": digest(text.encode() for text in strings), "some": strings[:40],
                   "trained": trained(text)}, file, separators=(",", ":"))
    for family in FAMILIES:
        name = family.__name__
        sizes = {"clip": 700, "bert": 800, "t5": 900, "roberta": 500, "smollm": 600, "deepseek": 700, "mistral": 800}
        arguments = {"rules": RULES} if name == "t5" else {}
        tokenizer = family(texts[:4] if name == "t5" else texts, sizes.get(name, 1000), **arguments)
        with open(f"{OUT}/{name}.tokenizer.json", "w") as file:
            json.dump(json.loads(tokenizer.to_str()), file, ensure_ascii=False, separators=(",", ":"))
        # Numbers are rounded once more when they are read.
        tokenizer = Tokenizer.from_file(f"{OUT}/{name}.tokenizer.json")
        ids = [tokenizer.encode(text).ids for text in strings]
        plain = [tokenizer.encode(text, add_special_tokens=False).ids for text in strings[:count // 4]]
        decoded = [tokenizer.decode(some) for some in ids]
        with_special = [tokenizer.decode(some, skip_special_tokens=False) for some in ids[:count // 4]]
        hashes = lambda lines: [digest(lines[start:start + chunk]) for start in range(0, len(lines), chunk)]
        utf8 = lambda texts: [text.encode() for text in texts]
        vectors = {
            "count": count, "chunk": chunk, "ids": hashes(ids), "plain": hashes(plain),
            "decoded": hashes(utf8(decoded)),
            "special": hashes(utf8(with_special)),
            "full": [[some, text] for some, text in zip(ids[:full], decoded)]}
        with open(f"{OUT}/{name}.vectors.json", "w") as file:
            json.dump(vectors, file, ensure_ascii=False, separators=(",", ":"))


# MARK: Checking a command

def check(descent, path, count):
    with open(path) as file: text = file.read()
    texts = [text[start:start + 20_000] for start in range(0, len(text), 20_000)]
    words = text.split()
    pieces = [" ".join(words[start:start + 1 + start % 7]) for start in range(0, len(words), 997)]
    strings = [string(number, FRAGMENTS + pieces) for number in range(count)]
    lines = "\n".join(json.dumps(text) for text in strings) + "\n"
    only = os.environ.get("ONLY", "").split(",")
    for family in FAMILIES:
        if only != [""] and family.__name__ not in only: continue
        file = f"{tempfile.gettempdir()}/{family.__name__}-{os.path.basename(path)}.json"
        if not os.path.exists(file): family(texts, int(os.environ.get("SIZE", "32000"))).save(file)
        tokenizer = Tokenizer.from_file(file)
        run = lambda data, *options, kept="": subprocess.run(
            [descent, "tokenize", "--tokenizer", file + kept, *options], input=data, capture_output=True,
            text=True, check=True).stdout
        expected = [encoding.ids for encoding in tokenizer.encode_batch(strings)]
        found = [json.loads(line) for line in run(lines, "--json-lines").split("\n")[:-1]]
        assert len(found) == count
        wrong = [number for number in range(count) if found[number] != expected[number]]
        encoded = "\n".join(map(json.dumps, expected)) + "\n"
        decoded = [json.loads(line) for line in run(encoded, "--json-lines", "--decode").split("\n")[:-1]]
        texts_expected = tokenizer.decode_batch(expected)
        bad = [number for number in range(count) if decoded[number] != texts_expected[number]]
        tokenizer.no_truncation()
        tokenizer.save(file + ".whole")
        start = time.time()
        whole = len(tokenizer.encode(text, add_special_tokens=False).ids)
        theirs = time.time() - start
        start = time.time()
        mine = run(text, "--whole", "--count", "--no-special", kept=".whole")
        ours = time.time() - start
        start = time.time()
        run("", "--count")
        load = time.time() - start
        size = len(text.encode()) / 1e6
        print(f"{family.__name__}: {count} strings, {len(wrong)} differ, {len(bad)} decode differently; "
              f"the whole text {'equal' if int(mine) == whole else 'DIFFERS'}, "
              f"{size / (ours - load):.1f} MB/s (reference {size / theirs:.1f}), loads in {load:.2f} s",
              flush=True)
        for number in wrong[:5]:
            print("  ", number, ascii(strings[number])[:300])
            print("    expected", tokenizer.encode(strings[number]).tokens[:80])
            print("    found   ", [tokenizer.id_to_token(id) for id in found[number]][:80])
        for number in bad[:3]:
            print("  ", number, ascii(texts_expected[number])[:300], ascii(decoded[number])[:300])


if __name__ == "__main__":
    if sys.argv[1:2] == ["check"]: check(sys.argv[2], sys.argv[3], int((sys.argv[4:] or ["20000"])[0]))
    else: write_vectors()
