"""Texts for benchmarks: words that follow Zipf's law, as in language, the same in every run."""

import itertools
import random

SHORTEST, LONGEST = 30, 100  # words of a memory


class Zipf:
    """`words`, the most common first, and texts of them. `random` is what everything is drawn from, in order."""

    def __init__(self, words=20000, seed=11):
        self.random = random.Random(seed)
        syllables = ["".join(p) for p in itertools.product("bdfgklmnprst", "aeiou")]
        made = ("".join(self.random.choices(syllables, k=self.random.randint(2, 4))) for _ in range(words))
        self.words = list(dict.fromkeys(made))
        self.weights = list(itertools.accumulate(1 / (rank + 2) for rank in range(len(self.words))))
        self.ranks = {word: rank for rank, word in enumerate(self.words)}

    def text(self, words):
        return " ".join(self.random.choices(self.words, cum_weights=self.weights, k=words))

    def memory(self):
        return self.text(self.random.randint(SHORTEST, LONGEST))

    def numbered(self, number):
        """The words of memory `number`, which needs none of those before it."""
        own = random.Random(number)
        return own.choices(self.words, cum_weights=self.weights, k=own.randint(SHORTEST, LONGEST))


def percentile(times, share):
    return sorted(times)[min(len(times) - 1, int(len(times) * share))]
