"""A model and its tokenizer, read from a directory or a hub; whatever is wrong with them is said in one line."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from safetensors import SafetensorError, safe_open

from vulngames.errors import UserError
from vulngames.policies import model_source
from vulngames.policies.memory import Use, check_memory, count_parameters
from vulngames.policies.template import ChatTemplate

_POINTER = b"version https://git-lfs.github.com/spec/"
_HUB_TIMEOUT_S = 10.0
# Of architectures that say what they are for, those that write a continuation.
_WRITER = re.compile("ForCausalLM|ForConditionalGeneration|LMHeadModel")


def device() -> str:
    """Where local policies run: `cuda` if there is one, else `cpu`."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def load_model(name: str, dtype: torch.dtype, use: Use) -> tuple[Any, Any]:
    """The model in `dtype`, on an accelerator if there is one, and its tokenizer.

    The tokenizer has a token to pad with, and the model's generation config lists every token that ends a reply, so
    that both are saved with it.

    Raises:
        UserError: not a causal language model in a directory or on a hub, one that is damaged or incomplete, one
            without a usable chat template or a token that ends a reply, or one that does not fit into memory.
    """
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

    source = model_source(name)
    where: dict[str, Any] = {"trust_remote_code": False}
    here = Path(source) if Path(source).is_dir() else None
    if here:
        _check_texts(name, here)
    else:
        where["local_files_only"] = _only_cached(name, source)
    with _in_one_line(name, "its config"):
        config = AutoConfig.from_pretrained(source, **where)
        _check_kind(name, config)
        parameters = count_parameters(config)
    check_memory(name, config, parameters, dtype, use)
    if here:
        _check_weight_files(name, here)
    with _in_one_line(name, "its tokenizer"):
        tokenizer = AutoTokenizer.from_pretrained(source, padding_side="left", **where)
    with _in_one_line(name, "its weights"):
        # Shapes that differ are ours to refuse: the loader's own complaint points to a table that it prints.
        model, report = AutoModelForCausalLM.from_pretrained(
            source, dtype=dtype, output_loading_info=True, ignore_mismatched_sizes=True, **where
        )
    _check_weights(name, model, report)
    if tokenizer.chat_template is None:
        raise UserError(f"policy {name!r} has no chat template; valid: a tokenizer saved with one")
    _settle_tokens(name, model, tokenizer)
    with _in_one_line(name, device()):
        return model.to(device()), tokenizer


def ends_of(name: str, model: Any, tokenizer: Any, template: ChatTemplate) -> tuple[int, ...]:
    """Ids of the tokens that end a reply, in order: what any of template, tokenizer and generation config says.

    They may differ: Gemma 3's tokenizer has <eos>, and its template ends a turn with <end_of_turn>.

    Raises:
        UserError: there are none, or the generation config's are no token ids.
    """
    listed = model.generation_config.eos_token_id
    if not isinstance(listed, list):
        listed = [] if listed is None else [listed]
    if not all(type(id) is int and id >= 0 for id in listed):
        raise UserError(f"policy {name!r}: eos_token_id of its generation config is {listed}; valid: token ids")
    if getattr(model.generation_config, "_from_model_config", False):
        # Without a file of its own it holds what its architecture has by default, of another vocabulary's tokens.
        listed = [id for id in listed if id in tokenizer.added_tokens_decoder]
    ends = {*listed, tokenizer.eos_token_id, template.end} - {None}
    if not ends:
        raise UserError(
            f"policy {name!r} has no token that ends a reply; valid: an eos_token of the tokenizer, an eos_token_id in "
            "generation_config.json, or a chat template that writes a token at a reply's end"
        )
    return tuple(sorted(ends))


def _settle_tokens(name: str, model: Any, tokenizer: Any) -> None:
    ends, rows = list(ends_of(name, model, tokenizer, ChatTemplate(name, tokenizer))), rows_of(model)
    listed = model.generation_config.eos_token_id
    if ends != ([listed] if isinstance(listed, int) else sorted(listed or [])):
        model.generation_config.eos_token_id = ends
    # Padding is masked, but its row is looked up all the same.
    if tokenizer.pad_token_id is None or tokenizer.pad_token_id >= rows:
        tokenizer.pad_token_id = next((id for id in (tokenizer.eos_token_id, *ends) if id is not None and id < rows), 0)


def rows_of(model: Any) -> int:
    """The number of tokens that a model has an embedding of."""
    return int(model.get_input_embeddings().weight.shape[0])


def positions_of(model: Any) -> int | None:
    """The number of tokens whose places in a text a model has a learned embedding of; None if it computes them."""
    learned = [
        # OPT leaves its first two unused.
        module.num_embeddings - getattr(module, "offset", 0)
        for name, module in model.named_modules()
        if isinstance(module, torch.nn.Embedding)
        and re.search(r"^(?!.*(?:vision|visual|image|audio)).*(?:wpe$|position)", name)
    ]
    return min(learned, default=None)


@contextmanager
def _in_one_line(name: str, what: str) -> Iterator[None]:
    """What a file of somebody's making does to a loader of somebody else's, as a line; the loader itself is silent."""
    from transformers.utils import logging

    # Shards of a model and its every checkpoint are not what a user waits for.
    logging.disable_progress_bar()
    verbosity = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        yield
    except UserError:
        raise
    # tokenizers raises bare exceptions, and a config's numbers may fail anywhere that they are used.
    except Exception as problem:
        raise UserError(f"cannot load policy {name!r}: {what}: {_said(problem)}") from problem
    finally:
        logging.set_verbosity(verbosity)


def _said(problem: Exception) -> str:
    if isinstance(problem, UnpicklingError):
        # torch goes on about how to read it all the same.
        return "pytorch_model.bin is damaged, or holds more than tensors; valid: model.safetensors"
    if "trust_remote_code" in str(problem):
        return "they need code of their own, which is not run; valid: an architecture that transformers has"
    lines = str(problem).strip().splitlines()
    return " ".join(line.strip() for line in lines[:2])[:300] or type(problem).__name__


def _only_cached(name: str, id: str) -> bool:
    """Whether a hub's model is there in the cache alone.

    A hub that cannot be reached is asked once: its client tries for a minute, for every file.

    Raises:
        UserError: it is neither in the cache nor can the hub be reached.
    """
    import httpx
    from huggingface_hub import constants, try_to_load_from_cache

    reason = "HF_HUB_OFFLINE is set"
    if not constants.HF_HUB_OFFLINE:
        try:
            httpx.head(constants.ENDPOINT, timeout=_HUB_TIMEOUT_S)
            return False
        # Of the others, an environment's proxy may be what httpx cannot use.
        except (httpx.HTTPError, httpx.InvalidURL, ImportError, OSError, ValueError) as problem:
            reason = str(problem) or type(problem).__name__
    with _in_one_line(name, "its id"):
        if isinstance(try_to_load_from_cache(id, "config.json"), str):
            return True
    raise UserError(
        f"cannot load policy {name!r}: there is no such directory here, it is not in the cache, and "
        f"{constants.ENDPOINT} is out of reach ({reason})"
    )


def _check_texts(name: str, folder: Path) -> None:
    """Whether the files beside the weights of a model directory are what their names say."""
    for path in sorted(folder.iterdir()):
        if path.suffix in (".json", ".jinja", ".model", ".txt"):
            _check_pointer(name, path)
    # transformers leaves out a generation config that it cannot read, and with it the tokens that end a reply.
    for path in (folder / f"{stem}.json" for stem in ("config", "generation_config", "tokenizer_config")):
        try:
            content = json.loads(path.read_text("utf-8")) if path.exists() else {}
        except (ValueError, RecursionError) as problem:
            raise UserError(f"cannot load policy {name!r}: {path.name} is not JSON ({problem})") from problem
        if not isinstance(content, dict):
            raise UserError(f"cannot load policy {name!r}: {path.name} holds no JSON object; valid: the file as saved")


def _check_weight_files(name: str, folder: Path) -> None:
    """Whether there are weights, and whole, as far as can be told without reading them."""
    safe = _weights(folder, "model", "safetensors")
    weights = safe or _weights(folder, "pytorch_model", "bin")
    if not weights and not list(folder.glob("*.index.json")):
        raise UserError(
            f"cannot load policy {name!r}: it holds no weights; valid: model.safetensors beside config.json"
        )
    for path in weights:
        _check_pointer(name, path)
    for path in safe:
        try:
            with safe_open(path, "pt"):
                pass
        except SafetensorError as problem:
            raise UserError(
                f"cannot load policy {name!r}: {path.name} is cut short or damaged ({problem}); valid: the whole file"
            ) from problem


def _check_pointer(name: str, path: Path) -> None:
    try:
        with path.open("rb") as file:
            head = file.read(len(_POINTER))
    except OSError as problem:
        raise UserError(f"cannot load policy {name!r}: {path.name} cannot be read ({problem.strerror})") from problem
    if head == _POINTER:
        raise UserError(
            f"cannot load policy {name!r}: {path.name} is a Git LFS pointer, not the file itself; valid: the file "
            "that `git lfs pull` puts there"
        )


def _weights(folder: Path, stem: str, end: str) -> list[Path]:
    return sorted({*folder.glob(f"{stem}.{end}"), *folder.glob(f"{stem}-*-of-*.{end}")})


def _check_kind(name: str, config: Any) -> None:
    """Whether the model writes one token after another; an encoder's weights fit, and write nonsense."""
    architectures = list(getattr(config, "architectures", None) or [])
    writes = any(_WRITER.search(name) for name in architectures) or not any("For" in name for name in architectures)
    if getattr(config, "is_encoder_decoder", False) or not writes:
        architecture = ", ".join(architectures) or config.model_type
        raise UserError(f"policy {name!r} is a {architecture}; valid: a causal language model")


def _check_weights(name: str, model: Any, report: dict[str, Any]) -> None:
    """Whether every tensor was there, of its shape and finite: those that are missing are filled at random."""
    if report["missing_keys"]:
        raise UserError(
            f"cannot load policy {name!r}: its weights lack {_few(report['missing_keys'])}; valid: every tensor of its "
            "architecture"
        )
    if report["mismatched_keys"]:
        key, has, wanted = min(report["mismatched_keys"])
        raise UserError(
            f"cannot load policy {name!r}: {key} has the shape {tuple(has)}, not {tuple(wanted)}; valid: weights and "
            "config.json saved together"
        )
    if left := [key for key in report["unexpected_keys"] if _would_matter(key, model)]:
        raise UserError(
            f"cannot load policy {name!r}: its config leaves {_few(left)} of its weights out; valid: weights and "
            "config.json saved together"
        )
    if report["error_msgs"]:
        raise UserError(f"cannot load policy {name!r}: {_few(report['error_msgs'])}")
    for key, tensor in model.named_parameters():
        if tensor.dtype in (torch.float16, torch.bfloat16, torch.float32) and not _is_finite(tensor.detach()):
            raise UserError(f"cannot load policy {name!r}: {key} holds values that are not finite numbers")


def _would_matter(key: str, model: Any) -> bool:
    """Whether a tensor that the model has no place for is of one layer more, or the bias of a layer that has none."""
    owner, _, parameter = key.rpartition(".")
    has_no_bias = parameter == "bias" and isinstance(dict(model.named_modules()).get(owner), torch.nn.Linear)
    return has_no_bias or _any_layer(key) in {_any_layer(name) for name, _ in model.named_parameters()}


def _any_layer(key: str) -> str:
    return re.sub(r"\.[0-9]+\.", ".N.", key)


def _is_finite(tensor: torch.Tensor) -> bool:
    # The least and the greatest are no numbers if any is none, and take no memory as a mask would.
    return not tensor.numel() or bool(torch.stack(tensor.aminmax()).isfinite().all())


def _few(names: Any) -> str:
    first, rest = sorted(names)[:3], len(names) - 3
    return ", ".join(first) + (f" and {rest} more" if rest > 0 else "")
