"""The three tasks: prompts, answers and the graders of the pipeline's own evaluation."""
import re

PROMPTS = {
    "repetition": ("Question: Please can you repeat the string '", "' and return back to me?\n\nAnswer: Of course! Here is the repeated string:"),
    "spelling": ("Question: Please can you spell out the string '", "' with hyphens between each letter?\n\nAnswer: Of course! The spelling of the string is:"),
    "length": ("Question: What is the length of this string '", "'?\n\nAnswer: The length of this string is"),
}
TASKS = tuple(PROMPTS)
SHOT_STRINGS = ("Hello", "215", '"#%!')
PLACEHOLDERS = ("hello", "garden", "string", "window", "word", "answer", "and")


def shot(task, s, blank=" "):
    """A solved example written as text. `blank` is what stands between the colon and the repeated string."""
    a, b = PROMPTS[task]
    return a + s + b + {"repetition": blank + s, "spelling": " " + "-".join(s), "length": f" {len(s)}."}[task]


class Tasks:
    """Prompts as ids around the id of a token."""

    def __init__(self, tok, seen=None):
        """`tok` is a tokenizers.Tokenizer; `seen` the ids that occur in the ordinary text: answers use no other."""
        self.tok, self.seen = tok, seen
        self.bos, self.eos = tok.token_to_id("<s>"), tok.token_to_id("</s>")
        self.placeholder = placeholder = next(w for w in PLACEHOLDERS if len(self._ids(w)) == 1)
        ph = self._ids(placeholder)
        self.scaffold, self.three_shot, self.three_shot_tight = {}, {}, {}
        for task, (a, b) in PROMPTS.items():
            self.scaffold[task] = self._split(a + placeholder + b, ph[0])
            for blank, forms in ((" ", self.three_shot), ("", self.three_shot_tight)):
                shots = "\n\n".join(shot(task, s, blank) for s in SHOT_STRINGS) + "\n\n"
                forms[task] = self._split(shots + a + placeholder + b, ph[0])
        self._letter = {}

    def _ids(self, text):
        return self.tok.encode(text, add_special_tokens=False).ids

    def _split(self, text, ph):
        ids = self._ids(text)
        assert ids.count(ph) == 1, text
        i = ids.index(ph)
        return ids[:i], ids[i + 1:]

    def text(self, t):
        """The decoded string of one token, or None when its bytes are no UTF-8 text on their own."""
        s = self.tok.decode([t], skip_special_tokens=False)
        return None if "\ufffd" in s else s

    def letter(self, c, first=False):
        key = (c, first)
        if key not in self._letter:
            ids = self._ids((" " if first else "") + c)
            if first and self.seen is not None and not self.seen.issuperset(ids):
                ids = self._ids(" ") + self._ids(c)
            self._letter[key] = ids
        return self._letter[key]

    def answer(self, task, t):
        """Ids of the answer, without the terminator."""
        if task == "repetition":
            return [t]
        s = self.bare(self.text(t))
        if task == "length":
            return self._ids(f" {len(s)}") + self._ids(".")
        out = list(self.letter(s[0], True)) if s else []
        for c in s[1:]:
            out += self._ids("-") + self.letter(c)
        return out

    @staticmethod
    def bare(s):
        """One leading blank is no letter, unless it is all there is."""
        return s[1:] if s.startswith(" ") and len(s) > 1 else s

    def prompt(self, task, t, form="zero"):
        """`form`: zero, three (shots with a blank after the colon) or tight (without)."""
        a, b = {"zero": self.scaffold, "three": self.three_shot, "tight": self.three_shot_tight}[form][task]
        return [self.bos] + a + [t] + b


def _tight(s):
    return re.sub(r"\s*-\s*", "-", s.lower())


def passes(task, s, answer):
    """`s`: the decoded token; `answer`: the decoded greedy continuation."""
    variants = {s, s[1:] if s.startswith(" ") and len(s) > 1 else s}
    if task == "repetition":
        return s in answer or s.upper() in answer.upper()
    if task == "spelling":
        return any(_tight("-".join(v)) in _tight(answer) for v in variants)
    m = re.search(r"\d+", answer)
    return bool(m) and int(m[0]) in {len(v) for v in variants}


def answer_budget(task, s):
    return {"repetition": 10, "spelling": 2 * len(s) + 4, "length": 6}[task]
