#!/usr/bin/env python3
"""The loss curves of a recorded training side by side: a table and an SVG for README.md.

    python tools/specimen/curves.py --record .cache/record --exact .cache/exact

Reads PyTorch's curve, that of the replay with other rounding, that of the replay with an exact norm, and what
`glitchscope train --json` printed for each chunk (`ours-000.json` and so on), all over the same batches.
"""
import argparse
import json
from pathlib import Path

HERE = Path(__file__).parent
WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 640, 300, 44, 28, 12
WINDOW = 20  # steps that a point is the mean of


def smooth(losses):
    return [sum(losses[i:i + WINDOW]) / len(losses[i:i + WINDOW]) for i in range(0, len(losses), WINDOW)]


def svg(curves, steps):
    top = max(max(smooth(losses)) for _, losses, _ in curves)
    x = lambda i: LEFT + (WIDTH - LEFT - 8) * i / steps
    y = lambda loss: TOP + (HEIGHT - TOP - BOTTOM) * (1 - loss / top)
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="11">',
           f'<title>Loss over {steps} steps, means of {WINDOW}</title>', f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>']
    for loss in range(0, int(top) + 1, 2):
        out.append(f'<path d="M{LEFT} {y(loss):.1f}H{WIDTH - 8}" stroke="#ddd"/><text x="{LEFT - 6}" y="{y(loss) + 4:.1f}" text-anchor="end" fill="#444">{loss}</text>')
    for step in range(0, steps + 1, steps // 5):
        out.append(f'<text x="{x(step):.1f}" y="{HEIGHT - 10}" text-anchor="middle" fill="#444">{step}</text>')
    for k, (name, losses, style) in enumerate(curves):
        points = " ".join(f"{x((i + 0.5) * WINDOW):.1f},{y(loss):.1f}" for i, loss in enumerate(smooth(losses)))
        out.append(f'<polyline points="{points}" fill="none" {style}/>')
        out.append(f'<path d="M{WIDTH - 250} {TOP + 20 + 18 * k}h28" fill="none" {style}/><text x="{WIDTH - 216}" y="{TOP + 24 + 18 * k}" fill="#222">{name}</text>')
    return "\n".join(out + ["</svg>"]) + "\n"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--record", type=Path, default=Path(".cache/record"))
    parser.add_argument("--exact", type=Path, default=Path(".cache/exact"))
    parser.add_argument("--svg", type=Path, default=HERE / "curves.svg")
    args = parser.parse_args()
    curve = lambda folder, name: [loss for _, loss, _ in json.loads((folder / f"{name}_curve.json").read_text())]
    torch, replayed, exact = curve(args.record, "torch"), curve(args.record, "replayed"), curve(args.exact, "replayed")
    ours = [point["loss"] for path in sorted(args.record.glob("ours-*.json")) for point in json.loads(path.read_text())["curve"]]
    steps = len(torch)
    assert len(ours) == len(replayed) == len(exact) == steps, (len(ours), len(replayed), len(exact), steps)
    args.svg.write_text(svg([("PyTorch f32", torch, 'stroke="#1b6ca8" stroke-width="4" stroke-opacity=".35"'),
                             ("PyTorch f32, rounded otherwise", replayed, 'stroke="#c05a00" stroke-width="1.2" stroke-dasharray="4 3"'),
                             ("PyTorch f32, exact norm", exact, 'stroke="#4d8f3a" stroke-width="4" stroke-opacity=".35"'),
                             ("glitchscope train, CPU", ours, 'stroke="#111" stroke-width="1.2"')], steps))
    print("| steps | PyTorch, exact norm | `glitchscope train`, CPU | | PyTorch, its own norm | | the same, rounded otherwise | |\n| --- | --- | --- | --- | --- | --- | --- | --- |")
    tenth = steps // 10
    for first in range(0, steps, tenth):
        base, *others = (sum(losses[first:first + tenth]) / tenth for losses in (exact, ours, torch, replayed))
        print(f"| {first + 1} to {first + tenth} | {base:.4f} | " + " | ".join(f"{mean:.4f} | {mean - base:+.4f}" for mean in others) + " |")
    for name, other in (("glitchscope train", ours), ("PyTorch, its own norm", torch), ("the same, rounded otherwise", replayed)):
        apart = [abs(a - b) for a, b in zip(exact, other)]
        rest = apart[100:]
        print(f"{name}: mean {sum(apart) / steps:.5f}, largest {max(apart):.4f} at step {apart.index(max(apart)) + 1}; "
              f"from step 101 on mean {sum(rest) / len(rest):.5f}")


if __name__ == "__main__":
    main()
