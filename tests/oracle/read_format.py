#!/usr/bin/env python3
"""Reads and writes duet's files by docs/format.md alone, with NumPy; the safetensors package is the witness.

    read_format.py check FILE…     container, card or head, names and shapes of every tensor
    read_format.py write FILE      a small adm_unet with random weights, as the page says
"""
import json
import struct
import sys

import numpy
from safetensors import safe_open

BYTES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I8": 1, "U8": 1, "BOOL": 1}
ORDER = ["I64", "F64", "F32", "I32", "BF16", "F16", "I8", "U8", "BOOL"]
NUMPY = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2", "I64": "<i8", "I32": "<i4", "I8": "i1", "U8": "u1", "BOOL": "u1"}


def read(path):
    """The metadata, and the tensors in the order of the header: name -> (dtype, array)."""
    data = open(path, "rb").read()
    (length,) = struct.unpack_from("<Q", data)
    assert length <= 100000000 and length % 8 == 0 and data[8:9] == b"{", "header"
    header = json.loads(data[8 : 8 + length].decode("utf-8"))
    metadata = header.pop("__metadata__", {})
    body, at, tensors, before = data[8 + length :], 0, {}, None
    for name, entry in header.items():
        dtype, (begin, end) = entry["dtype"], entry["data_offsets"]
        count = int(numpy.prod(entry["shape"], dtype=numpy.int64))
        assert begin == at and end - begin == count * BYTES[dtype], f"place of {name}"
        key = (ORDER.index(dtype), name.encode())
        assert "check" in header or before is None or before < key, f"order of {name}"
        before, at = key, end
        tensors[name] = (dtype, numpy.frombuffer(body[begin:end], NUMPY[dtype]).reshape(entry["shape"]))
    assert at == len(body), "bytes behind the last tensor"
    return metadata, tensors


def config_of(text):
    """key=value,key=value: lists of numbers where '/' may stand, numbers, booleans as 0 and 1."""
    out = {}
    for key, value in (pair.split("=") for pair in text.split(",") if pair):
        if key in ("channel_mult", "attention_resolutions"):
            out[key] = [int(part) for part in value.split("/") if part]
        else:
            out[key] = {"true": 1, "false": 0}.get(value, value)
    return out


def adm_shapes(config):
    """Name -> shape of every tensor of an adm_unet."""
    number = lambda key, default: int(float(config.get(key, default)))
    flag = lambda key, default: bool(number(key, default))
    C, R, mult = number("num_channels", 64), number("num_res_blocks", 2), config.get("channel_mult", [1, 2, 2])
    small, size = number("small_size", 0), number("image_size", 32)
    images = number("in_channels", 3)
    E = 4 * (number("embed_channels", -1) if number("embed_channels", -1) > 0 else C)
    attended, ones = config.get("attention_resolutions", []), [1, 1] if flag("conv_attention", 0) else [1]
    updown, shapes = flag("resblock_updown", 0), {}

    def layer(name, *weight):
        shapes[name + ".weight"], shapes[name + ".bias"] = list(weight), [weight[0]]

    def residual(name, a, b):
        layer(name + ".in_layers.0", a)
        layer(name + ".in_layers.2", b, a, 3, 3)
        layer(name + ".emb_layers.1", 2 * b if flag("use_scale_shift_norm", 1) else b, E)
        layer(name + ".out_layers.0", b)
        layer(name + ".out_layers.3", b, b, 3, 3)
        if a != b:
            layer(name + ".skip_connection", b, a, 1, 1)

    def attention(name, c):
        layer(name + ".norm", c)
        layer(name + ".qkv", 3 * c, c, *ones)
        layer(name + ".proj_out", c, c, *ones)

    layer("time_embed.0", E, E // 4)
    layer("time_embed.2", E, E)
    if flag("class_cond", 0):
        shapes["label_emb.weight"] = [number("num_classes", 1000), E]
    channels, n, kept = C * mult[0], 1, [C * mult[0]]
    layer("input_blocks.0.0", channels, images * (2 if small else 1), 3, 3)
    for level, m in enumerate(mult):
        for _ in range(R):
            residual(f"input_blocks.{n}.0", channels, C * m)
            channels = C * m
            if size >> level in attended:
                attention(f"input_blocks.{n}.1", channels)
            kept, n = kept + [channels], n + 1
        if level + 1 < len(mult):
            if updown:
                residual(f"input_blocks.{n}.0", channels, channels)
            else:
                layer(f"input_blocks.{n}.0.op", channels, channels, 3, 3)
            kept, n = kept + [channels], n + 1
    residual("middle_block.0", channels, channels)
    attention("middle_block.1", channels)
    residual("middle_block.2", channels, channels)
    n = 0
    for level, m in reversed(list(enumerate(mult))):
        for i in range(R + 1):
            residual(f"output_blocks.{n}.0", channels + kept.pop(), C * m)
            channels, k = C * m, 1
            if size >> level in attended:
                attention(f"output_blocks.{n}.1", channels)
                k = 2
            if level > 0 and i == R:
                if updown:
                    residual(f"output_blocks.{n}.{k}", channels, channels)
                else:
                    layer(f"output_blocks.{n}.{k}.conv", channels, channels, 3, 3)
            n += 1
    layer("out.0", channels)
    layer("out.2", images * (2 if flag("learn_sigma", 0) else 1), channels, 3, 3)
    return shapes


def check_network(text, tensors, prefix=""):
    shapes = adm_shapes(config_of(text))
    have = {name[len(prefix) :]: list(array.shape) for name, (_, array) in tensors.items() if name.startswith(prefix)}
    assert have == shapes, f"tensors differ: {sorted(set(have) ^ set(shapes))[:5]}"
    return len(shapes)


def check_head(path, text, tensors):
    head = json.loads(text)
    D, K = tensors["mean"][1].shape[0], head["count"]
    assert tensors["mean"][1].shape == tensors["scale"][1].shape == (D,) and len(head["model_hash"]) == 16
    assert len(head["classes"]) in (0, K) and {dtype for dtype, array in tensors.values() if array.ndim < 2} == {"F32"}
    if "white" in tensors:
        assert tensors["white"][1].shape == (D, D)
    if head["kind"] in ("linear", "ridge"):
        assert tensors["weight"][1].shape == (K, D) and tensors["bias"][1].shape == (K,)
    if head["kind"] == "mlp":
        hidden = tensors["hidden.weight"][1].shape[0]
        assert tensors["hidden.weight"][1].shape == (hidden, D) and tensors["hidden.bias"][1].shape == (hidden,)
        assert tensors["out.weight"][1].shape == (K, hidden) and tensors["out.bias"][1].shape == (K,)
    print(f"{path}: head, {head['kind']}, {K} classes, {D} features")


def check(path, config=None):
    metadata, tensors = read(path)
    with safe_open(path, "np") as witness:
        assert sorted(witness.keys()) == sorted(tensors) and witness.metadata() == metadata
        for name, (dtype, array) in tensors.items():
            if dtype != "BF16":
                assert numpy.array_equal(witness.get_tensor(name), array, equal_nan=dtype.startswith("F")), name
    if "duet.card" in metadata:
        card = json.loads(metadata["duet.card"])
        assert card["format"] == "duet model 1" and card["arch"] == "adm_unet"
        inside = {name[5:]: value for name, value in tensors.items() if name.startswith("head/")}
        tensors = {name: value for name, value in tensors.items() if not name.startswith("head/")}
        assert bool(inside) == ("duet.head" in metadata)
        if inside:
            check_head(path, metadata["duet.head"], inside)
        types = {dtype for dtype, array in tensors.values() if array.ndim >= 2}
        assert len(types) == 1 and types < {"F32", "F16", "BF16"}
        for dtype, array in tensors.values():
            assert dtype == ("F32" if array.ndim < 2 and "BF16" in types else types.copy().pop())
        print(f"{path}: model, {check_network(card['config'], tensors)} tensors, {types.pop()}")
        return card["config"]
    if "duet.head" in metadata:
        check_head(path, metadata["duet.head"], tensors)
    elif "duet.state" in metadata:
        state = json.loads(metadata["duet.state"])
        assert state["version"] == 1 and tensors["losses"][1].shape == (state["steps"],)
        adamw = any(name.startswith("adamw.m/") for name in tensors)
        full = ("weight/", "ema/") + (("adamw.m/", "adamw.v/") if adamw else ("muon.m/",))
        for prefix in full:
            count = check_network(config, tensors, prefix)
        some = [name for name in tensors if name.startswith("muon.v/")]  # not those of inner matrices
        for name in some:
            assert tensors[name][1].shape == tensors["weight/" + name[7:]][1].shape, name
        assert len(tensors) == len(full) * count + len(some) + 1 and {dtype for dtype, _ in tensors.values()} == {"F32"}
        print(f"{path}: state, {state['steps']} steps, {len(tensors)} tensors")
    elif "duet.features" in metadata:
        words, (N, D) = metadata["duet.features"].split(), tensors["X"][1].shape
        assert words[0] in ("model", "random", "pixels") and len(words) == 9 and len(words[5]) == len(words[6]) == 16
        assert tensors["y"][1].shape == tensors["index"][1].shape == (N,) and tensors["y"][0] == tensors["index"][0] == "I64"
        print(f"{path}: features, {N} rows of {D}")
    else:
        raise AssertionError(f"{path}: none of duet's files: {metadata}")
    return config


def check_logits(head_path, table_path, want):
    """Accuracy of a head on a feature table, in percent, by the formula of the page."""
    _, head = read(head_path)
    _, table = read(table_path)
    mean, scale, weight, bias = (head[name][1].astype(float) for name in ("mean", "scale", "weight", "bias"))
    logits = ((table["X"][1].astype(float) - mean) * scale) @ weight.T + bias
    got = 100 * float(numpy.mean(logits.argmax(1) == table["y"][1]))
    assert abs(got - float(want)) < 1e-6, f"accuracy {got}, not {want}"
    print(f"{head_path}: {got:.2f} % on {table_path}")


def write(path):
    config = "image_size=16,in_channels=1,num_channels=8,num_res_blocks=1,channel_mult=1/2,attention_resolutions=8,norm_groups=4"
    card = {"format": "duet model 1", "arch": "adm_unet", "config": config, "predict": "eps",
            "noise": "linear:steps=1000,beta_start=0.0001,beta_end=0.02", "name": "by hand"}
    random, header, body = numpy.random.default_rng(0), {"__metadata__": {"duet.card": json.dumps(card)}}, b""
    for name, shape in sorted(adm_shapes(config_of(config)).items()):
        data = (0.1 * random.standard_normal(shape)).astype("<f4").tobytes()
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [len(body), len(body) + len(data)]}
        body += data
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + body)


if sys.argv[1] == "write":
    write(sys.argv[2])
elif sys.argv[1] == "logits":
    check_logits(*sys.argv[2:5])
else:
    network = None
    for argument in sys.argv[2:]:
        network = check(argument, network)
