"""Makes, from our packed checkpoint, the files that each peer computes best from.

    python export.py CHECKPOINT FOLDER

FOLDER/f32        a plain f32 checkpoint for PyTorch and sentence-transformers
FOLDER/onnx/*     ONNX files: as exported, with fused operators, and both of them with dynamic 8-bit products

Prints one JSON object: which files there are, and how many operators of which kind the fused one has.
"""

import collections
import hashlib
import json
import pathlib
import shutil
import sys

import numpy
import onnx
import safetensors.numpy
import torch
import transformers
from onnxruntime.quantization import QuantType, quantize_dynamic
from onnxruntime.transformers import optimizer
from onnxruntime.transformers.fusion_options import FusionOptions

SCALE = ".scale"
OPSET = 17


def dequantise(checkpoint: pathlib.Path, target: pathlib.Path) -> None:
    """Signed bytes times the scale of their group; everything else as f32 (see crates/encoder/src/checkpoint/pack.rs)."""
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(checkpoint, target, ignore=shutil.ignore_patterns("model.safetensors", "train*", "fingerprint"))
    stored = safetensors.numpy.load_file(checkpoint / "model.safetensors")
    plain = {}
    for name, array in stored.items():
        if name.endswith(SCALE):
            continue
        values = array.astype(numpy.float32)
        if array.dtype == numpy.int8:
            scales = stored[name + SCALE].astype(numpy.float32)
            rows, groups = scales.reshape(values.shape[0], -1).shape
            values = (values.reshape(rows, groups, -1) * scales.reshape(rows, groups, 1)).reshape(array.shape)
        plain[name] = numpy.ascontiguousarray(values)
    safetensors.numpy.save_file(plain, target / "model.safetensors", metadata={"format": "pt"})


class LastHidden(torch.nn.Module):
    """The inputs and the one output that are compared."""

    def __init__(self, bert: torch.nn.Module):
        super().__init__()
        self.bert = bert

    def forward(self, input_ids, attention_mask, token_type_ids):
        found = self.bert(input_ids=input_ids, attention_mask=attention_mask, token_type_ids=token_type_ids)
        return found.last_hidden_state


def export(folder: pathlib.Path, target: pathlib.Path) -> None:
    """The model as PyTorch exports it, with batch and length left open."""
    # Eager attention is the form whose operators onnxruntime's own optimiser knows how to fuse.
    bert = transformers.AutoModel.from_pretrained(folder, attn_implementation="eager", dtype=torch.float32).eval()
    ids = torch.ones(2, 8, dtype=torch.int64)
    names = ["input_ids", "attention_mask", "token_type_ids"]
    axes = {name: {0: "batch", 1: "length"} for name in [*names, "last_hidden_state"]}
    torch.onnx.export(
        LastHidden(bert),
        (ids, torch.ones_like(ids), torch.zeros_like(ids)),
        str(target),
        input_names=names,
        output_names=["last_hidden_state"],
        dynamic_axes=axes,
        opset_version=OPSET,
        dynamo=False,
    )


def fuse(source: pathlib.Path, target: pathlib.Path, config: dict) -> dict:
    """onnxruntime's optimiser for transformers, with all that it does for BERT."""
    found = optimizer.optimize_model(
        str(source),
        model_type="bert",
        num_heads=config["num_attention_heads"],
        hidden_size=config["hidden_size"],
        optimization_options=FusionOptions("bert"),
        opt_level=0,
        use_gpu=False,
    )
    found.save_model_to_file(str(target))
    return found.get_fused_operator_statistics()


def operators(path: pathlib.Path) -> dict:
    return dict(collections.Counter(node.op_type for node in onnx.load(path).graph.node).most_common())


def main() -> None:
    checkpoint, folder = map(pathlib.Path, sys.argv[1:3])
    config = json.loads((checkpoint / "config.json").read_text())
    # What this file does decides what it makes: a change of either makes everything anew.
    digest = hashlib.sha256(pathlib.Path(__file__).read_bytes())
    digest.update((checkpoint / "model.safetensors").read_bytes())
    digest.update(f"{torch.__version__} {transformers.__version__} {onnx.__version__}".encode())
    done = folder / "made.json"
    if done.is_file():
        made = json.loads(done.read_text())
        if made["digest"] == digest.hexdigest():
            print(json.dumps(made))
            return
    onnx_folder = folder / "onnx"
    onnx_folder.mkdir(parents=True, exist_ok=True)
    dequantise(checkpoint, folder / "f32")
    plain, fused = onnx_folder / "plain.onnx", onnx_folder / "fused.onnx"
    export(folder / "f32", plain)
    statistics = fuse(plain, fused, config)
    for source in (plain, fused):
        target = source.with_name(source.stem + "-int8.onnx")
        # A scale for each output column, as ours has one for each row; signed bytes suit processors with VNNI. The types
        # behind fused operators, which shape inference does not know, are named.
        options = {"DefaultTensorType": onnx.TensorProto.FLOAT}
        quantize_dynamic(
            str(source), str(target), weight_type=QuantType.QInt8, per_channel=True, extra_options=options
        )
    made = {
        "digest": digest.hexdigest(),
        "fused": statistics,
        "operators": {path.stem: operators(path) for path in sorted(onnx_folder.glob("*.onnx"))},
    }
    done.write_text(json.dumps(made))
    print(json.dumps(made))


if __name__ == "__main__":
    main()
