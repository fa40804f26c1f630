"""Write a page with what was synthesised for a training, so that it can be checked by ear."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path

import numpy as np

from kws.atomic_write import write_atomically
from kws.audio.audio_file import read_each
from kws.config import ModelConfig
from kws.console.html_page import html_page
from kws.errors import KwsError
from kws.evaluation.whole_model import model_thresholds
from kws.keyword_names import contains
from kws.posterior import ONE
from kws.training.held_out_speech import HeldOutResult
from kws.tts.utterances import NAME_LENGTH, file_name

PAGE = "synthesis.html"
OF_EACH, WITHOUT_GROUPS, PHRASES = 3, 12, 20  # utterances of a synthesiser and language; texts
KINDS = {  # folders of synthetic speech, and whether each synthesiser and language is shown
    "keywords": ("The keyword", True),
    "accented": ("With accents, and by children", True),
    "casual": ("The phrase with sounds left out", True),
    "in_context": ("Within sentences", True),
    "confusable_phrases": ("Phrases that sound like it", False),
    "lone_utterances": ("Other short texts", False),
    "sentences": ("Sentences", False),
    "random_sentences": ("Random sentences", False),
}


def write_listening_page(
    folder: Path,
    config: ModelConfig,
    synthetic: Path,
    held_out_voices: Path,
    held_out: HeldOutResult | None,
    excluded: Sequence[str] = (),
) -> Path | None:
    """Write the page into a report's folder and return its path; None where nothing was said.

    synthetic, held_out_voices: folders of the speech of training and of the test.
    excluded: phrases that training had not, though an earlier one may have left them there.
    """
    sections = [
        *_training(synthetic, config.keywords, excluded),
        *_section(
            "Voices that training did not have", _of_each(_files(held_out_voices / "keywords"))
        ),
        *_phrases(config, held_out_voices / "phrases", held_out),
    ]
    if not sections:
        return None
    about = (
        "Training had what is here and more like it. Does each voice say the phrase as people do?"
        " A recipe chooses voices; --language names the language of all of them."
    )
    title = f"What was synthesised for {', '.join(config.keywords)}"
    content = html_page(title, about, "\n".join(sections), "report of a training")
    try:
        write_atomically(folder / PAGE, content)
    except OSError as error:
        raise KwsError(f"{folder / PAGE}: {error.strerror or error}") from error
    return folder / PAGE


def _training(synthetic: Path, keywords: Sequence[str], excluded: Sequence[str]) -> Iterator[str]:
    """Yield a section for each kind of synthetic speech of the training."""
    names = {file_name(keyword) for keyword in keywords}  # which are said in any case

    def had(path: Path) -> bool:
        name = _name(path)
        cut = len(name) > NAME_LENGTH  # the end of its text is not known
        out = cut or any(contains(name, phrase) for phrase in excluded)
        return not excluded or name in names or not out

    for kind, (title, each) in KINDS.items():
        files = [*filter(had, _files(synthetic / kind))]
        yield from _section(title, _of_each(files) if each else _some(files, WITHOUT_GROUPS))


def _files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.flac"))


def _name(path: Path) -> str:
    """Return the text of an utterance as file_name() wrote it."""
    return path.stem.partition("@")[0].removeprefix("synth-").rpartition("-")[0]


def _of_each(files: Sequence[Path]) -> list[Path]:
    """Return some utterances of each synthesiser and language."""
    groups: dict[str, list[Path]] = {}
    for path in files:
        groups.setdefault(_speaker_group(path), []).append(path)
    return [path for _, files in sorted(groups.items()) for path in _some(files, OF_EACH)]


def _speaker_group(path: Path) -> str:
    """Return the synthesiser of an utterance; where its voices name a language, that as well."""
    synthesiser, _, name = path.stem.partition("@")[2].partition("_")
    if synthesiser == "espeak-ng":
        return f"{synthesiser} {name.partition('+')[0]}"
    return f"{synthesiser} {name.partition('-')[0]}" if synthesiser == "piper" else synthesiser


def _some(files: Sequence[Path], count: int) -> list[Path]:
    """Return some of the files, evenly spread."""
    indices = np.linspace(0, len(files) - 1, min(count, len(files))).round().astype(int)
    return [files[index] for index in indices]


def _phrases(config: ModelConfig, folder: Path, held_out: HeldOutResult | None) -> Iterator[str]:
    """Yield the section of the phrases that set the model off, or of those that came closest."""
    if held_out is None or not held_out.phrases:
        return
    thresholds, woken = model_thresholds(config), held_out.woken_by(config)
    confidences = {text: peaks.max() / ONE for text, peaks in held_out.phrases}
    margins = {text: float((peaks / thresholds).max()) for text, peaks in held_out.phrases}
    shown = sorted(margins, key=lambda text: -margins[text])[:PHRASES]
    sounds = []
    for text in shown:
        note = f"confidence {confidences[text]:.3f}" + (", sets it off" if text in woken else "")
        files = sorted(folder.glob(f"{file_name(text)}-0@*.flac"))
        sounds += [sound for path in files[:1] for sound in _sound(path, note)]
    heading = f"Phrases that sound like it: {len(woken)} of {len(margins)} set the model off"
    if sounds:
        yield _titled(heading, sounds)


def _section(title: str, files: Sequence[Path]) -> Iterator[str]:
    """Yield a section with sounds, where there are any."""
    sounds = [sound for path in files for sound in _sound(path)]
    if sounds:
        yield _titled(title, sounds)


def _titled(title: str, sounds: Sequence[str]) -> str:
    return f"<h2>{escape(title)}</h2>\n" + "\n".join(sounds)


def _sound(path: Path, note: str = "") -> Iterator[str]:
    """Yield the figure of a recording that can be read: sound, text, voice and note."""
    from kws.evaluation.figures import audio_uri  # loads matplotlib

    for _, samples in read_each([path]):
        voice, said = path.stem.partition("@")[2], _name(path).replace("_", " ")
        caption = f"<b>{escape(said)}</b><br>{escape(voice.replace('_', ' ', 1))}"
        caption += f"<br>{escape(note)}" if note else ""
        yield (
            f'<figure><audio controls preload="none" src="{audio_uri(samples)}"></audio>'
            f"<figcaption>{caption}</figcaption></figure>"
        )
