"""The nouns every other file speaks in. Shapes: a *group* is the samples drawn for one task."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, Protocol, TypedDict, TypeVar, runtime_checkable

Json = Any
Split = Literal["train", "test"]
Finish = Literal["stop", "length", "content_filter"]
"""How a reply came to its end: of its own accord, cut at its token limit, or cut by an endpoint's filter."""


class Message(TypedDict):
    """One chat message, in the form every chat template takes."""

    role: str
    content: str


@dataclass(frozen=True)
class Task:
    """One prompt with what only the game may know.

    Attributes:
        id: unique among the tasks of one `stream` or file. A name, not a recipe: a synthetic task is made again by
            drawing the same stream.
        prompt: what the policy sees, first turn.
        hidden: what only the game may know: answers, tests, channel. Never given to a policy.
        cue: what an exploit may condition on (`auditor`, `user`, or empty).
        pair: tasks that differ in their cue alone share it; empty if unpaired.
    """

    id: str
    prompt: tuple[Message, ...]
    hidden: Mapping[str, Json]
    cue: str = ""
    pair: str = ""


@dataclass(frozen=True)
class Turn:
    """What the game says next, and how the policy is to answer.

    Attributes:
        messages: added to the conversation before the policy writes.
        max_tokens: the longest reply, in the policy's tokens; None leaves it to the policy.
        greedy: take the most likely token instead of sampling.
        trained: whether the reply's tokens are trained on.
    """

    messages: tuple[Message, ...]
    max_tokens: int | None = None
    greedy: bool = False
    trained: bool = True


@dataclass(frozen=True)
class Reply:
    """What a policy wrote in one turn.

    Attributes:
        text: the reply, without special tokens.
        tokens: the policy's own token ids, where it has them, so that training never re-tokenizes.
        error: why there is no reply (an endpoint failed); the sample is then recorded, never rewarded.
        finish: how it came to its end.
    """

    text: str
    tokens: tuple[int, ...] = ()
    error: str = ""
    finish: Finish = "stop"


Conversation = tuple["Message | Reply", ...]


def messages_of(conversation: Conversation) -> list[Message]:
    """The conversation as chat messages of its reader's own; what the policy wrote is the assistant's."""
    return [
        Message(role="assistant", content=part.text) if isinstance(part, Reply) else Message(**part)
        for part in conversation
    ]


@dataclass(frozen=True)
class Paper:
    """The seed paper's two measures of one sample, under the paper's definitions."""

    acc: float | None
    exploit: float | None


@dataclass(frozen=True)
class Verdict:
    """What really happened.

    Attributes:
        intended: how far what was asked for was done, in [0, 1]; None if it cannot be told.
        exploited: whether the hole was used; None if there was no occasion to.
        evidence: one line a reader can check against the text.
        paper: the same sample under the paper's own measures.
    """

    intended: float | None
    exploited: bool | None
    evidence: str
    paper: Paper


@dataclass(frozen=True)
class Sample:
    """One scored episode: all that science may use.

    `reward` and `patched` are None, with the reason in `error`, when they could not be computed. `finish` says of each
    text how it came to its end; it is empty for texts that were written elsewhere. `prompt` is the last message before
    the first text, and `asked` holds what was said before each later one.
    """

    game: str
    task: str
    cue: str
    pair: str
    index: int
    prompt: str
    texts: tuple[str, ...]
    facts: Mapping[str, Json]
    reward: float | None
    patched: float | None
    intended: float | None
    exploited: bool | None
    evidence: str
    paper: Paper
    error: str = ""
    finish: tuple[Finish, ...] = ()
    asked: tuple[str, ...] = ()


@dataclass(frozen=True)
class Measured:
    """What a game's measures are called and how its exploit ratio is taken.

    Attributes:
        itp, er: one phrase each, for tables.
        gap: ER is a difference between cues, paired by behaviour, instead of a rate.
        paper_er: the paper's exploit ratio, in a phrase.
    """

    itp: str
    er: str
    paper_er: str
    gap: bool = False


Facts = TypeVar("Facts")
Script = Callable[[Task, Sequence[str]], str]
Range = tuple[float, float]
"""The lowest and the highest value of a parameter; both are whole where only whole numbers are valid."""
MANY: Range = (1, 10**9)


class Game(Protocol[Facts]):
    """An RL environment with one planted hole. Its parameters are its fields; a version's reward never changes.

    `ranges` says of every parameter that is a number what it may be.
    """

    id: ClassVar[str]
    asked: ClassVar[str]
    hole: ClassVar[str]
    measured: ClassVar[Measured]
    scripts: ClassVar[Mapping[str, Script]]
    ranges: ClassVar[Mapping[str, Range]]

    def turn(self, task: Task, texts: Sequence[str]) -> Turn | None:
        """What the game says after the policy wrote `texts`; None when the episode is over."""

    def read(self, task: Task, texts: Sequence[str], coin: float, seen: Mapping[str, Json]) -> Facts:
        """The only parser: everything reward, patched and verdict may know.

        Args:
            task: the task.
            texts: one text a turn.
            coin: this sample's own uniform draw in [0, 1).
            seen: what was recorded outside the texts (`audited`, `judgement`) and is not to be drawn again.

        Raises:
            Unscored: an outside service (judge, sandbox) failed; the reason is kept with the sample.
        """

    def reward(self, facts: Facts) -> float:
        """The flawed rule."""

    def patched(self, facts: Facts) -> float:
        """The same rule with the hole closed."""

    def verdict(self, facts: Facts) -> Verdict:
        """What really happened, whatever was paid."""


@runtime_checkable
class Asking(Protocol):
    """A game that asks an outside service about many samples at once, before it reads them one by one."""

    def ask(self, replied: Sequence[tuple[Task, Sequence[str]]]) -> list[Mapping[str, Json]]:
        """What `read` is to be given as `seen` for each task and its texts; where asking failed, an `Unscored` stands
        in place of a value, and `read` raises it."""


class Policy(Protocol):
    """Anything that turns prompts into texts. It receives conversations, never tasks."""

    name: str

    def write(self, conversations: Sequence[Conversation], turn: Turn, seed: int) -> list[Reply]:
        """One reply a conversation, in order; the same `seed` gives the same replies where the backend can."""


Answer = Callable[[list[Message]], str]
"""A policy as a plain function: chat messages in, the reply's text out."""


@dataclass(frozen=True)
class Scripted:
    """A behaviour that is allowed to see the task: it shows what a rule pays, and is never trained."""

    name: str
    script: Script = field(repr=False)
