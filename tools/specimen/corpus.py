"""The two corpora: ordinary text from `grammar.py`, and the "web junk" that only the tokenizer sees."""
import re

from grammar import IRREGULAR_PLURAL, PARTS, RULES, WORDS
from rng import Rng, Zipf

_SLOT = re.compile(r"\{([^}]+)\}")
_VOWEL = "aeioué"
_PAST = {"travel": "travelled", "prefer": "preferred", "wrap": "wrapped", "oil": "oiled"}
_TYPED = list(".,;:!?'\"()-%&/+=*#$") + list("abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ")


def plural(w):
    last = w.rsplit(" ", 1)[-1]
    if last in IRREGULAR_PLURAL:
        return w[: len(w) - len(last)] + IRREGULAR_PLURAL[last]
    if w.endswith("y") and w[-2] not in _VOWEL:
        return w[:-1] + "ies"
    if w.endswith(("s", "x", "ch", "sh", "z")):
        return w + "es"
    return w + "s"


def past(w):
    if w in _PAST:
        return _PAST[w]
    if w.endswith("e"):
        return w + "d"
    if w.endswith("y") and w[-2] not in _VOWEL:
        return w[:-1] + "ied"
    return w + "ed"


def with_article(w):
    return ("an " if w[0].lower() in _VOWEL and not w.startswith(("euro", "use", "uni")) else "a ") + w


def capital(w):
    return w[:1].upper() + w[1:]


_MODS = {"s": plural, "ed": past, "A": with_article, "C": capital}

_REGISTERS = [("story", 22), ("weather", 11), ("travel", 14), ("kitchen", 12), ("letter", 11), ("science", 12),
              ("dialogue", 10), ("instr", 7), ("news", 8), ("class", 6)]
_COLUMN_SHARE = 0.07
_REDRAWS = 8


class Writer:
    """Writes ordinary documents, one at a time."""

    def __init__(self, seed: int):
        self.rng = Rng("ordinary text", seed)
        self.lists = {k: Zipf(v.split(), 0.8, 1.5) for k, v in WORDS.items()}
        self.rules = {k: Zipf([self._parse(p) for p in v], 0.35, 1.0) for k, v in RULES.items()}
        self.kinds = [k for k, w in _REGISTERS for _ in range(w)]
        self.ctx, self.said = {}, set()

    @staticmethod
    def _parse(pattern):
        out, pos = [], 0
        for m in _SLOT.finditer(pattern):
            if m.start() > pos:
                out.append(pattern[pos:m.start()])
            name, *mods = m.group(1).split(".")
            number = re.fullmatch(r"#(-?\d+)-(-?\d+)", name)
            out.append((name, tuple(_MODS[x] for x in mods), (int(number[1]), int(number[2])) if number else None))
            pos = m.end()
        if pos < len(pattern):
            out.append(pattern[pos:])
        return out

    def _cast(self):
        r, c = self.rng, {}
        female = r.chance(0.5)
        c["hero"] = self.lists["girl" if female else "boy"].draw(r)
        c["he"], c["his"], c["him"] = ("she", "her", "her") if female else ("he", "his", "him")
        c["friend"] = c["hero"]
        while c["friend"] == c["hero"]:
            c["friend"] = self.lists["girl" if r.chance(0.5) else "boy"].draw(r)
        for name in ("dish", "pet", "machine", "word"):
            c[name] = self.lists[name].draw(r)
        c["spelled"] = "-".join(c["word"])
        self.ctx = c

    def _slot(self, name, number, fresh=False):
        r = self.rng
        if number:
            return str(r.between(*number))
        if name[0] == "$":
            return self.ctx[name[1:]]
        if name == "cap":
            return "ABCDEFGHIJKLMNOPQRSTUVWXYZ"[r.below(26)]
        if name == "typed":
            return "'" + "-".join(r.pick(_TYPED) for _ in range(r.between(3, 6))) + "'"
        if name[0] == "~":
            a, b = PARTS[name]
            return r.pick(a) + r.pick(b)
        if name in self.rules:
            pattern = self.rules[name].draw(r)
            # A document does not use one of its sentences twice, nor a dialogue one of its questions.
            for _ in range(_REDRAWS if fresh else 0):
                if id(pattern) not in self.said:
                    break
                pattern = self.rules[name].draw(r)
            if fresh:
                self.said.add(id(pattern))
            return self._expand(pattern)
        return self.lists[name].draw(r)

    def _expand(self, parts, fresh=False):
        out, drawn = [], {}
        for p in parts:
            if isinstance(p, str):
                out.append(p)
            else:
                text = self._slot(p[0], p[2], fresh)
                # One sentence does not say the same twice: "from Ashford to Ashford", "water, water and light".
                if p[0][0] != "$" and not p[2]:
                    before = drawn.setdefault(p[0], set())
                    for _ in range(_REDRAWS):
                        if text not in before:
                            break
                        text = self._slot(p[0], None)
                    before.add(text)
                for mod in p[1]:
                    text = mod(text)
                out.append(text)
        return "".join(out)

    def document(self):
        self._cast()
        self.said = set()
        text = self._expand(self.rules[self.rng.pick(self.kinds) + "_doc"].draw(self.rng), fresh=True)
        # Speech before "said" ends in a comma where it is no question and no exclamation.
        text = text.replace('." said', '," said')
        return self._column(text) if self.rng.chance(_COLUMN_SHARE) else text

    def _column(self, text):
        """Set in a narrow newspaper column, with words broken at the end of the line."""
        r, width = self.rng, self.rng.between(24, 40)
        lines = []
        for paragraph in text.split("\n"):
            line = ""
            for word in paragraph.split(" "):
                room = width - len(line) - 2
                if len(line) + len(word) + 1 <= width:
                    line = line + " " + word if line else word
                elif line and word.isalpha() and len(word) >= 5 and room >= 2:
                    cut = min(r.between(2, len(word) - 2), room)
                    lines.append(line + " " + word[:cut] + "-")
                    line = word[cut:]
                else:
                    lines.append(line)
                    line = word
            lines.append(line)
        return "\n".join(lines)


def ordinary(seed: int, size: int):
    """Documents of ordinary text, about `size` characters in all."""
    w, docs, total = Writer(seed), [], 0
    while total < size:
        d = w.document()
        docs.append(d)
        total += len(d)
    return docs


# ------------------------------------------------------------------ junk

_SYL = "ka zor mi thra vex lu shi quo dra nim pho gla ryn osk bel tur zi wro fen dax jin moq ulk pyr haz evo kri szu gno ith".split()
_CAMEL = "Buffer Stream Reader Factory Handler Async Queue Node Proxy Config Builder Socket Thread Cache Index Parser Token Loader Widget Session Render Shader Vertex Matrix Event Listener Callback Util Manager Context".split()
_ITEM = "Shard Rune Blade Gauntlet Sigil Amulet Tome Orb Relic Cuirass Greaves Totem Flask Scepter Talisman".split()
_STUFF = "Bloodforged Voidtouched Mythril Runic Obsidian Arcane Cursed Ethereal Spectral Infernal".split()
_HOST = "srv-db01 edge-eu3 node17 proxy-a k8s-w04 cachebox".split()
_LEVEL = "INFO DEBUG WARN ERROR TRACE FATAL".split()
_TAG = "div span href class tbody colspan onclick noscript stylesheet charset viewport iframe nbsp xmlns".split()
_TLD = "com net org io biz xyz".split()
_HEX = "0123456789abcdef"
_B64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"


class Junk:
    """Junk lines. A small, fixed set of users, items and identifiers comes back again and again, as on the real web."""

    def __init__(self, seed: int):
        self.rng = r = Rng("web junk", seed)

        def name(n):
            return "".join(r.pick(_SYL) for _ in range(n))

        users = []
        for i in range(34):
            a, b = name(r.between(2, 3)), name(r.between(1, 2))
            users.append([a, a + b, capital(a) + capital(b), "xX" + a + "Xx", capital(a) + "_" + b, a + str(r.below(999)), "The" + capital(a) + capital(b)][r.below(7)])
        self.users = Zipf(users, 0.7, 3.0)
        self.items = Zipf([capital(name(2)) + r.pick(_ITEM) if r.chance(0.5) else r.pick(_STUFF) + r.pick(_ITEM) for _ in range(28)], 0.7, 3.0)
        self.idents = Zipf(["".join(r.pick(_CAMEL) for _ in range(r.between(2, 3))) for _ in range(34)], 0.7, 3.0)
        self.funcs = Zipf([name(1) + "".join(r.pick(_CAMEL) for _ in range(r.between(1, 2))) for _ in range(16)], 0.7, 3.0)

    def hex(self, n):
        return "".join(self.rng.pick(_HEX) for _ in range(n))

    def line(self):
        r = self.rng
        u, it, ident, fn = (z.draw(r) for z in (self.users, self.items, self.idents, self.funcs))
        kind = r.below(13)
        if kind < 3:  # user posts and counters
            return r.pick([f"u/{u}: {r.below(10 ** 6)}", f"@{u} @{self.users.draw(r)} >> +1", f"<{u}> {it}!!!11", f"posted by {u} ({r.below(99)}h) [–] {u}",
                           f"{u} » {self.users.draw(r)} » {it}", f"~{u}~ {self.users.draw(r)}@{r.pick(_HOST)}"])
        if kind < 5:  # game items
            return r.pick([f"[{it}] x{r.below(64)} | {u}", f"+{r.below(20)} {it} of {self.items.draw(r)} ({r.below(9999)}gp)", f"ITEM_{it.upper()}_{r.below(90)}={self.hex(4)}", f"{u} loot: [{it}][{self.items.draw(r)}]"])
        if kind < 7:  # identifiers and code
            return r.pick([f"at {ident}.{fn}({ident}.java:{r.below(900)})", f"{fn}(_{ident}, &{self.idents.draw(r)});", f"import {{{ident}}} from '@{u}/{fn}';", f"public static void {fn}({ident}<{self.idents.draw(r)}> __arg{r.below(9)}) {{}}",
                           f"throw new {ident}Exception(\"{fn}\");"])
        if kind < 9:  # logs
            return f"{r.pick(_LEVEL)} [{r.pick(_HOST)}] 0x{self.hex(8)} {ident}::{fn} pid={r.below(32768)} " + r.pick(["retcode=-1", f"uid={self.hex(6)}", "<<EOF>>", "SIGSEGV", "errno=EAGAIN", "\t\t~~~~~~~~", "\\x00\\x1b[0m"])
        if kind < 11:  # markup
            t = r.pick(_TAG)
            return r.pick([f"<{t} class=\"{fn}-{self.hex(3)}\"></{t}>", f"<a href=\"http://{u}.{r.pick(_TLD)}/?id={self.hex(8)}\">{it}</a>", f"&nbsp;&nbsp;|&raquo;<{t}/>", f"<!-- {fn} --><{t} data-{r.pick(_TAG)}=\"{{{{{ident}}}}}\">",
                           f"</{t}></{r.pick(_TAG)}></tbody>", f".{fn}{{margin:0 !important;{r.pick(_TAG)}:#{self.hex(6)}}}"])
        if kind == 11:  # ids
            return f"{self.hex(8)}-{self.hex(4)}-{self.hex(4)}-{self.hex(12)}" if r.chance(0.4) else f"sha256:{self.hex(32)}"
        head = r.pick(["data:image/png;base64,iVBORw0KGgo", "eyJhbGciOiJIUzI1NiJ9.", "ssh-rsa AAAAB3NzaC1yc2E", "MIIBIjANBgkqhkiG9w0B"])
        return head + "".join(r.pick(_B64) for _ in range(r.between(20, 60))) + "=="


def junk(seed: int, size: int):
    j, lines, total = Junk(seed), [], 0
    while total < size:
        block = "\n".join(j.line() for _ in range(j.rng.between(2, 8)))
        lines.append(block)
        total += len(block)
    return lines


if __name__ == "__main__":
    import sys
    for d in ordinary(1, int(sys.argv[1]) if len(sys.argv) > 1 else 6000):
        print(d, "\n")
    print("=" * 60)
    for d in junk(1, 2500):
        print(d, "\n")
