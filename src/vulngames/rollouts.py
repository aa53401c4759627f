"""policy × game → samples. The one place where the two branches meet, and the only caller of reward."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, get_args

from vulngames.errors import Unscored, UserError
from vulngames.games.spec import lacking
from vulngames.games.thinking import spoken
from vulngames.seeds import Name, coin, seed
from vulngames.types import (
    Answer,
    BatchJudged,
    Conversation,
    Environment,
    Finish,
    Json,
    Policy,
    Reply,
    Sample,
    Scripted,
    Task,
    Turn,
    is_game,
    messages_of,
)

AnyPolicy = Policy | Scripted | Answer
"""What may play a game: a policy, a function from chat messages to a text, or a script."""
_CUT = {"length": "cut at its token limit", "content_filter": "cut by a content filter"}


@dataclass(frozen=True)
class Episode:
    """A played game before scoring: the whole conversation, and the turns that led through it."""

    task: Task
    index: int
    conversation: Conversation
    turns: tuple[Turn, ...]

    @property
    def error(self) -> str:
        """Why a reply of it failed; else empty."""
        return next((reply.error for reply in self.replies if reply.error), "")

    @property
    def replies(self) -> tuple[Reply, ...]:
        return tuple(part for part in self.conversation if isinstance(part, Reply))

    @property
    def completions(self) -> tuple[str, ...]:
        return tuple(reply.text for reply in self.replies)


def play(
    environment: Environment, starts: Sequence[tuple[Task, int]], policy: AnyPolicy, names: Sequence[Name]
) -> list[Episode]:
    """One episode for each (task, index), in order; each turn is written for all of them together.

    `names` call the random stream: the same names give the same episodes.

    Raises:
        UserError: the policy cannot write, or wrote something that is no reply; or it is a script, and the tasks hold
            no answer that it could recite.
    """
    episodes = [Episode(task, index, (), ()) for task, index in starts]
    number = 0
    # Those that are answered alike are answered together.
    while alike := _asked_next(environment, episodes):
        for turn, waiting in alike.items():
            replies = _write(policy, list(waiting.values()), turn, seed(*names, "turn", number))
            for (i, episode), reply in zip(waiting.items(), replies, strict=True):
                episodes[i] = dataclasses.replace(episode, conversation=(*episode.conversation, reply))
        number += 1
    return episodes


def _asked_next(environment: Environment, episodes: Sequence[Episode]) -> dict[Turn, dict[int, Episode]]:
    """The episodes that go on, each with its next turn, by their places; those that are to be answered alike under one
    turn, whose messages are left out."""
    alike: dict[Turn, dict[int, Episode]] = {}
    for i, episode in enumerate(episodes):
        turn = None if episode.error else environment.turn(episode.task, episode.completions)
        if turn is not None:
            conversation, turns = (*episode.conversation, *turn.messages), (*episode.turns, turn)
            manner = dataclasses.replace(turn, messages=())
            waiting = alike.setdefault(manner, {})
            waiting[i] = dataclasses.replace(episode, conversation=conversation, turns=turns)
    return alike


def _write(policy: AnyPolicy, episodes: Sequence[Episode], turn: Turn, seed: int) -> list[Reply]:
    if isinstance(policy, Scripted):
        return [Reply(_recite(policy, episode)) for episode in episodes]
    conversations = [episode.conversation for episode in episodes]
    replies: Any
    if isinstance(policy, type):
        raise UserError(f"{policy.__name__} is a class; valid: an instance of it, as {policy.__name__}()")
    if hasattr(policy, "generate"):
        replies = policy.generate(conversations, turn, seed)
    elif callable(policy):
        replies = [policy(messages_of(conversation)) for conversation in conversations]
    else:
        raise UserError(f"{policy!r} cannot write; valid: a policy, or a function from chat messages to a text")
    return _replies(getattr(policy, "name", None) or repr(policy), replies, len(conversations))


def _recite(policy: Scripted, episode: Episode) -> str:
    try:
        return policy.script(episode.task, episode.completions)
    except KeyError as missing:
        raise UserError(f"{policy.name} needs synthetic tasks: these rows hold no {missing.args[0]!r}") from None


def _replies(name: str, returned: Any, expected: int) -> list[Reply]:
    """What a policy of anyone's making returned, as replies; a text will do for one.

    Raises:
        UserError: it is something else, or not one per conversation.
    """
    listed = isinstance(returned, Sequence) and not isinstance(returned, str | bytes)
    if not listed or len(returned) != expected:
        what = f"{len(returned)} of them" if listed else repr(returned)[:60]
        raise UserError(f"{name} wrote {what} for {expected} conversations; valid: a list of one reply each")
    replies = [Reply(reply) if isinstance(reply, str) else reply for reply in returned]
    for reply in replies:
        if not isinstance(reply, Reply) or not isinstance(reply.text, str):
            raise UserError(f"{name} wrote {repr(reply)[:60]} for a reply; valid: a string, or a Reply with one")
        if reply.finish not in get_args(Finish):
            valid = ", ".join(get_args(Finish))
            raise UserError(f"{name} wrote a reply with the finish {reply.finish!r}; valid: any of {valid}")
    return [_unless_cut_short(reply) for reply in replies]


def _unless_cut_short(reply: Reply) -> Reply:
    """The reply; with an error if it was cut before it said anything, for nothing can be judged then."""
    if reply.error or reply.finish == "stop" or spoken(reply.text):
        return reply
    return dataclasses.replace(reply, error=f"nothing was said: the reply was {_CUT[reply.finish]}")


def coin_of(names: Sequence[Name], task: str, index: int) -> float:
    """The audit coin of one sample, uniform in [0, 1): it belongs to the names of the rollout, the task's id and the
    sample's number among those of its task, so that whoever scores it throws the same."""
    return coin(*names, "coin", task, index)


_ALONE: Sequence[Name] = ("alone",)
"""The names of what is rolled out or scored by itself, apart from a run."""


def score_episodes(environment: Environment, episodes: Sequence[Episode], names: Sequence[Name]) -> list[Sample]:
    """One sample per episode, its coin thrown by `coin_of`."""
    whole = [(episode.task, episode.completions) for episode in episodes if not episode.error]
    judged = iter(judge_batch(environment, whole))
    samples = []
    for episode in episodes:
        task, index = episode.task, episode.index
        recorded = Unscored(episode.error) if episode.error else next(judged)
        sample = score_texts(environment, task, episode.completions, coin_of(names, task.id, index), recorded, index)
        finish = tuple(reply.finish for reply in episode.replies)
        samples.append(dataclasses.replace(sample, finish=finish, asked=tuple(map(_asked, episode.turns[1:]))))
    return samples


def _asked(turn: Turn) -> str:
    return "\n\n".join(message["content"] for message in turn.messages)


def judge_batch(
    environment: Environment, episodes: Sequence[tuple[Task, Sequence[str]]]
) -> list[Mapping[str, Json] | Unscored]:
    """What outside services say of each task and its completions, asked together; `score_texts` takes it as
    `recorded`."""
    if isinstance(environment, BatchJudged):
        return environment.judge_batch(episodes)
    return [{} for _ in episodes]


def score_texts(
    environment: Environment,
    task: Task,
    completions: Sequence[str],
    coin: float | None = None,
    recorded: Mapping[str, Json] | Unscored = MappingProxyType({}),
    index: int = 0,
) -> Sample:
    """Score one episode's completions; a game says what really happened as well. A reward that cannot be computed is
    None, with the reason in `error`.

    Args:
        completions: one text per turn; those beyond the environment's turns are not read.
        coin: uniform in [0, 1), see `coin_of`; if left out it is one that belongs to the task and the index.
        recorded: see `Environment.read`; or why there is nothing to read.
        index: the sample's number among those of its task, from 0.

    Raises:
        UserError: `environment` or `task` is none, or `completions` is no list of at least one text.
    """
    _check(environment, [task])
    if isinstance(completions, str):
        raise UserError(f"completions = {completions!r:.60} is one text; valid: a list of texts, one per turn")
    listed = isinstance(completions, Sequence) and all(isinstance(text, str) for text in completions)
    # Of an episode whose reply failed there may be none.
    if not listed or not (completions or isinstance(recorded, Unscored)):
        raise UserError(f"completions = {completions!r:.60} holds no texts; valid: a list of texts, one per turn")
    if coin is None:
        coin = coin_of(_ALONE, task.id, index)
    sample = Sample(
        game=environment.id,
        task=task.id,
        cue=task.cue,
        pair=task.pair,
        index=index,
        prompt=task.prompt[-1]["content"],
        completions=tuple(completions),
        facts={},
        reward=None,
        patched=None,
        intended=None,
        exploited=None,
        evidence="",
    )
    try:
        if isinstance(recorded, Unscored):
            raise recorded
        facts = environment.read(task, completions, coin, recorded)
    except Unscored as reason:
        return dataclasses.replace(sample, error=str(reason))
    sample = dataclasses.replace(sample, facts=dict(vars(facts)), reward=environment.reward(facts))
    if not is_game(environment):
        return sample
    # What a verdict says a sample calls by the same names.
    return dataclasses.replace(sample, patched=environment.patched(facts), **vars(environment.verdict(facts)))


def _check(environment: Environment, tasks: Sequence[Task]) -> None:
    """Whether a caller's arguments are what their types say.

    Raises:
        UserError: they are something else.
    """
    if isinstance(environment, type) or lacking(environment):
        what = repr(environment)
        raise UserError(f"environment = {what:.60} is none; valid: what vulngames.make returns for a game's id")
    if not isinstance(tasks, Sequence):
        raise UserError(f"tasks = {tasks!r:.60} is no list; valid: a list of tasks, as vulngames.take returns")
    for task in tasks:
        if not isinstance(task, Task):
            raise UserError(f"task = {task!r:.60} is none; valid: a Task, of those that vulngames.take returns")


def rollout(
    environment: Environment,
    tasks: Sequence[Task],
    policy: AnyPolicy,
    names: Sequence[Name] = _ALONE,
    group: int = 1,
    batch: int = 64,
) -> list[Sample]:
    """Play and score `group` episodes of each task, in order.

    Args:
        policy: a `Policy`, a function from chat messages to a text, or a script.
        names: call the random stream: the same names give the same samples.
        batch: tasks that are played together.

    Raises:
        UserError: as `play`; `environment` or one of `tasks` is none; or a number out of its range.
    """
    _check(environment, tasks)
    for name, number in (("group", group), ("batch", batch)):
        if number < 1:
            raise UserError(f"{name} = {number} is too small; valid: 1 or more")
    samples: list[Sample] = []
    for start in range(0, len(tasks), batch):
        starts: list[tuple[Task, int]] = []
        for task in tasks[start : start + batch]:
            starts += [(task, index) for index in range(group)]
        episodes = play(environment, starts, policy, (*names, start))
        samples += score_episodes(environment, episodes, names)
    return samples
