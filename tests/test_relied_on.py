"""What we rely on of libraries beyond what they promise. A test that fails here names what a release has changed.

Two reliances have their tests elsewhere: TENSORBOARD_LOGGING_DIR in test_train.py, and the words of torch and
safetensors for a full disk, which training/run.py looks for, in test_cli.py.
"""

import subprocess
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("trl")

import torch
import transformers
import trl
from datasets import Dataset
from hypothesis import given, settings
from hypothesis.strategies import booleans

from vulngames.policies import Sampling
from vulngames.policies.hf import HFPolicy, load_hf
from vulngames.training import grpo  # noqa: F401  # It sets TRL_EXPERIMENTAL_SILENCE.
from vulngames.training.run import silence_libraries, without_extras


@pytest.fixture
def policy() -> HFPolicy:
    return load_hf("tiny", Sampling())


# transformers: loading.py asks a generation config whether it is a model's own.


@pytest.mark.slow
def test_a_generation_config_says_whether_it_has_a_file_of_its_own(policy: HFPolicy, tmp_path: Path) -> None:
    assert policy.model.generation_config._from_model_config is True
    policy.model.save_pretrained(tmp_path)
    transformers.GenerationConfig(eos_token_id=1).save_pretrained(tmp_path)
    again = transformers.AutoModelForCausalLM.from_pretrained(tmp_path)
    assert not again.generation_config._from_model_config


# transformers: decoding.py is the `custom_generate` of `generate`.


def handed_over(policy: HFPolicy, **how: Any) -> dict[str, Any]:
    """What `generate` hands to a decoding loop of one's own."""
    found: dict[str, Any] = {}

    def loop(model: Any, input_ids: Any, **given: Any) -> Any:
        found.update(given, input_ids=input_ids)
        return input_ids

    ids = torch.tensor([[2, 3, 4], [0, 3, 4]])
    policy.model.generate(input_ids=ids, attention_mask=(ids != 0).long(), custom_generate=loop, **how)
    return found


def test_generate_hands_a_loop_of_ones_own_what_it_needs(policy: HFPolicy) -> None:
    given = handed_over(policy, max_new_tokens=7, eos_token_id=[1, 5], pad_token_id=0, do_sample=True, top_k=2)
    assert given["input_ids"].shape == given["attention_mask"].shape == (2, 3)
    config = given["generation_config"]
    assert (config.max_length, config.pad_token_id, config.do_sample) == (10, 0, True)
    assert list(torch.as_tensor(config.eos_token_id)) == [1, 5]
    scores = given["logits_processor"](given["input_ids"], torch.arange(8.0).repeat(2, 1))
    assert torch.isfinite(scores).sum(-1).tolist() == [2, 2], "top_k is applied by the processors"


def test_generate_makes_one_empty_cache_under_the_name_that_the_model_takes(policy: HFPolicy) -> None:
    given = handed_over(policy, max_new_tokens=7)
    ((name, cache),) = [(k, v) for k, v in given.items() if isinstance(v, transformers.Cache)]
    assert cache.get_seq_length() == 0
    ids, places = torch.tensor([[2, 3, 4], [2, 4, 3]]), torch.arange(3).repeat(2, 1)
    with torch.no_grad():
        rest = {"attention_mask": torch.ones_like(ids), "position_ids": places, "use_cache": True, "logits_to_keep": 1}
        logits = policy.model(input_ids=ids, **{name: cache}, **rest).logits
    assert logits.shape[:2] == (2, 1) and cache.get_seq_length() == 3


def test_a_cache_keeps_the_rows_it_is_told_to_in_place(policy: HFPolicy) -> None:
    cache = transformers.DynamicCache(config=policy.model.config)
    keys = torch.arange(3.0)[:, None, None, None].expand(3, 2, 1, 4)
    cache.update(keys, keys, 0)
    cache.batch_select_indices(torch.tensor([2, 0, 0]))
    kept, _ = cache.update(keys[:, :, :0], keys[:, :, :0], 0)
    assert kept[:, 0, 0, 0].tolist() == [2.0, 0.0, 0.0]


# TRL: grpo.py plays the game itself in `rollout_func`, and hands over tokens, what to train on, and the pay.


def trained(policy: HFPolicy, out: Path, pay: list[float | None], masked: bool = False) -> tuple[bool, Any, set[str]]:
    """Whether a step of GRPO on two groups of four changed the policy, its trainer, and what a reward is told."""
    told: set[str] = set()

    def roll(prompts: list[str], trainer: Any) -> dict[str, Any]:
        assert prompts == ["0"] * 4 + ["1"] * 4 and trainer.state.global_step == 0
        with trl.models.unwrap_model_for_generation(trainer.model_wrapped, trainer.accelerator) as model:
            assert hasattr(model, "generate")
        completions = [[5 + i, 6, 1] for i in range(len(prompts))]
        return {
            "prompt_ids": [[2, 3]] * len(prompts),
            "completion_ids": completions,
            "env_mask": [[0 if masked else 1] * 3] * len(prompts),
            "logprobs": None,
            "pay": pay,
        }

    def paid(prompts: Any, pay: list[float | None], **more: Any) -> list[float | None]:
        told.update(more)
        return list(pay)

    args = trl.GRPOConfig(
        output_dir=str(out), max_steps=1, per_device_train_batch_size=8, num_generations=4, learning_rate=1e-2,
        use_cpu=True, bf16=False, gradient_checkpointing=False, report_to="none", disable_tqdm=True, save_steps=1,
        shuffle_dataset=False, beta=0.0,
    )  # fmt: skip
    trainer = without_extras(
        trl.GRPOTrainer(
            model=policy.model, reward_funcs=[paid], args=args, processing_class=policy.tokenizer, rollout_func=roll,
            train_dataset=Dataset.from_dict({"prompt": ["0", "1"]}),
        )
    )  # fmt: skip
    before = [parameter.detach().clone() for parameter in policy.model.parameters()]
    trainer.train()
    same = all(torch.equal(a, b) for a, b in zip(before, policy.model.parameters(), strict=True))
    return not same, trainer, told


@pytest.mark.slow
@pytest.mark.parametrize(
    ("pay", "masked", "learns"),
    [
        ([0.0, 1.0, 0.0, 1.0, 1.0, 1.0, 1.0, 1.0], False, True),
        ([0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0], False, False),
        ([0.0, 1.0, 0.0, 1.0, 1.0, 1.0, 1.0, 1.0], True, False),
        ([None, 1.0, 1.0, 1.0, None, None, 0.0, 0.0], False, False),
    ],
    ids=["within a group", "not between groups", "not from tokens masked by env_mask", "not from unscored samples"],
)
def test_grpo_learns_from_pay(
    policy: HFPolicy, tmp_path: Path, pay: list[float | None], masked: bool, learns: bool
) -> None:
    changed, _, told = trained(policy, tmp_path, pay, masked)
    assert changed == learns and "pay" not in told


def test_a_checkpoint_is_a_folder_named_by_its_step_without_a_model_card(policy: HFPolicy, tmp_path: Path) -> None:
    _, trainer, _ = trained(policy, tmp_path, [0.0, 1.0] * 4)
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint-1"], "what newest_whole looks for"
    held = {path.name for path in (tmp_path / "checkpoint-1").iterdir()}
    assert "README.md" not in held and {"model.safetensors", "trainer_state.json"} <= held
    assert callable(type(trainer).create_model_card), "what silence takes away"


def test_a_training_run_says_nothing_of_its_own(
    policy: HFPolicy, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        silence_libraries()
        trained(policy, tmp_path, [0.0, 1.0] * 4)
    assert capfd.readouterr().out == "", "PrinterCallback is what printed"
    assert not [each for each in said if "TRL_EXPERIMENTAL_SILENCE" in str(each.message)]


def test_sft_takes_rows_that_are_tokenized_already(policy: HFPolicy, tmp_path: Path) -> None:
    def trained_on(labels: list[int], out: Path) -> bool:
        args = trl.SFTConfig(
            output_dir=str(out), max_steps=1, per_device_train_batch_size=1, learning_rate=1e-3, max_length=None,
            dataset_kwargs={"skip_prepare_dataset": True}, use_cpu=True, bf16=False, gradient_checkpointing=False,
            report_to="none", disable_tqdm=True, save_strategy="no",
        )  # fmt: skip
        rows = Dataset.from_list([{"input_ids": [2, 3, 5, 1], "labels": labels}])
        trainer = trl.SFTTrainer(model=policy.model, args=args, train_dataset=rows, processing_class=policy.tokenizer)
        before = [parameter.detach().clone() for parameter in policy.model.parameters()]
        trainer.train()
        return not all(torch.equal(a, b) for a, b in zip(before, policy.model.parameters(), strict=True))

    assert not trained_on([-100] * 4, tmp_path / "none"), "labels of -100 teach nothing"
    assert trained_on([-100, -100, 5, 1], tmp_path / "reply")


# The interpreter: a child of the sandbox leaves as a program would, without the cost of tearing it down.


def run(code: str) -> list[str]:
    done = subprocess.run([sys.executable, "-S", "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_shutdown_of_threading_waits_for_threads_and_ends_idle_executors() -> None:
    code = (
        "import os, threading, time\n"
        "from concurrent.futures import ThreadPoolExecutor\n"
        "pool = ThreadPoolExecutor(2)\n"
        "pool.submit(print, 'pool', flush=True).result()\n"
        "threading.Thread(target=lambda: (time.sleep(0.1), print('thread', flush=True))).start()\n"
        "threading._shutdown()\n"
        "os._exit(0)\n"
    )
    assert run(code) == ["pool", "thread"]


def test_exit_functions_can_be_run_early() -> None:
    code = "import atexit, os\natexit.register(print, 'left', flush=True)\natexit._run_exitfuncs()\nos._exit(0)\n"
    assert run(code) == ["left"]


def test_exit_and_quit_can_be_made_without_site() -> None:
    code = "import _sitebuiltins\ntry: _sitebuiltins.Quitter('exit', '')(0)\nexcept SystemExit as e: print(e.code)\n"
    assert run(code) == ["0"]


# hypothesis: conftest.py loads a profile for all tests.


@settings(max_examples=2)
@given(booleans())
def test_an_example_that_takes_long_fails_no_test(value: bool) -> None:
    time.sleep(0.25)
