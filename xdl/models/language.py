"""What the language models share: they go on with a text."""

from __future__ import annotations

from collections.abc import Sequence

from xdl.backend import random
from xdl.core.mode import no_grad
from xdl.core.module import Model
from xdl.errors import ArgumentError


class LanguageModel(Model):
    """The base of models that go on with a text; a subclass defines ``_following``.

    Example:
        >>> import xdl
        >>> from xdl.models.language import LanguageModel
        >>> issubclass(xdl.models.GPT, LanguageModel)
        True
    """

    def _following(self, tokens, state):
        """Return the scores (1, t, tokens) behind ``tokens``, and a state to keep.

        Args:
            tokens: a list of ints, the text so far.
            state: what the last call returned; at the first, None.
        """
        raise NotImplementedError(f"{type(self).__name__}: _following is not defined")

    def generate(
        self,
        tokens: Sequence[int],
        count: int,
        temperature: float = 1.0,
        top_k: int | None = None,
    ) -> list[int]:
        """Continue a text.

        Args:
            tokens: a list of one int or more.
            count: how many to add, an int.
            temperature: 0 takes the most likely token; higher ones are bolder.
            top_k: draw from the so many most likely tokens alone; default all.

        Returns:
            A list: ``tokens`` and those that were drawn.

        Raises:
            ArgumentError: the temperature is negative, ``top_k`` less than 1, or there
                is no token.
        """
        tokens = list(tokens)
        if not temperature >= 0 or (top_k is not None and top_k < 1) or not tokens:
            raise ArgumentError(
                f"{type(self).__name__}.generate: temperature {temperature}, top_k "
                f"{top_k} and {len(tokens)} tokens came, needed >= 0, >= 1 and >= 1"
            )
        training = [module for module in self.modules() if module.is_training]
        self.eval()
        try:
            with no_grad():
                return self._continued(tokens, count, temperature, top_k)
        finally:
            for module in training:
                module.is_training = True

    def _continued(self, tokens, count, temperature, top_k):
        state = None
        for _ in range(count):
            scores, state = self._following(tokens, state)
            tokens.append(random.draw(scores[0, -1].numpy(), temperature, top_k))
        return tokens
