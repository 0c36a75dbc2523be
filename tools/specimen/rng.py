"""A tiny seeded generator (splitmix64), so that the corpora do not depend on the Python version."""
from bisect import bisect_right

MASK = (1 << 64) - 1


def fnv1a(text: str) -> int:
    h = 0xCBF29CE484222325
    for b in text.encode("utf-8"):
        h = ((h ^ b) * 0x100000001B3) & MASK
    return h


class Rng:
    """splitmix64. Seeded by a string and an integer, so that every stream has a name."""

    def __init__(self, name: str, seed: int):
        self.state = (fnv1a(name) ^ (seed * 0x9E3779B97F4A7C15)) & MASK

    def next(self) -> int:
        self.state = (self.state + 0x9E3779B97F4A7C15) & MASK
        z = self.state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        return z ^ (z >> 31)

    def unit(self) -> float:
        return (self.next() >> 11) * (1.0 / (1 << 53))

    def below(self, n: int) -> int:
        return (self.next() * n) >> 64

    def between(self, lo: int, hi: int) -> int:
        return lo + self.below(hi - lo + 1)

    def chance(self, p: float) -> bool:
        return self.unit() < p

    def pick(self, items):
        return items[self.below(len(items))]

    def shuffle(self, items) -> None:
        for i in range(len(items) - 1, 0, -1):
            j = self.below(i + 1)
            items[i], items[j] = items[j], items[i]


class Zipf:
    """Draws items with weight 1 / (rank + shift) ** exponent, the first item being the most common."""

    def __init__(self, items, exponent: float = 0.85, shift: float = 2.0):
        self.items = list(items)
        self.cum = []
        total = 0.0
        for rank in range(len(self.items)):
            total += 1.0 / (rank + shift) ** exponent
            self.cum.append(total)

    def draw(self, rng: Rng):
        return self.items[min(bisect_right(self.cum, rng.unit() * self.cum[-1]), len(self.items) - 1)]
