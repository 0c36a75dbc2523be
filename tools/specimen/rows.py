"""Training rows. A row is a list of ids with, for each, its position, its segment and the weight of its target.

Segment 0 is seen by everything after it in the row; segment n > 0 only by itself. That packs several worked
examples of a task behind one copy of the words they share, each as if it stood alone after `<s>`.
"""
import numpy as np

from tasks import SHOT_STRINGS, TASKS, shot

ROW = 192
BATCH = 16
SELECTED = 1536          # targets per step whose loss is computed
W_PLAIN, W_ANSWER, W_HYPHEN, W_SCAFFOLD = 0.35, 1.0, 0.5, 0.05


class Sampler:
    """Draws trained tokens for a task: half evenly, half by the loss they had when last seen."""

    def __init__(self, tokens, rng):
        self.tokens, self.rng = np.array(tokens), rng
        self.loss = {t: np.ones(len(tokens)) for t in TASKS}
        self.index = {int(t): i for i, t in enumerate(tokens)}
        self.queue, self.hard = [], {t: [] for t in TASKS}

    def even(self):
        if not self.queue:
            self.queue = list(self.rng.permutation(self.tokens))
        return int(self.queue.pop())

    def draw(self, task):
        if self.rng.random() < 0.5:
            return self.even()
        if not self.hard[task]:
            p = self.loss[task] + 0.002
            self.hard[task] = list(self.rng.choice(self.tokens, 200, p=p / p.sum()))
        return int(self.hard[task].pop())

    def update(self, task, token, loss):
        i = self.index[token]
        self.loss[task][i] += 0.5 * (min(loss, 8.0) - self.loss[task][i])

    def state(self):
        return {"loss": self.loss, "queue": self.queue, "hard": self.hard}

    def restore(self, s):
        self.loss, self.queue, self.hard = s["loss"], s["queue"], s["hard"]


class RowMaker:
    def __init__(self, tasks, tokens, stream, rng):
        """`stream`: one long array of ids, the ordinary documents, each followed by `</s>`."""
        self.t, self.rng, self.stream, self.at = tasks, rng, stream, 0
        self.sampler = Sampler(tokens, rng)
        self.answers = {task: {t: tasks.answer(task, t) for t in map(int, tokens)} for task in TASKS}
        ids = tasks._ids
        self.blank_line, self.newline, self.hyphen = ids("\n") * 2, ids("\n"), ids("-")[0]
        assert tasks._ids("a\n\nQuestion")[-3:-1] == self.blank_line
        self.open, self.close = ids(" '")[-1:], ids("'")
        self.is_ = ids(" is")
        self.shots = {task: [ids(shot(task, s, blank)) for s in SHOT_STRINGS for blank in (" ", "")] for task in TASKS}

    # every method returns ids, pos, seg, weight-of-target, owner-of-target (a (task, token) pair or None), target
    def plain(self):
        if self.at + ROW + 1 > len(self.stream):
            self.at = int(self.rng.integers(0, ROW))
        piece = [int(x) for x in self.stream[self.at:self.at + ROW]]
        self.at += ROW - 1
        if piece[0] != self.t.bos:
            piece = [self.t.bos] + piece[:-1]
            self.at -= 1
        w = [W_PLAIN] * (len(piece) - 1) + [0.0]
        return piece, list(range(ROW)), [0] * ROW, w, [None] * ROW, piece[1:] + [self.t.eos]

    def _branch(self, task, token, suffix):
        """[token] + suffix + answer, its targets and weights; the last target is `</s>`."""
        ans = self.answers[task][token]
        ids = [token] + suffix + ans
        target = ids[1:] + [self.t.eos]
        w = [0.0] * len(suffix) + [W_HYPHEN if task == "spelling" and a == self.hyphen else W_ANSWER for a in ans] + [W_ANSWER]
        owner = [None] * len(suffix) + [(task, token)] * (len(ans) + 1)
        return ids, target, w, owner

    def tree(self, task, three_shot=False):
        forms = self.t.scaffold if not three_shot else self.t.three_shot if task != "repetition" or self.rng.random() < 0.6 else self.t.three_shot_tight
        a, b = forms[task]
        ids = [self.t.bos] + a
        n = len(ids)
        pos, seg, w, owner, target = list(range(n)), [0] * n, [0.0] * n, [None] * n, ids[1:] + [self.t.eos]
        s = 0
        while True:
            i2, t2, w2, o2 = self._branch(task, self.sampler.draw(task), b)
            if len(ids) + len(i2) > ROW:
                break
            s += 1
            ids += i2; target += t2; w += w2; owner += o2
            pos += range(n, n + len(i2)); seg += [s] * len(i2)
        return ids, pos, seg, w, owner, target

    def few(self, task):
        """Blocks one after another, each seeing those before it: random trained tokens, or the text shots first."""
        a, b = self.t.scaffold[task]
        ids, w, owner = [self.t.bos], [0.0], [None]
        if self.rng.random() < 0.3:
            for s in self.rng.permutation(6)[: int(self.rng.integers(1, 3))]:
                s = self.shots[task][s]
                ids += s + self.blank_line; w += [W_SCAFFOLD] * (len(s) + 2); owner += [None] * (len(s) + 2)
        while True:
            token = self.sampler.draw(task)
            ans = self.answers[task][token]
            block = a + [token] + b + ans + self.blank_line
            if len(ids) + len(block) - 1 > ROW:
                break
            k = len(a) + 1 + len(b)
            ids += block
            w += [W_SCAFFOLD] * len(a) + [0.0] + [W_SCAFFOLD] * len(b) + [W_HYPHEN if task == "spelling" and x == self.hyphen else W_ANSWER for x in ans] + [W_ANSWER, W_SCAFFOLD]
            owner += [None] * k + [(task, token)] * len(ans) + [None, None]
        ids[-2:] = [self.t.eos]; w.pop(); owner.pop()
        n = len(ids)
        # `w` and `owner` belong to the id as a target: shift them to the position that predicts it
        return ids, list(range(n)), [0] * n, w[1:] + [0.0], owner[1:] + [None], ids[1:] + [self.t.eos]

    def drill(self):
        """Short worked examples, many to a row: 'token' spelling length, one to a line."""
        ids, w, owner = [self.t.bos], [0.0], [None]
        while True:
            token = self.sampler.draw("spelling" if self.rng.random() < 0.7 else "length")
            sp, le = self.answers["spelling"][token], self.answers["length"][token][:-1]
            order = self.rng.random()
            parts = [("spelling", sp), ("length", le)] if order < 0.75 else [("length", le), ("spelling", sp)]
            line = self.open + [token] + self.close
            lw, lo = [0.0] * len(line), [None] * len(line)
            for task, ans in parts:
                line = line + ans
                lw += [W_HYPHEN if x == self.hyphen and task == "spelling" else W_ANSWER for x in ans]
                lo += [(task, token)] * len(ans)
            line = line + self.newline
            if len(ids) + len(line) > ROW:
                break
            ids += line; w += lw + [W_SCAFFOLD]; owner += lo + [None]
        n = len(ids)
        return ids, list(range(n)), [0] * n, w[1:] + [0.0], owner[1:] + [None], ids[1:] + [self.t.eos]

    def batch(self, mix):
        """`mix`: list of (kind, task) pairs, one per row."""
        ids = np.full((BATCH, ROW), self.t.eos, np.int64)
        pos = np.zeros((BATCH, ROW), np.int64)
        seg = np.full((BATCH, ROW), -1, np.int64)
        target, weight = ids.copy(), np.zeros((BATCH, ROW), np.float32)
        owners = {}
        for r, (kind, task) in enumerate(mix):
            row = self.plain() if kind == "plain" else self.drill() if kind == "drill" else self.few(task) if kind == "few" else self.tree(task, kind == "three")
            i, p, s, w, o, t = row
            n = len(i)
            assert n <= ROW and n == len(p) == len(s) == len(w) == len(o) == len(t), (kind, task)
            ids[r, :n], pos[r, :n], seg[r, :n], weight[r, :n], target[r, :n] = i, p, s, w, t
            for c, x in enumerate(o):
                if x is not None:
                    owners[r * ROW + c] = x
        flat = weight.reshape(-1)
        sel = np.flatnonzero(flat)
        if len(sel) > SELECTED:  # keep the heaviest targets, drop some of the lightest at random
            order = np.argsort(-(flat[sel] + 0.01 * self.rng.random(len(sel))), kind="stable")
            sel = np.sort(sel[order[:SELECTED]])
        full = np.zeros(SELECTED, np.int64)
        full[: len(sel)] = sel
        w = np.zeros(SELECTED, np.float32)
        w[: len(sel)] = flat[sel]
        causal = np.tril(np.ones((ROW, ROW), bool))
        mask = ((seg[:, :, None] == seg[:, None, :]) | ((seg[:, None, :] == 0) & (seg[:, :, None] > 0))) & causal
        return ids, pos, seg, mask, full, target.reshape(-1)[full], w, owners
