"""onnx_peer.py FOLDER TEXTS: a published model in ONNX Runtime on one thread, as fp32 and as its dynamic int8 per
channel, with the fused operators that it has for these models; each text alone, which is its best on one
core. Prints JSON lines: tokens a second of the thread's time, and milliseconds of a query of 22 tokens."""
import json, math, os, sys, tempfile, time
import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic
from safetensors.numpy import load_file
from tokenizers import Tokenizer

QUERY = ("what similarity laws must be obeyed when constructing aeroelastic models of heated high speed aircraft .")


class Graph:
    def __init__(self, folder):
        self.config = json.load(open(folder + "/config.json"))
        self.weights = load_file(folder + "/model.safetensors")
        self.constants, self.nodes, self.n = [], [], 0

    def constant(self, array):
        self.n += 1
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(array), f"c{self.n}"))
        return f"c{self.n}"

    def node(self, kind, inputs, fused=True, **attributes):
        self.n += 1
        self.nodes.append(helper.make_node(kind, inputs, [f"x{self.n}"],
                                           domain="com.microsoft" if fused else "", **attributes))
        return f"x{self.n}"

    def weight(self, name):
        return self.constant(self.weights[name + ".weight"].T)

    def norm(self, x, skip, bias_of, name):
        w = self.weights
        return self.node("SkipLayerNormalization", [
            x, skip, self.constant(w[name + ".weight"]), self.constant(w[name + ".bias"]),
            self.constant(w[bias_of + ".bias"])], epsilon=self.config["layer_norm_eps"])

    def layer(self, x, number, relative):
        w, p = self.weights, f"encoder.layer.{number}."
        mpnet = relative is not None
        names = [p + "attention." + n for n in (
            ("attn.q", "attn.k", "attn.v", "attn.o", "LayerNorm") if mpnet else
            ("self.query", "self.key", "self.value", "output.dense", "output.LayerNorm"))]
        qkv = self.constant(np.concatenate([w[n + ".weight"].T for n in names[:3]], 1))
        bias = self.constant(np.concatenate([w[n + ".bias"] for n in names[:3]]))
        mixed = self.node("Attention", [x, qkv, bias] + (["", "", relative] if mpnet else []),
                          num_heads=self.config["num_attention_heads"])
        x = self.norm(self.node("MatMul", [mixed, self.weight(names[3])], False), x, names[3], names[4])
        up = self.node("MatMul", [x, self.weight(p + "intermediate.dense")], False)
        up = self.node("BiasGelu", [up, self.constant(w[p + "intermediate.dense.bias"])])
        down = self.node("MatMul", [up, self.weight(p + "output.dense")], False)
        return self.norm(down, x, p + "output.dense", p + "output.LayerNorm")

    def build(self, path):
        w, mpnet = self.weights, self.config["model_type"] == "mpnet"
        places = w["embeddings.position_embeddings.weight"]
        places = places[2:] if mpnet else places + w["embeddings.token_type_embeddings.weight"][0]
        number = [self.constant(np.array([i], np.int64)) for i in range(4)]
        length = self.node("Slice", [self.node("Shape", ["ids"], False), number[1], number[2]], False)
        x = self.node("Add", [
            self.node("Gather", [self.constant(w["embeddings.word_embeddings.weight"]), "ids"], False),
            self.node("Slice", [self.constant(places[None]), number[0], length, number[1]], False)], False)
        x = self.node("LayerNormalization", [x, self.constant(w["embeddings.LayerNorm.weight"]),
                                             self.constant(w["embeddings.LayerNorm.bias"])], False,
                      epsilon=self.config["layer_norm_eps"])
        relative = None
        if mpnet:
            far = np.arange(512)[None] - np.arange(512)[:, None]
            log = 8 + (np.log(np.maximum(np.abs(far), 1) / 8) / math.log(16) * 8).astype(int)
            bucket = np.where(far > 0, 16, 0) + np.where(np.abs(far) < 8, np.abs(far), np.minimum(log, 15))
            table = np.moveaxis(w["encoder.relative_attention_bias.weight"][bucket], 2, 0)[None]
            relative = self.node("Slice", [self.constant(table.astype(np.float32)), number[0], length, number[2]], False)
            relative = self.node("Slice", [relative, number[0], length, number[3]], False)
        for i in range(self.config["num_hidden_layers"]):
            x = self.layer(x, i, relative)
        self.nodes[-1].output[0] = "hidden"
        ids = helper.make_tensor_value_info("ids", TensorProto.INT64, [1, "n"])
        out = helper.make_tensor_value_info("hidden", TensorProto.FLOAT, [1, "n", self.config["hidden_size"]])
        onnx.save(helper.make_model(helper.make_graph(self.nodes, "encoder", [ids], [out], self.constants),
                                    opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)],
                                    ir_version=9), path)


def session(path):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def measure(path, name, pieces, query):
    s = session(path)
    run = lambda ids: s.run(None, {"ids": np.array([ids], np.int64)})
    for ids in pieces[:4]:
        run(ids)
    began = time.thread_time()
    for ids in pieces:
        run(ids)
    took, each = time.thread_time() - began, []
    for _ in range(51):
        began = time.thread_time()
        run(query)
        each.append(time.thread_time() - began)
    print(json.dumps({"engine": name, "tokens_a_cpu_s": round(sum(map(len, pieces)) / took),
                      "query_ms": round(1e3 * sorted(each)[25], 2)}), flush=True)


folder, texts = sys.argv[1:3]
tokenizer = Tokenizer.from_file(folder + "/tokenizer.json")
tokenizer.no_padding()
tokenizer.no_truncation()
pieces = [tokenizer.encode(t.decode()).ids for t in open(texts, "rb").read().split(b"\0")[:-1]]
with tempfile.TemporaryDirectory() as work:
    Graph(folder).build(work + "/fp32.onnx")
    quantize_dynamic(work + "/fp32.onnx", work + "/int8.onnx", weight_type=QuantType.QInt8, per_channel=True,
                     extra_options={"MatMulConstBOnly": True, "DefaultTensorType": TensorProto.FLOAT})
    for precision in ("int8", "fp32"):
        measure(f"{work}/{precision}.onnx", precision, pieces, tokenizer.encode(QUERY).ids)
