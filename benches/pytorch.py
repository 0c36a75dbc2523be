"""The native peer: repetition probes of the same weights in PyTorch, on two threads, 64 at a time. Prints one JSON object.

python benches/pytorch.py FOLDER

Measured as it is best at each: transformers' GPT-2 with scaled_dot_product_attention, without a cache (prefix and row in
one pass) and with its own cache of the prefix; only the last position meets the head in both.
"""

import json
import statistics
import sys
import time

import torch
from safetensors.torch import load_file
from transformers import GPT2Config, GPT2LMHeadModel

PREFIX, ROW, NEW, BATCH, UNDECIDED = 9, 19, 10, 64, 10


def median(work):
    work()
    seconds = []
    for _ in range(7):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


@torch.inference_mode()
def main(folder):
    torch.set_num_threads(2)
    model = GPT2LMHeadModel(GPT2Config()).eval()
    model.transformer.load_state_dict(load_file(f"{folder}/model.safetensors"), strict=False)
    generator = torch.Generator().manual_seed(1)
    prefix = torch.randint(50257, (1, PREFIX), generator=generator)
    rows = torch.randint(50257, (BATCH, ROW), generator=generator)
    everything = torch.cat([prefix.expand(BATCH, -1), rows], 1)

    def first_without_cache():
        return model(everything, use_cache=False, logits_to_keep=1)

    def with_prefix():
        cache = model(prefix, use_cache=True, logits_to_keep=1).past_key_values
        cache.batch_repeat_interleave(BATCH)
        return model(rows, past_key_values=cache, use_cache=True, logits_to_keep=1)

    def whole(early_exit, on_first=lambda: None):
        output = with_prefix()
        on_first()
        for step in range(NEW - 1):
            next_ids, cache = output.logits[:, -1].argmax(-1, keepdim=True), output.past_key_values
            if early_exit and step == 1:
                open_rows = torch.arange(0, BATCH, UNDECIDED)
                cache.batch_select_indices(open_rows)
                next_ids = next_ids[open_rows]
            output = model(next_ids, past_key_values=cache, use_cache=True, logits_to_keep=1)

    results = {}
    for m, n, k in [(512, 512, 512), (256, 768, 768), (1024, 3072, 768), (1536, 1536, 1536)]:
        a, b = torch.rand(m, k), torch.rand(k, n)
        times = max(1, 400_000_000 // (m * n * k))
        results[f"{m}x{n}x{k}"] = 2e-9 * m * n * k * times / median(lambda: [a @ b for _ in range(times)])
    results["first_without_cache"] = BATCH / median(first_without_cache)
    # The first pass is a part of the whole oracle: both are of the same runs.
    first = []

    def whole_and_first():
        start = time.perf_counter()
        whole(False, lambda: first.append(time.perf_counter() - start))

    results["whole"] = BATCH / median(whole_and_first)
    results["first_with_prefix_cache"] = BATCH / statistics.median(first[1:])
    results["whole_early_exit"] = BATCH / median(lambda: whole(True))
    results["version"] = torch.__version__
    print(json.dumps(results))


if __name__ == "__main__":
    main(sys.argv[1])
