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
    Asking,
    Conversation,
    Finish,
    Game,
    Json,
    Paper,
    Policy,
    Reply,
    Sample,
    Scripted,
    Task,
    Turn,
    messages_of,
)

Writer = Policy | Scripted | Answer
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
    def texts(self) -> tuple[str, ...]:
        return tuple(reply.text for reply in self.replies)


def play(game: Game[Any], starts: Sequence[tuple[Task, int]], writer: Writer, names: Sequence[Name]) -> list[Episode]:
    """One episode for each (task, index), in order; each turn is written for all of them together.

    `names` call the random stream: the same names give the same episodes.
    """
    episodes = [Episode(task, index, (), ()) for task, index in starts]
    number = 0
    while True:
        waiting: dict[Turn, list[int]] = {}
        asked: dict[int, Turn] = {}
        for i, episode in enumerate(episodes):
            turn = None if any(r.error for r in episode.replies) else game.turn(episode.task, episode.texts)
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
            replies = _write(writer, open_, kind, seed(*names, "turn", number))
            for i, episode, reply in zip(indices, open_, replies, strict=True):
                episodes[i] = dataclasses.replace(
                    episode, conversation=(*episode.conversation, reply), turns=(*episode.turns, asked[i])
                )
        number += 1


def _write(writer: Writer, episodes: Sequence[Episode], turn: Turn, seed: int) -> list[Reply]:
    if isinstance(writer, Scripted):
        return [Reply(_recite(writer, episode)) for episode in episodes]
    conversations = [episode.conversation for episode in episodes]
    written: Any
    if isinstance(writer, type):
        raise UserError(f"{writer.__name__} is a class; valid: an instance of it, as {writer.__name__}()")
    if hasattr(writer, "write"):
        written = writer.write(conversations, turn, seed)
    elif callable(writer):
        written = [writer(messages_of(each)) for each in conversations]
    else:
        raise UserError(f"{writer!r} cannot write; valid: a policy, or a function from chat messages to a text")
    return _replies(getattr(writer, "name", None) or repr(writer), written, len(conversations))


def _recite(writer: Scripted, episode: Episode) -> str:
    try:
        return writer.script(episode.task, episode.texts)
    except KeyError as missing:
        raise UserError(f"{writer.name} needs synthetic tasks: these rows hold no {missing.args[0]!r}") from None


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


def score(game: Game[Any], episodes: Sequence[Episode], names: Sequence[Name]) -> list[Sample]:
    """One sample an episode; its audit coin is called by `names`, the task and the index, so it is its own."""
    failed = [next((reply.error for reply in episode.replies if reply.error), "") for episode in episodes]
    told = iter(ask(game, [(e.task, e.texts) for e, reason in zip(episodes, failed, strict=True) if not reason]))
    samples = []
    for e, reason in zip(episodes, failed, strict=True):
        draw = coin(*names, "coin", e.task.id, e.index)
        sample = judge(game, e.task, e.texts, draw, {} if reason else next(told), e.index, reason)
        finish = tuple(reply.finish for reply in e.replies)
        samples.append(dataclasses.replace(sample, finish=finish, asked=tuple(map(_asked, e.turns[1:]))))
    return samples


def _asked(turn: Turn) -> str:
    return "\n\n".join(message["content"] for message in turn.messages)


def ask(game: Game[Any], replied: Sequence[tuple[Task, Sequence[str]]]) -> list[Mapping[str, Json]]:
    """What outside services say of each task and its texts, asked together; `judge` takes it as `seen`."""
    return game.ask(replied) if isinstance(game, Asking) else [{} for _ in replied]


def judge(
    game: Game[Any],
    task: Task,
    texts: Sequence[str],
    coin: float,
    seen: Mapping[str, Json],
    index: int = 0,
    failed: str = "",
) -> Sample:
    """Read, pay and judge one episode's texts. A reward that cannot be computed is None, with the reason in `error`."""
    sample = Sample(
        game=game.id,
        task=task.id,
        cue=task.cue,
        pair=task.pair,
        index=index,
        prompt=task.prompt[-1]["content"],
        texts=tuple(texts),
        facts={},
        reward=None,
        patched=None,
        intended=None,
        exploited=None,
        evidence="",
        paper=Paper(None, None),
        error=failed,
    )
    if failed:
        return sample
    try:
        facts = game.read(task, texts, coin, seen)
    except Unscored as reason:
        return dataclasses.replace(sample, error=str(reason))
    verdict = game.verdict(facts)
    return dataclasses.replace(
        sample,
        facts=dict(vars(facts)),
        reward=game.reward(facts),
        patched=game.patched(facts),
        intended=verdict.intended,
        exploited=verdict.exploited,
        evidence=verdict.evidence,
        paper=verdict.paper,
    )


def rollout(
    game: Game[Any],
    tasks: Sequence[Task],
    writer: Writer,
    names: Sequence[Name],
    group: int = 1,
    advance: Callable[[int], object] = lambda n: None,
    batch: int = 64,
) -> list[Sample]:
    """Play and score `group` episodes of each task. `advance` is told how many episodes have ended, batch by batch."""
    samples: list[Sample] = []
    for start in range(0, len(tasks), batch):
        starts = [(task, index) for task in tasks[start : start + batch] for index in range(group)]
        episodes = play(game, starts, writer, (*names, start))
        samples += score(game, episodes, names)
        advance(len(episodes))
    return samples
