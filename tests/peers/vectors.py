"""vectors.py ENCODER FOLDER: vectors of a published model by the encoder, and by its formulas in float64 with
numpy. Prints the largest difference in fp32, and the cosines of bf16 and int8."""
import json, math, os, struct, subprocess, sys, tempfile
import numpy as np
from tokenizers import Tokenizer

TEXTS = [
    "what similarity laws must be obeyed when constructing aeroelastic models of heated high speed aircraft .",
    "The server answers with an error when the certificate has expired; renew it and load it again.",
    "Café naïve — 東京 ½ and a few words more, so that every kind of piece occurs in it.",
    "A wing of finite span leaves a sheet of vortices behind it, and the velocity that these induce changes "
    "the angle at which each section meets the stream. Lifting-line theory replaces the wing by a single bound "
    "vortex whose strength varies along the span; for an elliptic loading the downwash is constant.",
    " ".join(f"Row {i}: value {i * i % 97}, remainder {i % 7}." for i in range(13)),
]


def read_weights(path):
    with open(path, "rb") as f:
        n, = struct.unpack("<Q", f.read(8))
        head, data = json.loads(f.read(n)), f.read()
    return {name: np.frombuffer(data, "<f4", count=int(np.prod(t["shape"])), offset=t["data_offsets"][0])
            .reshape(t["shape"]).astype(np.float64) for name, t in head.items()
            if name != "__metadata__" and t["dtype"] == "F32"}


class Model:
    def __init__(self, folder):
        self.c = json.load(open(folder + "/config.json"))
        self.w = read_weights(folder + "/model.safetensors")
        self.cls = json.load(open(folder + "/1_Pooling/config.json"))["pooling_mode_cls_token"]
        self.mpnet = self.c["model_type"] == "mpnet"

    def linear(self, x, name):
        return x @ self.w[name + ".weight"].T + self.w[name + ".bias"]

    def norm(self, x, name):
        d = x - x.mean(1, keepdims=True)
        d /= np.sqrt((d * d).mean(1, keepdims=True) + self.c["layer_norm_eps"])
        return d * self.w[name + ".weight"] + self.w[name + ".bias"]

    def relative(self, n):
        if not self.mpnet:
            return 0
        far = np.arange(n)[None, :] - np.arange(n)[:, None]
        near = np.abs(far)
        log = 8 + (np.log(np.maximum(near, 1) / 8) / math.log(16) * 8).astype(int)
        bucket = np.where(far > 0, 16, 0) + np.where(near < 8, near, np.minimum(log, 15))
        return np.moveaxis(self.w["encoder.relative_attention_bias.weight"][bucket], 2, 0)

    def attention(self, x, layer):
        a = f"encoder.layer.{layer}.attention."
        names = ("attn.q", "attn.k", "attn.v", "attn.o") if self.mpnet else (
            "self.query", "self.key", "self.value", "output.dense")
        heads, n = self.c["num_attention_heads"], len(x)
        q, k, v = (self.linear(x, a + name).reshape(n, heads, -1).swapaxes(0, 1) for name in names[:3])
        s = q @ k.swapaxes(1, 2) / math.sqrt(q.shape[2]) + self.relative(n)
        p = np.exp(s - s.max(2, keepdims=True))
        mixed = (p / p.sum(2, keepdims=True) @ v).swapaxes(0, 1).reshape(n, -1)
        return self.norm(x + self.linear(mixed, a + names[3]),
                         a + ("LayerNorm" if self.mpnet else "output.LayerNorm"))

    def embed(self, ids):
        w, first = self.w, 2 if self.mpnet else 0
        x = w["embeddings.word_embeddings.weight"][ids]
        x = x + w["embeddings.position_embeddings.weight"][first:first + len(ids)]
        if not self.mpnet:
            x = x + w["embeddings.token_type_embeddings.weight"][0]
        x = self.norm(x, "embeddings.LayerNorm")
        erf = np.vectorize(math.erf)
        for layer in range(self.c["num_hidden_layers"]):
            x = self.attention(x, layer)
            h = self.linear(x, f"encoder.layer.{layer}.intermediate.dense")
            h = h * (1 + erf(h / math.sqrt(2))) / 2
            x = self.norm(x + self.linear(h, f"encoder.layer.{layer}.output.dense"),
                          f"encoder.layer.{layer}.output.LayerNorm")
        v = x[0] if self.cls else x.mean(0)
        return v / np.linalg.norm(v)


encoder, folder = sys.argv[1:3]
tokenizer = Tokenizer.from_file(folder + "/tokenizer.json")
tokenizer.no_padding()
tokenizer.no_truncation()
model = Model(folder)
want = np.stack([model.embed(tokenizer.encode(t).ids) for t in TEXTS])
with tempfile.TemporaryDirectory() as work:
    with open(work + "/texts", "wb") as f:
        f.write(b"".join(t.encode() + b"\0" for t in TEXTS))
    bad = False
    for precision, least in (("fp32", 0.9999999), ("bf16", 0.9999), ("int8", 0.998)):
        subprocess.run([encoder, "pack", folder, precision, work + "/model"], check=True)
        subprocess.run([encoder, "embed", work + "/model", "best", "passage", work + "/texts", work + "/out"], check=True)
        got = np.fromfile(work + "/out", np.float32).reshape(len(TEXTS), -1).astype(np.float64)
        cosine, worst = (got * want).sum(1), np.abs(got - want).max()
        print(f"{precision}: largest difference {worst:.1e}, cosine mean {cosine.mean():.6f} least {cosine.min():.6f}")
        bad |= cosine.mean() < least or (precision == "fp32" and worst > 1e-5)
sys.exit(int(bad))
