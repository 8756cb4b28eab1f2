"""What could this machine do at best? `python peer_machine.py THREADS`

    {"do": "product", "size": n, "repeat": n}    f32 products of n x n matrices, by PyTorch and by NumPy: the better
    {"do": "product8", "size": n, "repeat": n}   unsigned by signed bytes, by onnxruntime
    {"do": "copy", "bytes": n, "repeat": n}      one large array into another
"""

import sys

import numpy
import torch

from serve import repeated, serve

THREADS = int(sys.argv[1])


def product(size: int, repeat: int) -> dict:
    left, right = torch.rand(size, size), torch.rand(size, size)
    by_torch, _ = repeated(repeat, lambda: left @ right)
    left, right = left.numpy(), right.numpy()
    by_numpy, _ = repeated(repeat, lambda: left @ right)
    return {"operations": 2 * size**3, "ms": min(by_torch, by_numpy, key=min)}


def product8(size: int, repeat: int) -> dict:
    import onnx
    import onnxruntime

    value = lambda name, kind: onnx.helper.make_tensor_value_info(name, kind, [size, size])
    kinds = onnx.TensorProto
    weights = numpy.random.default_rng(1).integers(-127, 127, (size, size), dtype=numpy.int8)
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("MatMulInteger", ["left", "right"], ["out"])],
        "product",
        [value("left", kinds.UINT8)],
        [value("out", kinds.INT32)],
        # A constant right side is laid out once, as weights are.
        [onnx.numpy_helper.from_array(weights, "right")],
    )
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = THREADS
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    left = numpy.random.default_rng(2).integers(0, 255, (size, size), dtype=numpy.uint8)
    times, _ = repeated(repeat, lambda: session.run(None, {"left": left}))
    return {"operations": 2 * size**3, "ms": times}


def copy(bytes: int, repeat: int) -> dict:
    source, target = torch.ones(bytes // 4), torch.zeros(bytes // 4)
    times, _ = repeated(repeat, lambda: target.copy_(source))
    return {"moved": 2 * bytes, "ms": times}


def main() -> None:
    torch.set_num_threads(THREADS)
    serve({"product": product, "product8": product8, "copy": copy})


if __name__ == "__main__":
    main()
