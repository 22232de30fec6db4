"""pieces.py ENCODER TOKENIZER: the pieces of a megabyte of mixed text by the encoder and by the library
that publishers use. TOKENIZER is a tokenizer.json or a vocab.txt; "unigram" trains one of XLM-R's kind
here (SentencePiece with its own table of normal forms). Prints how many bytes were equal, or where not."""
import json, os, random, subprocess, sys, tempfile, unicodedata
from tokenizers import BertWordPieceTokenizer, Tokenizer, normalizers, pre_tokenizers, processors
from tokenizers.models import Unigram

SCRIPTS = [
    "Grüße aus München, naïve café — “quoted” … ½ ﬁ Ⅷ ①", "東京都は日本の首都です。漢字カナ混じり",
    "Привет, мир! Ёлка", "مرحبا بالعالم، كيف الحال؟", "नमस्ते दुनिया कैसे हैं", "สวัสดีชาวโลก",
    "안녕하세요 세계 한국어", "👩‍👩‍👧‍👦 🇩🇪 👍🏽 emoji", "Ελληνικά; ΣΊΣΥΦΟΣ ςΣ", "İstanbul ıI",
    "ERR_NGX_502 foo.bar(baz[3])=>x != y", "a\u0301e\u0308 \u200b\u200d zero\u00adwidth",
    "[CLS] x [SEP] <mask> <s> </s> [UNK]", "x" * 250 + " y", "\t\n\r\x0b\x0c\x1c a", "\u2028\u2029\u3000b",
    "ệ ṩ Ǆ ǅ ﷺ ㍿", "The quick brown fox jumps over the lazy dog; 3.14159, e.g. U.S.A. isn't it?"]


def texts():
    r = random.Random(7)
    every = [chr(c) for c in range(1, 0x110000)
             if not 0xd800 <= c < 0xe000 and unicodedata.category(chr(c)) != "Cn"]
    some = [c for c in every if ord(c) < 0x3000]
    words = [w for s in open(__file__, encoding="utf-8") for w in s.split()]
    out = [" ".join(every[c:c + 20]) + "".join(every[c + 20:c + 40]) for c in range(0, len(every), 40)]
    size = sum(len(t.encode()) for t in out)
    while size < 1500000:
        parts = [r.choice([r.choice(SCRIPTS), r.choice(some), " ".join(r.choices(words, k=9)), " ", "  ", "\n"])
                 for _ in range(r.randint(1, 8))]
        out.append("".join(parts))
        size += len(out[-1].encode())
    return out, size


def unigram(folder):
    import sentencepiece
    from sentencepiece import sentencepiece_model_pb2
    text, model = folder + "/text", folder + "/sp"
    with open(text, "w", encoding="utf-8") as f:
        for i in range(400):
            f.write(" ".join(SCRIPTS[i % len(SCRIPTS)].split()) + f" {i}\n")
        f.write(open(__file__, encoding="utf-8").read())
    sentencepiece.SentencePieceTrainer.train(
        input=text, model_prefix=model, vocab_size=700, hard_vocab_limit=False, character_coverage=0.999,
        normalization_rule_name="nmt_nfkc", unk_id=3, bos_id=0, pad_id=1, eos_id=2, minloglevel=2)
    m = sentencepiece_model_pb2.ModelProto()
    m.ParseFromString(open(model + ".model", "rb").read())
    t = Tokenizer(Unigram([(p.piece, p.score) for p in m.pieces], 3))
    t.normalizer = normalizers.Precompiled(m.normalizer_spec.precompiled_charsmap)
    t.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()])
    t.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)])
    t.add_special_tokens(["<s>", "<pad>", "</s>", "<unk>"])
    t.save(folder + "/tokenizer.json")
    return folder + "/tokenizer.json"


encoder, path = sys.argv[1:3]
with tempfile.TemporaryDirectory() as folder:
    if path == "unigram":
        path = unigram(folder)
    theirs = BertWordPieceTokenizer(path, lowercase=True) if path.endswith(".txt") else Tokenizer.from_file(path)
    theirs.no_padding()
    theirs.no_truncation()
    all_texts, size = texts()
    with open(folder + "/texts", "wb") as f:
        f.write(b"".join(t.encode() + b"\0" for t in all_texts))
    lines = subprocess.run([encoder, "tokens", path, folder + "/texts"], check=True, capture_output=True,
                           text=True).stdout.split("\n")
    bad = 0
    for text, line, e in zip(all_texts, lines, theirs.encode_batch(all_texts, add_special_tokens=False)):
        ours = [int(p.split(":")[0]) for p in line.split()]
        if ours != e.ids:
            bad += 1
            if bad < 4:
                print("#", repr(text[:80]), ours[:12], e.ids[:12])
    print(f"{size} bytes, {len(all_texts)} texts, {bad} differ")
    sys.exit(bad > 0 or len(lines) < len(all_texts))
