"""A peer that computes vectors: `python peer_encode.py onnx|torch|sentence-transformers PATH THREADS`.

    {"do": "forward", "batches": [[[ids]]], "repeat": n, "means": false}   padded to the longest of each batch
    {"do": "encode", "texts": [text], "repeat": n}                         sentence-transformers only

Each is set as its own handbook sets it for speed on a CPU.
"""

import sys

import numpy

from serve import repeated, serve

KIND, PATH, THREADS = sys.argv[1], sys.argv[2], int(sys.argv[3])


def padded(batch: list) -> dict:
    """Arrays of one batch. Padding is not timed."""
    shape = (len(batch), max(map(len, batch)))
    ids, mask = numpy.zeros(shape, numpy.int64), numpy.zeros(shape, numpy.int64)
    for row, sequence in enumerate(batch):
        ids[row, : len(sequence)] = sequence
        mask[row, : len(sequence)] = 1
    return {"input_ids": ids, "attention_mask": mask, "token_type_ids": numpy.zeros_like(ids)}


def mean(hidden, mask) -> list:
    weights = mask[:, :, None].astype(numpy.float32)
    return ((numpy.asarray(hidden) * weights).sum(1) / weights.sum(1)).tolist()


def onnx_forward():
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = THREADS
    options.inter_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    session = onnxruntime.InferenceSession(PATH, options, providers=["CPUExecutionProvider"])
    taken = {entry.name for entry in session.get_inputs()}

    def forward(inputs: dict):
        return session.run(None, {name: array for name, array in inputs.items() if name in taken})[0]

    return forward, lambda inputs: inputs


def torch_forward():
    import torch
    import transformers

    torch.set_num_threads(THREADS)
    bert = transformers.AutoModel.from_pretrained(PATH, attn_implementation="sdpa", dtype=torch.float32).eval()

    def forward(inputs: dict):
        with torch.inference_mode():
            return bert(**inputs).last_hidden_state.numpy()

    def ready(inputs: dict) -> dict:
        tensors = {name: torch.from_numpy(array) for name, array in inputs.items()}
        # Without padding no mask is needed, and the kernels that take none are faster.
        if bool(tensors["attention_mask"].all()):
            del tensors["attention_mask"]
        return tensors

    return forward, ready


def forward_verb(forward, ready):
    def verb(batches: list, repeat: int = 1, means: bool = False) -> dict:
        arrays = [padded(batch) for batch in batches]
        inputs = [ready(array) for array in arrays]
        times, found = repeated(repeat, lambda: [forward(each) for each in inputs])
        answer = {"ms": times, "tokens": sum(len(sequence) for batch in batches for sequence in batch)}
        if means:
            pairs = zip(found, arrays)
            answer["means"] = [row for hidden, each in pairs for row in mean(hidden, each["attention_mask"])]
        return answer

    return verb


def encode_verb():
    import sentence_transformers
    import torch

    torch.set_num_threads(THREADS)
    model = sentence_transformers.SentenceTransformer(PATH, device="cpu")

    def verb(texts: list, repeat: int = 1) -> dict:
        times, _ = repeated(repeat, lambda: model.encode(texts, batch_size=32, show_progress_bar=False))
        return {"ms": times}

    return verb


def main() -> None:
    if KIND == "sentence-transformers":
        serve({"encode": encode_verb()})
    else:
        serve({"forward": forward_verb(*(onnx_forward() if KIND == "onnx" else torch_forward()))})


if __name__ == "__main__":
    main()
