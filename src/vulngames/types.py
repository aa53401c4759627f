"""The nouns every other file speaks in. Shapes: a *group* is the samples drawn for one task."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, Protocol, TypedDict, TypeGuard, runtime_checkable

from typing_extensions import TypeVar

from vulngames.errors import Unscored

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
    """One sample under the definitions of the seed paper (arXiv 2602.12124).

    Attributes:
        acc: whether what was asked for was done, 0 or 1; None if the paper says nothing of such a sample.
        exploit: whether the hole was used, 0 or 1; likewise.
    """

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
        parts: named shares that explain the measures, each in [0, 1]; one that this sample says nothing of is left out.
            Under `WELL_FORMED`, of exploited samples alone, 1 for a clean instance of the exploit and 0 for debris.
    """

    intended: float | None
    exploited: bool | None
    evidence: str
    paper: Paper = Paper(None, None)
    parts: Mapping[str, float] = field(default_factory=dict)


WELL_FORMED = "well_formed"
"""The part of a verdict that tells a clean instance of the exploit; see `Measures`."""


def well_formed(exploited: bool | None, clean: bool | None) -> dict[str, float]:
    """That part; nothing where nothing was exploited, or it cannot be told."""
    return {WELL_FORMED: float(clean)} if exploited and clean is not None else {}


@dataclass(frozen=True)
class Sample:
    """One scored episode: all that science may use.

    Attributes:
        game, task: their ids.
        cue, pair: the task's.
        index: its number among the samples of its task, from 0.
        prompt: the last message before the first completion.
        completions: what the policy wrote, one text per turn.
        facts: what the game read in them.
        reward: what the rule in use pays; None if that could not be computed.
        patched: what the rule with the hole closed pays; None as well where no such rule is known.
        intended, exploited, evidence, paper, parts: the verdict's, see `Verdict`.
        error: why there is no reward; else empty.
        finish: how each completion came to its end; empty for those that were written elsewhere.
        asked: what was said before each completion but the first.
    """

    game: str
    task: str
    cue: str
    pair: str
    index: int
    prompt: str
    completions: tuple[str, ...]
    facts: Mapping[str, Json]
    reward: float | None
    patched: float | None
    intended: float | None
    exploited: bool | None
    evidence: str
    paper: Paper = Paper(None, None)
    error: str = ""
    finish: tuple[Finish, ...] = ()
    asked: tuple[str, ...] = ()
    parts: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Gap:
    """An exploit ratio that is a difference: one part of the verdict, minus another, paired by behaviour."""

    first: str
    second: str


@dataclass(frozen=True)
class Measures:
    """What a game's measures are called, and how its exploit ratio is taken.

    Attributes:
        itp, er: one phrase each, for tables.
        paper_er: the paper's exploit ratio, in a phrase; empty of a game that it does not have.
        gap: the parts whose difference ER is; None if ER is the rate of exploits among the occasions.
        well_formed: what a clean instance of the exploit is, in a phrase, of which verdicts tell the share of exploited
            samples that are one; empty of a game that does not tell.
    """

    itp: str
    er: str
    paper_er: str = ""
    gap: Gap | None = None
    well_formed: str = ""


Facts = TypeVar("Facts", default=Any)
Script = Callable[[Task, Sequence[str]], str]
Range = tuple[float, float]
"""The lowest and the highest value of a parameter; both are whole where only whole numbers are valid."""
MANY: Range = (1, 10**9)


class Environment(Protocol[Facts]):
    """What pays a policy for its completions. A user's reward is one (`games.reward`); a `Game` knows more."""

    @property
    def id(self) -> str:
        """Its name, with a version where there are several."""

    def turn(self, task: Task, completions: Sequence[str]) -> Turn | None:
        """What is said after the policy wrote `completions`; None when the episode is over."""

    def read(self, task: Task, completions: Sequence[str], coin: float, recorded: Mapping[str, Json]) -> Facts:
        """The only parser: everything that the other methods may know.

        Args:
            task: the task.
            completions: one text per turn.
            coin: this sample's own uniform draw in [0, 1); see `rollout.coin_of`.
            recorded: what is known beside the completions (`audited`, `judgement`) and is not to be drawn again.

        Raises:
            Unscored: it cannot be scored, or an outside service (judge, sandbox) failed; the reason is kept with the
                sample.
        """

    def reward(self, facts: Facts) -> float:
        """What is paid."""


class Game(Environment[Facts], Protocol[Facts]):
    """An environment with one planted hole, which it knows. Its parameters are its fields; a version's reward never
    changes.

    `ranges` says of every parameter that is a number what it may be.
    """

    asked: ClassVar[str]
    hole: ClassVar[str]
    measures: ClassVar[Measures]
    scripts: ClassVar[Mapping[str, Script]]
    ranges: ClassVar[Mapping[str, Range]]

    def patched(self, facts: Facts) -> float:
        """The same rule as `reward` with the hole closed."""

    def verdict(self, facts: Facts) -> Verdict:
        """What really happened, whatever was paid."""


def is_game(environment: Environment[Facts]) -> TypeGuard[Game[Facts]]:
    """Whether it knows its hole, or only pays."""
    return hasattr(environment, "verdict")


def measures_of(environment: Environment) -> Measures | None:
    """What an environment's measures are; None if it only pays."""
    return environment.measures if is_game(environment) else None


@runtime_checkable
class BatchJudged(Protocol):
    """An environment that asks an outside service about many episodes at once, before it reads them one by one.

    Attributes:
        judged_as: the name under which a judgement stands in what `read` is given as `recorded`; nobody is asked about
            an episode of which one is known.
    """

    judged_as: ClassVar[str]

    def judge_batch(self, episodes: Sequence[tuple[Task, Sequence[str]]]) -> list[Mapping[str, Json] | Unscored]:
        """What `read` is to be given as `recorded` for each task and its completions, or why there is nothing."""


class Policy(Protocol):
    """Anything that turns prompts into completions. It receives conversations, never tasks."""

    name: str

    def generate(self, conversations: Sequence[Conversation], turn: Turn, seed: int) -> list[Reply]:
        """One reply per conversation, in order; the same `seed` gives the same replies where the backend can."""


Answer = Callable[[list[Message]], str]
"""A policy as a plain function: chat messages in, the reply's text out."""


@dataclass(frozen=True)
class Scripted:
    """A behaviour that is allowed to see the task: it shows what a rule pays, and is never trained."""

    name: str
    script: Script = field(repr=False)
