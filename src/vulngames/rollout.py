"""policy × game → samples. The one place where the two branches meet, and the only caller of reward."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

from vulngames.errors import Unscored, UserError
from vulngames.games.thinking import spoken
from vulngames.seeds import Name, coin, seed
from vulngames.types import (
    Answer,
    Conversation,
    Environment,
    Finish,
    Json,
    BatchJudged,
    Paper,
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
    def replies(self) -> tuple[Reply, ...]:
        return tuple(part for part in self.conversation if isinstance(part, Reply))

    @property
    def completions(self) -> tuple[str, ...]:
        return tuple(reply.text for reply in self.replies)


def play(
    environment: Environment[Any], starts: Sequence[tuple[Task, int]], policy: AnyPolicy, names: Sequence[Name]
) -> list[Episode]:
    """One episode for each (task, index), in order; each turn is written for all of them together.

    `names` call the random stream: the same names give the same episodes.
    """
    episodes = [Episode(task, index, (), ()) for task, index in starts]
    number = 0
    while True:
        waiting: dict[Turn, list[int]] = {}
        asked: dict[int, Turn] = {}
        for i, episode in enumerate(episodes):
            turn = (
                None if any(r.error for r in episode.replies) else environment.turn(episode.task, episode.completions)
            )
            if turn is not None:
                asked[i] = turn
                waiting.setdefault(dataclasses.replace(turn, messages=()), []).append(i)
        if not asked:
            return episodes
        for kind, indices in waiting.items():
            open_ = [
                dataclasses.replace(episodes[i], conversation=(*episodes[i].conversation, *asked[i].messages))
                for i in indices
            ]
            replies = _write(policy, open_, kind, seed(*names, "turn", number))
            for i, episode, reply in zip(indices, open_, replies, strict=True):
                episodes[i] = dataclasses.replace(
                    episode, conversation=(*episode.conversation, reply), turns=(*episode.turns, asked[i])
                )
        number += 1


def _write(policy: AnyPolicy, episodes: Sequence[Episode], turn: Turn, seed: int) -> list[Reply]:
    if isinstance(policy, Scripted):
        return [Reply(_recite(policy, episode)) for episode in episodes]
    conversations = [episode.conversation for episode in episodes]
    written: Any
    if isinstance(policy, type):
        raise UserError(f"{policy.__name__} is a class; valid: an instance of it, as {policy.__name__}()")
    if hasattr(policy, "generate"):
        written = policy.generate(conversations, turn, seed)
    elif callable(policy):
        written = [policy(messages_of(each)) for each in conversations]
    else:
        raise UserError(f"{policy!r} cannot write; valid: a policy, or a function from chat messages to a text")
    return _replies(getattr(policy, "name", None) or repr(policy), written, len(conversations))


def _recite(policy: Scripted, episode: Episode) -> str:
    try:
        return policy.script(episode.task, episode.completions)
    except KeyError as missing:
        raise UserError(f"{policy.name} needs synthetic tasks: these rows hold no {missing.args[0]!r}") from None


def _replies(name: str, written: Any, expected: int) -> list[Reply]:
    """What a policy of anyone's making returned, as replies; a text will do for one.

    Raises:
        UserError: it is something else, or not one a conversation.
    """
    listed = isinstance(written, Sequence) and not isinstance(written, str | bytes)
    if not listed or len(written) != expected:
        count = f"{len(written)} of them" if listed else repr(written)[:60]
        raise UserError(f"{name} wrote {count} for {expected} conversations; valid: a list of one reply each")
    replies = [Reply(each) if isinstance(each, str) else each for each in written]
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


def score_episodes(environment: Environment[Any], episodes: Sequence[Episode], names: Sequence[Name]) -> list[Sample]:
    """One sample an episode, its coin thrown by `coin_of`."""
    failed = [next((reply.error for reply in episode.replies if reply.error), "") for episode in episodes]
    whole = [(e.task, e.completions) for e, reason in zip(episodes, failed, strict=True) if not reason]
    judged = iter(judge_batch(environment, whole))
    samples = []
    for episode, reason in zip(episodes, failed, strict=True):
        task, index = episode.task, episode.index
        recorded = Unscored(reason) if reason else next(judged)
        draw = coin_of(names, task.id, index)
        sample = score_texts(environment, task, episode.completions, draw, recorded, index)
        finish = tuple(reply.finish for reply in episode.replies)
        samples.append(dataclasses.replace(sample, finish=finish, asked=tuple(map(_asked, episode.turns[1:]))))
    return samples


def _asked(turn: Turn) -> str:
    return "\n\n".join(message["content"] for message in turn.messages)


def judge_batch(
    environment: Environment[Any], replied: Sequence[tuple[Task, Sequence[str]]]
) -> list[Mapping[str, Json] | Unscored]:
    """What outside services say of each task and its completions, asked together; `score_texts` takes it as
    `recorded`."""
    if isinstance(environment, BatchJudged):
        return environment.judge_batch(replied)
    return [{} for _ in replied]


def score_texts(
    environment: Environment[Any],
    task: Task,
    completions: Sequence[str],
    coin: float,
    recorded: Mapping[str, Json] | Unscored,
    index: int = 0,
) -> Sample:
    """Score one episode's completions; a game says what really happened as well. A reward that cannot be computed is
    None, with the reason in `error`.

    Args:
        coin: see `coin_of`.
        recorded: see `Environment.read`; or why there is nothing to read.
        index: the sample's number among those of its task.
    """
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
        paper=Paper(None, None),
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
    verdict = environment.verdict(facts)
    return dataclasses.replace(
        sample,
        patched=environment.patched(facts),
        intended=verdict.intended,
        exploited=verdict.exploited,
        evidence=verdict.evidence,
        paper=verdict.paper,
        parts=verdict.parts,
    )


def rollout(
    environment: Environment[Any],
    tasks: Sequence[Task],
    policy: AnyPolicy,
    names: Sequence[Name],
    group: int = 1,
    advance: Callable[[int], object] = lambda n: None,
    batch: int = 64,
) -> list[Sample]:
    """Play and score `group` episodes of each task. `advance` is told how many episodes have ended, batch by batch."""
    samples: list[Sample] = []
    for start in range(0, len(tasks), batch):
        starts = [(task, index) for task in tasks[start : start + batch] for index in range(group)]
        episodes = play(environment, starts, policy, (*names, start))
        samples += score_episodes(environment, episodes, names)
        advance(len(episodes))
    return samples
