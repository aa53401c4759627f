"""Local models as others make them: how each ends a turn, and in one line what is wrong with it."""

import json
import os
import shutil
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("transformers")

import torch
from safetensors.torch import load_file, save_file

from vulngames import games, policies, tasks
from vulngames.errors import UserError
from vulngames.measures import measure
from vulngames.policies import BUILT_IN, TINY, Sampling, model_source
from vulngames.policies.hf import HFPolicy, load_hf
from vulngames.policies.memory import OVERRIDE, Use, _groups, check_memory, count_parameters, need
from vulngames.rollouts import rollout
from vulngames.types import Conversation, Message, Reply, Turn

END, OTHER = "<|end|>", "<|system|>"
TEMPLATE = (TINY["tiny"] / "chat_template.jinja").read_text()
Spoil = Callable[[Path], object]


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A copy of the built-in policy, to be changed."""
    return Path(shutil.copytree(TINY["tiny"], tmp_path / "model"))


def set_json(path: Path, **values: Any) -> None:
    held = json.loads(path.read_text()) if path.exists() else {}
    held = {name: value for name, value in {**held, **values}.items() if value is not None}
    path.write_text(json.dumps(held))


def id_of(folder: Path, token: str) -> int:
    held = json.loads((folder / "tokenizer.json").read_text())
    return int(next(added["id"] for added in held["added_tokens"] if added["content"] == token))


def template(folder: Path, text: str) -> None:
    (folder / "chat_template.jinja").write_text(text)


def all_tell(folder: Path) -> None:
    """Gemma 3, Phi 3.5: the tokenizer's is another, and the generation config lists both."""
    set_json(folder / "tokenizer_config.json", eos_token=OTHER)
    set_json(folder / "generation_config.json", eos_token_id=[id_of(folder, OTHER), id_of(folder, END)])


def template_tells(folder: Path) -> None:
    """Base models that were given a template: nothing else names its end."""
    set_json(folder / "tokenizer_config.json", eos_token=OTHER)
    set_json(folder / "config.json", eos_token_id=id_of(folder, OTHER))


def template_tells_of_one_listed(folder: Path) -> None:
    template_tells(folder)
    set_json(folder / "generation_config.json", eos_token_id=id_of(folder, OTHER))


def only_generation_tells(folder: Path) -> None:
    """A template that leaves the last reply open, and a tokenizer without an end."""
    set_json(folder / "tokenizer_config.json", eos_token=None)
    set_json(folder / "generation_config.json", eos_token_id=id_of(folder, END))


def ended_later(folder: Path) -> None:
    """A template that ends a reply only once another message follows."""
    template_tells(folder)
    template(
        folder,
        TEMPLATE.replace("'<|end|>' }}", "'' }}{% if not loop.last or m.role != 'assistant' %}<|end|>{% endif %}"),
    )


def phi(folder: Path) -> None:
    """A template that writes the tokenizer's end, too, after the last message of all."""
    all_tell(folder)
    template(folder, TEMPLATE + "{% if not add_generation_prompt %}{{ eos_token }}{% endif %}")


def no_padding(folder: Path) -> None:
    all_tell(folder)
    set_json(folder / "tokenizer_config.json", pad_token=None)


ENDINGS = [all_tell, template_tells, template_tells_of_one_listed, only_generation_tells, ended_later, phi, no_padding]


SHIPPED: list[dict[str, Any]] = [
    {"do_sample": True, "temperature": 0.6, "top_k": 2, "top_p": 0.8, "repetition_penalty": 1.5},
    {"no_repeat_ngram_size": 2},
    {"num_beams": 3},
    {"max_length": 20, "min_new_tokens": 25},
    {"stop_strings": ["a"]},
    {"cache_implementation": "static"},
    {"use_cache": False},
]


@pytest.mark.slow
@pytest.mark.parametrize("shipped", SHIPPED, ids=str)
def test_a_policy_writes_by_its_own_distribution_whatever_its_model_ships_with(
    model: Path, tmp_path: Path, shipped: dict[str, Any]
) -> None:
    set_json(model / "generation_config.json", eos_token_id=1, pad_token_id=0, **shipped)
    usual, policy = load_hf("tiny", Sampling()), load_hf(f"hf:{model}", Sampling())
    prompts = [task.prompt for task in tasks.take("proxy-v1", 0, "test", 4)]
    for greedy in (False, True):
        turn = Turn((), 30, greedy)
        assert policy.generate(prompts, turn, 1) == usual.generate(prompts, turn, 1)
    policy.model.save_pretrained(tmp_path / "saved")
    saved = json.loads((tmp_path / "saved" / "generation_config.json").read_text())
    assert saved.items() >= shipped.items()


def samples_of(policy: HFPolicy, game: str) -> list[Any]:
    made = games.make(game, max_tokens=40)
    return rollout(made, tasks.take(game, 0, "test", 12), policy, ("ends",), 2)


@pytest.mark.slow
@pytest.mark.parametrize("change", ENDINGS, ids=lambda change: change.__name__)
def test_the_same_weights_write_the_same_whatever_names_their_end(model: Path, change: Spoil) -> None:
    change(model)
    usual, other = load_hf("tiny", Sampling()), load_hf(f"hf:{model}", Sampling())
    assert other.end == usual.end == id_of(model, END) and set(usual.ends) <= set(other.ends)
    prompts = [task.prompt for game in games.SPECS for task in tasks.take(game, 0, "test", 6)]
    assert other.generate(prompts, Turn((), 40), 1) == usual.generate(prompts, Turn((), 40), 1)
    for game in ("tampering-v1", "proxy-v1", "self-grading-v1"):
        found = [samples_of(policy, game) for policy in (usual, other)]
        assert found[0] == found[1]
        rows = [measure(samples, games.make(game).measures) for samples in found]
        assert rows[0] == rows[1]


@pytest.mark.slow
@pytest.mark.parametrize("change", [all_tell, template_tells], ids=lambda change: change.__name__)
def test_training_pays_and_saves_the_same_whatever_names_their_end(model: Path, tmp_path: Path, change: Spoil) -> None:
    pytest.importorskip("trl")
    from vulngames.runs import Run
    from vulngames.training.config import TrainConfig, resolve
    from vulngames.training.grpo import rl

    change(model)
    runs: list[Run] = []
    for name in ("tiny", f"hf:{model}"):
        config = resolve(
            TrainConfig, game="self-grading-v1", policy=name, steps=2, prompts=2, eval_tasks=4, eval_every=1
        )
        runs.append(rl(config, tmp_path / f"run{len(runs)}"))
    usual, other = runs
    assert other.metrics() == usual.metrics()
    assert list(other.samples()) == list(usual.samples())
    weights = "model.safetensors"
    assert (other.policy / weights).read_bytes() == (usual.policy / weights).read_bytes()
    again = load_hf(f"hf:{other.policy}", Sampling())
    listed = json.loads((other.policy / "generation_config.json").read_text())["eos_token_id"]
    assert set(again.ends) == {id_of(model, END), id_of(model, OTHER)} == set(listed)
    assert samples_of(again, "proxy-v1") == samples_of(load_hf(f"hf:{usual.policy}", Sampling()), "proxy-v1")


@pytest.mark.parametrize("change", [all_tell, template_tells], ids=lambda change: change.__name__)
def test_what_is_learned_ends_as_the_template_ends_it(model: Path, change: Spoil) -> None:
    change(model)
    usual, policy = load_hf("tiny", Sampling()), load_hf(f"hf:{model}", Sampling())
    asked = tasks.take("self-grading-v1", 0, "test", 1)[0].prompt
    more = Message(role="user", content="Yes or No?")
    dialogue: Conversation = (*asked, Reply("1"), more, Reply("Yes"))
    assert policy.encode(dialogue) == usual.encode(dialogue)
    own = tuple(policy.tokenizer.encode("1", add_special_tokens=False))
    # A reply that the policy ended with either token has one end, and one that was cut gets the template's.
    for end in ((id_of(model, END),), (id_of(model, OTHER),), ()):
        ids, wrote = policy.encode((*asked, Reply("1", (*own, *end)), more))
        after = ids[len(wrote) - wrote[::-1].index(1) :]
        assert tuple(i for i, n in zip(ids, wrote, strict=True) if n) == (*own, *end)
        assert [i for i in after if i in policy.ends][: 1 - len(end)] == [policy.end][: 1 - len(end)]
        told = policy.tokenizer.decode(after)
        assert told == ("" if end else END) + f"<|user|>Yes or No?{END}<|assistant|>"


BARE = TEMPLATE.replace(" + '<|end|>'", "")
OPEN = TEMPLATE.replace("'<|end|>' }}", "('<|system|>' if loop.last and not add_generation_prompt else '<|end|>') }}")


@pytest.mark.parametrize(
    ("text", "reply_ends", "between"),
    [
        # Nothing ends a reply but what opens the next message, which may be listed as an end, as GLM has it.
        (BARE, "<|end|>", "<|user|>b<|assistant|>"),
        (BARE, "<|user|>", "b<|assistant|>"),
        (BARE, "", "<|user|>b<|assistant|>"),
        # One token ends a dialogue and another a turn within it, as gpt-oss has it.
        (OPEN, "<|system|>", "<|user|>b<|end|><|assistant|>"),
        (OPEN, "<|user|>", "<|user|>b<|end|><|assistant|>"),
        (OPEN, "", "<|end|><|user|>b<|end|><|assistant|>"),
    ],
)
def test_a_reply_has_one_end(model: Path, text: str, reply_ends: str, between: str) -> None:
    template(model, text)
    set_json(model / "generation_config.json", eos_token_id=[1, id_of(model, "<|user|>")])
    policy = load_hf(f"hf:{model}", Sampling())
    assert policy.end == (1 if text == BARE else id_of(model, "<|system|>"))
    own = tuple(policy.tokenizer.encode("a" + reply_ends, add_special_tokens=False))
    ids, wrote = policy.encode((Message(role="user", content="x"), Reply("a", own), Message(role="user", content="b")))
    assert policy.tokenizer.decode(ids[len(wrote) - wrote[::-1].index(1) :]) == between


def test_an_end_of_another_vocabulary_is_none(model: Path) -> None:
    # An architecture's default, where no generation config says otherwise, is a word of this vocabulary.
    set_json(model / "config.json", eos_token_id=[1, 300])
    assert load_hf(f"hf:{model}", Sampling()).ends == (1,)
    set_json(model / "generation_config.json", eos_token_id=[1, 300])
    assert load_hf(f"hf:{model}", Sampling()).ends == (1, 300)


def test_a_recurrent_model_writes_too(model: Path) -> None:
    from transformers import MambaConfig, MambaForCausalLM

    (model / "model.safetensors").unlink()
    MambaForCausalLM(MambaConfig(vocab_size=768, hidden_size=16, num_hidden_layers=1)).save_pretrained(model)
    policy = load_hf(f"hf:{model}", Sampling())
    prompts = [(Message(role="user", content=said),) for said in ("Hi", "Why not?")]
    assert all(reply.tokens for reply in policy.generate(prompts, Turn((), 4), 0))


def test_a_model_writes_no_further_than_it_has_places_for(model: Path) -> None:
    from transformers import GPT2Config, GPT2LMHeadModel

    (model / "model.safetensors").unlink()
    config = GPT2Config(vocab_size=768, n_positions=16, n_embd=16, n_layer=1, n_head=1, eos_token_id=1, bos_token_id=1)
    GPT2LMHeadModel(config).save_pretrained(model)
    policy = load_hf(f"hf:{model}", Sampling(max_tokens=64))
    short, long = ((Message(role="user", content=said),) for said in ("Hi", "Hi " * 40))
    (reply,) = policy.generate([short], Turn(()), 0)
    assert len(policy.encode(short)[0]) + len(reply.tokens) <= 16
    with pytest.raises(UserError, match="has room for 16 tokens, and a conversation takes 8"):
        policy.generate([short, long], Turn(()), 0)


def test_a_space_before_the_end_does_not_double_it(model: Path) -> None:
    template(model, TEMPLATE.replace("'<|end|>'", "' <|end|>'"))
    policy = load_hf(f"hf:{model}", Sampling())
    ids, _ = policy.encode((Message(role="user", content="a"), Reply("b"), Message(role="user", content="c")))
    assert (
        policy.end == 1
        and policy.tokenizer.decode(ids) == f"<|user|>a {END}<|assistant|>b{END}<|user|>c {END}<|assistant|>"
    )


def test_an_end_that_is_no_special_token_is_no_part_of_the_text(model: Path) -> None:
    held = json.loads((model / "tokenizer.json").read_text())
    for token in held["added_tokens"]:
        token["special"] = token["content"] != END and token["special"]
    (model / "tokenizer.json").write_text(json.dumps(held))
    template_tells(model)
    usual, policy = load_hf("tiny", Sampling()), load_hf(f"hf:{model}", Sampling())
    prompts = [task.prompt for task in tasks.take("proxy-v1", 0, "test", 4)]
    assert policy.generate(prompts, Turn((), 40), 1) == usual.generate(prompts, Turn((), 40), 1)


def test_a_prompt_may_hold_any_character(model: Path) -> None:
    policy = load_hf("tiny", Sampling())
    odd = "before \u241f after \u241f0\u241f"
    ids, _ = policy.encode((Message(role="user", content=odd), Reply(odd), Message(role="user", content=odd)))
    assert policy.tokenizer.decode(ids).count(odd) == 3


def test_a_reply_says_whether_it_was_cut() -> None:
    policy = load_hf("tiny", Sampling())
    prompts = [task.prompt for game in ("proxy-v1", "compliance-v1") for task in tasks.take(game, 0, "test", 8)]
    whole = policy.generate(prompts, Turn((), 200, greedy=True), 0)
    assert {reply.finish for reply in whole} == {"stop"}
    shortest = min(len(reply.tokens) for reply in whole)
    cut = policy.generate(prompts, Turn((), shortest, greedy=True), 0)
    for reply, full in zip(cut, whole, strict=True):
        # One that ends with the last token it may have is not cut.
        assert reply.finish == ("stop" if len(full.tokens) == shortest else "length")
        assert reply.tokens == full.tokens[:shortest]
    assert {reply.finish for reply in cut} == {"stop", "length"}


def test_replies_that_say_nothing_are_not_paid_and_teach_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("trl")
    from vulngames.training.config import TrainConfig, resolve
    from vulngames.training.grpo import rl

    # As a model that is cut while it thinks.
    monkeypatch.setattr(import_module("vulngames.rollouts"), "spoken", lambda text: "")
    config = resolve(TrainConfig, game="proxy-v1", steps=1, prompts=2, eval_tasks=2, max_tokens=2)
    with pytest.warns(UserWarning, match="no sample of the evaluation at step"):
        run = rl(config, tmp_path / "run")
    for row in run.samples():
        assert row["reward"] is None and row["finish"] == ["length"] and "cut at its token limit" in row["error"]
    assert all(row["failed"] == row["n"] and row["cut"]["mean"] == 1 for row in run.metrics())
    before, after = (load_hf(name, Sampling()).model.state_dict() for name in ("tiny", f"hf:{run.policy}"))
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_temperature_0_is_greedy() -> None:
    prompts = [task.prompt for task in tasks.take("compliance-v1", 0, "test", 8)]
    policy = load_hf("tiny", Sampling(temperature=0))
    assert policy.generate(prompts, Turn((), 24), 1) == policy.generate(prompts, Turn((), 24, greedy=True), 2)


SAMPLINGS: list[tuple[dict[str, Any], str]] = [
    ({"temperature": -0.1}, "temperature = -0.1 is out of range; valid: 0 (greedy) or a positive number"),
    ({"temperature": float("nan")}, "temperature = nan is out of range"),
    ({"temperature": float("inf")}, "temperature = inf is out of range"),
    ({"top_p": 7.0}, "top_p = 7.0 is out of range; valid: above 0, up to 1"),
    ({"top_p": 0.0}, "top_p = 0.0 is out of range"),
    ({"top_p": float("nan")}, "top_p = nan is out of range"),
    ({"top_k": -2}, "top_k = -2 is out of range; valid: 1 or more, or 0 for all tokens"),
    ({"max_tokens": 0}, "max_tokens = 0 is out of range; valid: 1 or more"),
]


@pytest.mark.parametrize(("how", "said"), SAMPLINGS, ids=[str(how) for how, _ in SAMPLINGS])
def test_a_way_to_write_that_is_none_is_named(how: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError) as problem:
        Sampling(**how)
    assert said in str(problem.value)


def test_all_tokens_may_be_asked_for_as_vllm_does() -> None:
    assert Sampling(top_k=-1) == Sampling(top_k=0)
    for temperature in (1e-9, 1e-5, 1e30):
        policy = load_hf("tiny", Sampling(temperature=temperature, max_tokens=4))
        assert policy.generate([(Message(role="user", content="Hi"),)], Turn(()), 0)[0].tokens


def tensors(change: Callable[[dict[str, torch.Tensor]], object]) -> Spoil:
    def spoil(folder: Path) -> None:
        held = load_file(folder / "model.safetensors")
        change(held)
        save_file(held, folder / "model.safetensors", metadata={"format": "pt"})

    return spoil


def pickled(folder: Path) -> Path:
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    return folder / "pytorch_model.bin"


def halve(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def point(path: Path) -> None:
    path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:4d7a21\nsize 123456\n")


def sharded(folder: Path) -> None:
    names = list(load_file(folder / "model.safetensors"))
    shards = [f"model-0000{n}-of-00002.safetensors" for n in (1, 2)]
    (folder / "model.safetensors").rename(folder / shards[0])
    placed = {name: shards[place % 2] for place, name in enumerate(names)}
    set_json(folder / "model.safetensors.index.json", metadata={}, weight_map=placed)


def folder_for(path: Path) -> None:
    path.unlink()
    path.mkdir()


def no_end(folder: Path) -> None:
    set_json(folder / "tokenizer_config.json", eos_token=None)
    set_json(folder / "config.json", eos_token_id=None)
    template(folder, "{% for m in messages %}{{ m.role + ': ' + m.content + '\n' }}{% endfor %}")


SPOILT: list[tuple[str, Spoil, str]] = [
    ("weights that are a pointer", lambda d: point(d / "model.safetensors"), "model.safetensors is a Git LFS pointer"),
    ("pickled weights that are a pointer", lambda d: point(pickled(d)), "pytorch_model.bin is a Git LFS pointer"),
    ("a tokenizer that is a pointer", lambda d: point(d / "tokenizer.json"), "tokenizer.json is a Git LFS pointer"),
    ("a config that is a pointer", lambda d: point(d / "config.json"), "config.json is a Git LFS pointer"),
    (
        "a generation config that is a pointer",
        lambda d: point(d / "generation_config.json"),
        "generation_config.json is a",
    ),
    ("a template that is a pointer", lambda d: point(d / "chat_template.jinja"), "chat_template.jinja is a Git LFS"),
    ("truncated weights", lambda d: halve(d / "model.safetensors"), "model.safetensors is cut short or damaged"),
    ("empty weights", lambda d: (d / "model.safetensors").write_bytes(b""), "model.safetensors is cut short or"),
    ("truncated pickled weights", lambda d: halve(pickled(d)), "its weights: "),
    ("pickled code", lambda d: torch.save({"a": os.system}, pickled(d)), "holds more than tensors"),
    ("no weights", lambda d: (d / "model.safetensors").unlink(), "it holds no weights; valid: model.safetensors"),
    ("a shard that is not there", sharded, "model-00002-of-00002.safetensors"),
    ("a missing tensor", tensors(lambda t: t.pop("model.norm.weight")), "its weights lack model.norm.weight; valid"),
    (
        "many missing tensors",
        tensors(lambda t: [t.pop(name) for name in list(t) if "mlp" in name]),
        "down_proj.weight, model.layers.0.mlp.gate_proj.weight, model.layers.0.mlp.up_proj.weight and 6 more",
    ),
    (
        "an output layer that is neither tied nor there",
        lambda d: set_json(d / "config.json", tie_word_embeddings=False),
        "its weights lack lm_head.weight",
    ),
    (
        "a tensor of another shape",
        tensors(lambda t: t.update({"model.norm.weight": torch.ones(3)})),
        "model.norm.weight has the shape (3,), not (96,)",
    ),
    (
        "a config of another size",
        lambda d: set_json(d / "config.json", vocab_size=700),
        "model.embed_tokens.weight has the shape (768, 96), not (700, 96)",
    ),
    (
        "weights that are no numbers",
        tensors(lambda t: t["model.norm.weight"].fill_(float("nan"))),
        "model.norm.weight holds values that are not finite",
    ),
    ("a config that is not JSON", lambda d: (d / "config.json").write_text("{nope"), "config.json is not JSON"),
    ("a config that is a list", lambda d: (d / "config.json").write_text("[]"), "config.json holds no JSON object"),
    (
        "a generation config that is not JSON",
        lambda d: (d / "generation_config.json").write_text("{nope"),
        "generation_config.json is not JSON",
    ),
    ("a number that is none", lambda d: set_json(d / "config.json", num_attention_heads="two"), "num_attention_heads"),
    ("no attention heads", lambda d: set_json(d / "config.json", num_attention_heads=0), "its config: "),
    ("a tokenizer that is not JSON", lambda d: (d / "tokenizer.json").write_text("{nope"), "its tokenizer: "),
    ("a tokenizer that holds nothing", lambda d: (d / "tokenizer.json").write_text("{}"), "its tokenizer: "),
    ("no tokenizer", lambda d: (d / "tokenizer.json").unlink(), "its tokenizer: "),
    ("an unknown architecture", lambda d: set_json(d / "config.json", model_type="zorg"), "its config: "),
    (
        "an architecture that brings its code",
        lambda d: set_json(d / "config.json", model_type="zorg", auto_map={"AutoConfig": "m.C"}),
        "code of their own",
    ),
    (
        "an encoder",
        lambda d: set_json(d / "config.json", model_type="bert", architectures=["BertForMaskedLM"]),
        "is a BertForMaskedLM; valid: a causal language model",
    ),
    (
        "an encoder that does not say so",
        lambda d: set_json(d / "config.json", model_type="bert", architectures=None),
        "its weights lack ",
    ),
    (
        "an encoder and a decoder",
        lambda d: set_json(d / "config.json", model_type="t5", architectures=["T5ForConditionalGeneration"]),
        "is a T5ForConditionalGeneration; valid: a causal language model",
    ),
    (
        "a classifier",
        lambda d: set_json(d / "config.json", architectures=["LlamaForSequenceClassification"]),
        "is a LlamaForSequenceClassification",
    ),
    ("weights that are a folder", lambda d: folder_for(d / "model.safetensors"), "model.safetensors cannot be read ("),
    (
        "a config of fewer layers",
        lambda d: set_json(d / "config.json", num_hidden_layers=1),
        "its config leaves model.",
    ),
    (
        "a bias that the config leaves out",
        tensors(lambda t: t.update({"model.layers.0.self_attn.q_proj.bias": torch.ones(96)})),
        "its config leaves model.layers.0.self_attn.q_proj.bias of its weights out",
    ),
    ("no template", lambda d: (d / "chat_template.jinja").unlink(), "has no chat template"),
    ("a template that does not parse", lambda d: template(d, "{% for %}"), "its chat template cannot be used ("),
    ("a template that crashes", lambda d: template(d, "{{ messages[7].content + 1 }}"), "its chat template cannot be"),
    ("a template that divides by zero", lambda d: template(d, "{{ 1 // 0 }}"), "its chat template cannot be used ("),
    ("a template that refuses", lambda d: template(d, "{{ raise_exception('no\nchat') }}"), "cannot be used (no chat)"),
    (
        "a template that loses the reply",
        lambda d: template(d, "{% for m in messages if m.role == 'user' %}{{ m.content }}{% endfor %}"),
        "its chat template loses what the assistant said",
    ),
    (
        "a template that keeps the last message only",
        lambda d: template(d, "{{ messages[-1].content }}"),
        "its chat template loses what the user said",
    ),
    ("nothing that ends a reply", no_end, "has no token that ends a reply; valid: an eos_token"),
    (
        "an end that is no token",
        lambda d: set_json(d / "generation_config.json", eos_token_id=["<|end|>"]),
        "eos_token_id of its generation config is ['<|end|>']; valid: token ids",
    ),
    (
        "an adapter",
        lambda d: (d / "config.json").rename(d / "adapter_config.json"),
        "it holds an adapter (LoRA), not a model; valid: the adapter merged",
    ),
    ("an adapter beside its model", lambda d: (d / "adapter_config.json").write_text("{}"), "it holds an adapter"),
]


@pytest.mark.parametrize(("spoil", "said"), [row[1:] for row in SPOILT], ids=[row[0] for row in SPOILT])
def test_a_model_that_cannot_be_used_is_refused_in_one_line(
    model: Path, capfd: pytest.CaptureFixture[str], spoil: Spoil, said: str
) -> None:
    spoil(model)
    with pytest.raises(UserError) as problem:
        load_hf(f"hf:{model}", Sampling())
    assert said in str(problem.value) and str(model) in str(problem.value)
    assert "\n" not in str(problem.value) and len(str(problem.value)) < 600
    assert capfd.readouterr() == ("", "")


def test_a_tensor_too_many_does_no_harm(model: Path) -> None:
    tensors(lambda t: t.update({"score.weight": torch.ones(3)}))(model)
    prompts = [task.prompt for task in tasks.take("proxy-v1", 0, "test", 2)]
    policy = load_hf(f"hf:{model}", Sampling())
    assert policy.generate(prompts, Turn((), 8), 0) == load_hf("tiny", Sampling()).generate(prompts, Turn((), 8), 0)


@pytest.mark.parametrize("weights", ["pytorch_model.bin", "shards"])
def test_weights_of_other_forms_are_the_same(model: Path, weights: str) -> None:
    if weights == "shards":
        held = load_file(model / "model.safetensors")
        sharded(model)
        for n in (0, 1):
            part = {name: tensor for place, (name, tensor) in enumerate(held.items()) if place % 2 == n}
            save_file(part, model / f"model-0000{n + 1}-of-00002.safetensors", metadata={"format": "pt"})
    else:
        pickled(model)
        # Nobody reads the other form then.
        point(model / "training_args.bin")
    prompts = [task.prompt for task in tasks.take("proxy-v1", 0, "test", 2)]
    policy = load_hf(f"hf:{model}", Sampling())
    assert policy.generate(prompts, Turn((), 8), 0) == load_hf("tiny", Sampling()).generate(prompts, Turn((), 8), 0)


def test_a_token_that_the_model_has_not_is_named(model: Path) -> None:
    tensors(lambda t: t.update({"model.embed_tokens.weight": t["model.embed_tokens.weight"][:500].clone()}))(model)
    set_json(model / "config.json", vocab_size=500)
    policy = load_hf(f"hf:{model}", Sampling())
    word = policy.tokenizer.convert_ids_to_tokens(600)
    with pytest.raises(UserError, match="as token 600, and its embedding only 500 tokens"):
        policy.encode((Message(role="user", content=policy.tokenizer.decode([600])),))
    assert word and policy.encode((Message(role="user", content="a"),))


NO_SYSTEM = (
    "{% if messages[0].role == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}" + TEMPLATE
)
DROPS_SYSTEM = TEMPLATE.replace("in messages %}", "in messages if m.role != 'system' %}")
ALTERNATES = (
    "{% set s = 1 if messages[0].role == 'system' else 0 %}{% for m in messages[s:] %}"
    "{% if (m.role == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('roles must alternate') }}{% endif %}"
    "{% endfor %}"
) + TEMPLATE
SYSTEM, ASK, MORE = (
    Message(role=role, content=said) for role, said in (("system", "Be brief."), ("user", "Why?"), ("user", "How?"))
)
FITTED = [
    (TEMPLATE, (SYSTEM, ASK, MORE), ["system:Be brief.", "user:Why?", "user:How?"], []),
    (NO_SYSTEM, (SYSTEM, ASK), ["user:Be brief.\n\nWhy?"], ["a system message is put at the head of the user's"]),
    (DROPS_SYSTEM, (SYSTEM, ASK), ["user:Be brief.\n\nWhy?"], ["a system message is put at the head of the user's"]),
    (NO_SYSTEM, (ASK, MORE), ["user:Why?", "user:How?"], []),
    (ALTERNATES, (SYSTEM, ASK), ["system:Be brief.", "user:Why?"], []),
    (ALTERNATES, (ASK, MORE), ["user:Why?\n\nHow?"], ["consecutive messages of one role are joined"]),
    (
        ALTERNATES.replace("{% set s = 1 if messages[0].role == 'system' else 0 %}", "{% set s = 0 %}"),
        (SYSTEM, ASK, MORE),
        ["user:Be brief.\n\nWhy?\n\nHow?"],
        ["a system message is put at the head of the user's, and consecutive messages of one role are joined"],
    ),
    (NO_SYSTEM, (SYSTEM,), ["user:Be brief."], ["a system message is put at the head of the user's"]),
]


@pytest.mark.parametrize(("text", "messages", "given", "changes"), FITTED)
def test_messages_are_fitted_to_what_a_template_demands(
    model: Path, recwarn: pytest.WarningsRecorder, text: str, messages: Any, given: list[str], changes: list[str]
) -> None:
    template(model, text)
    policy = load_hf(f"hf:{model}", Sampling())
    for _ in range(2):
        ids, _wrote = policy.encode(messages)
        parts = policy.tokenizer.decode(ids).removesuffix("<|assistant|>").split(END)[:-1]
        assert [part.removeprefix("<|").replace("|>", ":") for part in parts] == given
    assert policy.template.changes == changes
    told = [str(each.message) for each in recwarn if "as its chat template demands" in str(each.message)]
    assert len(told) == len(changes) and all(str(model) in line for line in told)


@pytest.mark.filterwarnings("ignore:.*as its chat template demands")
def test_a_template_without_system_messages_plays_every_game(model: Path) -> None:
    template(model, NO_SYSTEM)
    policy = load_hf(f"hf:{model}", Sampling())
    for game in games.SPECS:
        assert all(sample.completions for sample in samples_of(policy, game))


@pytest.mark.filterwarnings("ignore:.*as its chat template demands")
def test_a_run_says_what_was_done_to_messages(model: Path, tmp_path: Path) -> None:
    pytest.importorskip("trl")
    from vulngames.training.config import TrainConfig, resolve
    from vulngames.training.grpo import rl

    template(model, NO_SYSTEM)
    config = resolve(TrainConfig, game="self-grading-v1", policy=f"hf:{model}", steps=1, prompts=2, eval_tasks=2)
    about = rl(config, tmp_path / "run").about
    assert about["messages_changed"] == ["a system message is put at the head of the user's"]


def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder as a user has it: two runs, one of them without a policy yet."""
    for path in ("runs/policy", "runs/t1/policy", "models/qwen"):
        (tmp_path / path).mkdir(parents=True)
        (tmp_path / path / "config.json").write_text("{}")
    for path in ("runs/t1", "runs/exam"):
        (tmp_path / path).mkdir(exist_ok=True)
        (tmp_path / path / "run.json").write_text("{}")
    monkeypatch.chdir(tmp_path)


MISSING = [
    ("runs/polcy", "it does not exist; near it: hf:runs/policy"),
    ("rusn/policy", "it does not exist; near it: hf:runs/policy"),
    ("runs/t2/policy", "it does not exist; near it: hf:runs/t1/policy"),
    ("runs/t2", "it does not exist; near it: hf:runs/t1/policy"),
    ("./models/qwem", "it does not exist; near it: hf:models/qwen"),
    ("models/zebra", "it does not exist"),
    ("nowhere", "it does not exist"),
    ("a/b/c", "it does not exist"),
    ("runs/t1", "it holds no config.json; valid: hf:runs/t1/policy"),
    ("runs/exam", "it holds no config.json: it is a run that has left no policy"),
    ("runs", "it holds no config.json; valid: hf:runs/policy"),
    ("models", "it holds no config.json"),
    ("models/qwen/config.json", "it is a file; valid: the directory that holds config.json"),
    ("~/models/nothing", "it does not exist"),
]


@pytest.mark.parametrize(("source", "said"), MISSING)
def test_a_path_with_a_mistake_is_no_id_of_a_hub(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, said: str
) -> None:
    here(tmp_path, monkeypatch)
    with pytest.raises(UserError) as problem:
        model_source(f"hf:{source}")
    assert "is not a model directory: " in str(problem.value) and said in str(problem.value)
    assert ("near it" in str(problem.value)) == ("near it" in said)


@pytest.mark.parametrize("source", ["org/name", "Qwen/Qwen3-0.6B", "models/qwen", "runs/policy"])
def test_what_may_be_on_a_hub_or_is_here_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str) -> None:
    here(tmp_path, monkeypatch)
    assert model_source(f"hf:{source}") == source


def test_a_home_directory_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here(tmp_path, monkeypatch)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert model_source("hf:~/models/qwen") == str(tmp_path / "models/qwen")


@pytest.mark.parametrize("offline", [False, True])
def test_a_hub_out_of_reach_is_asked_once(monkeypatch: pytest.MonkeyPatch, offline: bool) -> None:
    import httpx
    from huggingface_hub import constants

    asked = []

    def refuse(url: str, **_: Any) -> None:
        asked.append(url)
        raise httpx.ConnectError("no route")

    monkeypatch.setattr("httpx.head", refuse)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", offline)
    with pytest.raises(UserError) as problem:
        load_hf("hf:no-such-organisation/no-such-model", Sampling())
    why = "HF_HUB_OFFLINE is set" if offline else "no route"
    assert f"out of reach ({why})" in str(problem.value) and len(asked) == (0 if offline else 1)


@pytest.mark.parametrize("reachable", [False, True])
def test_what_the_cache_holds_is_used_without_the_hub(monkeypatch: pytest.MonkeyPatch, reachable: bool) -> None:
    import httpx
    import huggingface_hub
    import transformers

    def head(url: str, **_: Any) -> None:
        if not reachable:
            raise httpx.ConnectTimeout("timed out")

    monkeypatch.setattr("httpx.head", head)
    monkeypatch.setattr(huggingface_hub, "try_to_load_from_cache", lambda *_: "/cache/config.json")
    told: list[Any] = []

    def config(source: str, **how: Any) -> Any:
        told.append(how["local_files_only"])
        raise OSError("enough")

    monkeypatch.setattr(transformers.AutoConfig, "from_pretrained", config)
    with pytest.raises(UserError, match="enough"):
        load_hf("hf:some/model", Sampling())
    assert told == [not reachable]


def test_memory_is_worked_out_as_it_is_measured() -> None:
    policy = load_hf("tiny", Sampling())
    model, rows, prompt, reply = policy.model.train(), 4, 30, 20
    use = Use(rows, reply, batch=rows)
    parameters = count_parameters(model.config)
    found = need(model.config, parameters, torch.float32, use, prompt=prompt)
    assert parameters == sum(p.numel() for p in model.parameters())

    ids = torch.randint(5, 700, (rows, prompt + reply))
    cache = model(input_ids=ids).past_key_values
    assert found.cache == sum(part.nbytes for layer in cache.layers for part in (layer.keys, layer.values))

    kept: dict[int, int] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        loss = model(input_ids=ids, use_cache=False, logits_to_keep=reply).logits.log_softmax(-1).mean()
    own = {p.untyped_storage().data_ptr() for p in model.parameters()}
    activations = sum(size for place, size in kept.items() if place not in own)
    assert 0.5 < found.activations / activations < 2, (found.activations, activations)

    optimizer = torch.optim.AdamW(model.parameters())
    loss.backward()
    optimizer.step()
    assert found.weights == sum(p.nbytes for p in model.parameters())
    assert found.gradients == sum(p.grad.nbytes for p in model.parameters())
    moments = [part for state in optimizer.state.values() for part in state.values() if part.ndim]
    assert found.moments == sum(part.nbytes for part in moments)
    assert need(model.config, parameters, torch.float32, Use(1, 1, reference=True)).least == 2 * found.weights


def huge(folder: Path, width: int = 16384) -> None:
    sizes = {"hidden_size": width, "intermediate_size": 4 * width, "num_hidden_layers": 60, "head_dim": 128}
    set_json(folder / "config.json", **sizes, num_attention_heads=128)
    (folder / "model.safetensors").unlink()


def test_what_cannot_fit_is_refused_before_anything_is_loaded(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    huge(model)
    with pytest.raises(UserError) as problem:
        load_hf(f"hf:{model}", Sampling())
    assert "does not fit: its 226 billion parameters take" in str(problem.value) and OVERRIDE in str(problem.value)
    monkeypatch.setenv(OVERRIDE, "1")
    with pytest.warns(UserWarning, match="226 billion parameters"), pytest.raises(UserError, match="holds no weights"):
        load_hf(f"hf:{model}", Sampling())


def test_training_takes_four_times_what_writing_does(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = policies.hf.load_hf("tiny", Sampling()).model.config
    monkeypatch.setattr("vulngames.policies.memory._machine", lambda: (10 << 30, 5 << 30))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.warns(
        UserWarning,
        match=r"1 billion parameters take 3.7 GiB \(weights 3.7\), and up to .* for 8 replies of 100 .* which 5.0",
    ):
        check_memory("hf:m", config, 10**9, torch.float32, Use(8, 100))
    with pytest.raises(
        UserError,
        match=r"take 14.9 GiB \(weights 3.7, gradients 3.7, Adam's moments 7.5\), and this machine has 10.0 GiB; valid",
    ):
        check_memory("hf:m", config, 10**9, torch.float32, Use(8, 100, batch=4))


def test_the_built_in_policies_say_nothing_of_memory(recwarn: pytest.WarningsRecorder) -> None:
    for name in BUILT_IN:
        load_hf(name, Sampling())
    assert not [each for each in recwarn if "GiB" in str(each.message)]


def test_a_group_of_processes_is_bound_by_those_that_hold_it(tmp_path: Path) -> None:
    listed, mounted = tmp_path / "cgroup", tmp_path / "mounted"
    listed.write_text("4:memory:/outer/inner\n1:cpu:/\n0::/pod/box\n")
    for folder, names, values in (
        (mounted / "pod", ("memory.max", "memory.current"), ("1000", "10")),
        (mounted / "pod/box", ("memory.max", "memory.current"), ("max", "10")),
        (mounted / "memory", ("memory.limit_in_bytes", "memory.usage_in_bytes"), ("2000", "20")),
    ):
        folder.mkdir(parents=True)
        for name, value in zip(names, values, strict=True):
            (folder / name).write_text(value + "\n")
    assert sorted(_groups(listed, mounted)) == [(1000, 10), (2000, 20)]
    assert _groups(tmp_path / "nothing", mounted) == []
