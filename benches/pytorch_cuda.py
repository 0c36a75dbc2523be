"""The vendor's matrix product on the same card: 4096 cubed in f32 (without TF32) and f16. Prints one JSON object, without
numbers where there is no CUDA.

python benches/pytorch_cuda.py
"""

import json
import statistics

import torch

SIZE, PRODUCTS = 4096, 10


def gflops(dtype):
    a, b = (torch.rand(SIZE, SIZE, device="cuda", dtype=dtype) for _ in range(2))
    milliseconds = []
    for _ in range(8):
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        for _ in range(PRODUCTS):
            a @ b
        end.record()
        torch.cuda.synchronize()
        milliseconds.append(start.elapsed_time(end) / PRODUCTS)
    return 2 * SIZE**3 / statistics.median(milliseconds[1:]) / 1e6


results = {"version": torch.__version__}
if torch.cuda.is_available():
    torch.backends.cuda.matmul.allow_tf32 = False
    results |= {"f32": gflops(torch.float32), "f16": gflops(torch.float16)}
print(json.dumps(results))
