"""Write the shipped models' figures into the pages: python tools/model_figures.py.

They come from the cards in models/home.tflite and models/home-small.tflite and from
firmware_export/report.txt, which `make firmware` writes. Misses by condition come from
benchmarks/wake_words.py, run once for each sensitivity of home and once for home-small, and stay as
they are where no results are named:

    python tools/model_figures.py --results low=DIR --results normal=DIR --small DIR
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from kws.calibration_card import CalibrationCard, calibration_of
from kws.config import ModelConfig
from kws.model_file import ModelFile

ROOT = Path(__file__).parents[1]
README, CARD, ARCHITECTURE = "README.md", "models/home.md", "docs/architecture.md"
SMALL_CARD = "models/home-small.md"
REPORT = ROOT / "firmware_export" / "report.txt"
CONDITIONS = {  # of benchmarks/wake_words.py, in the words of the card
    "clean": "clean",
    "alone": "alone between 2 s of silence",
    "order follows": "an order follows after 50 to 150 ms",
    "running speech": "inside running speech",
    "babble of 8, 10 dB": "babble of eight, 10 dB",
    "babble of 8, 5 dB": "babble of eight, 5 dB",
    "another talker, 5 dB": "another talker, 5 dB",
    "noise, 10 dB": "household noise, 10 dB",
    "rooms": "simulated rooms, RT60 0.25 to 0.9 s",
    "rooms, noise, 15 dB": "the same with noise at 15 dB",
    "telephone band": "telephone band",
    "tempo 0.85": "tempo 0.85",
    "tempo 1.2": "tempo 1.2",
}


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a table as Markdown."""
    lines = [list(head), *map(list, rows)]
    lines.insert(1, ["---"] * len(lines[0]))
    text = "".join(f"| {' | '.join(line)} |\n" for line in lines)
    return text.replace(" --- ", "---").replace("|  |", "| |")


def percent(rate: float) -> str:
    """Return a share as the pages write it."""
    return f"{100 * rate:.1f} %"


def keyword_misses(config: ModelConfig) -> str:
    """Return the misses of each keyword at the model's thresholds, clean and in noise."""
    rows = []
    for condition, name in (("clean", "clean"), ("10 dB", "10 dB SNR")):
        rates = []
        for figure in config.card["figures"][condition]["keywords"].values():
            count = figure["utterances"]
            rates.append(round(figure["own"]["miss_rate"] * count) / count)  # they are rounded
        rows.append([name, *map(percent, (*rates, sum(rates) / len(rates)))])
    return table(["", *config.keywords, "mean"], rows)


def sensitivities(card: CalibrationCard) -> str:
    """Return what the thresholds of each sensitivity stand for."""
    head = (
        "sensitivity",
        "false alarms per hour, all keywords (95 %)",
        f"counted in {card.hours:.2f} h at most, running / each alone",
        "missed, clean (95 %)",
        "missed, noise of 10 dB",
    )
    rows = []
    for name, point in card.points.items():
        low, high = point.interval
        clean, noisy = (point.misses[condition] for condition in ("clean", "10 dB"))
        rows.append(
            [
                name,
                f"{point.per_hour:.2g} ({low:.2g} to {high:.2g})",
                f"{point.false_alarms} / {point.spacings['alone'].false_alarms}",
                f"{percent(clean.missed / clean.utterances)}"
                f" ({100 * clean.interval[0]:.1f} to {100 * clean.interval[1]:.1f})",
                percent(noisy.missed / noisy.utterances),
            ]
        )
    return table(head, rows)


def missed(share: Mapping[str, Any]) -> float:
    """Return a share of recordings in per cent, without the rounding of its `rate`."""
    return 100 * share["count"] / share["recordings"]


def condition_misses(results: Mapping[str, Any]) -> str:
    """Return the misses by condition of the results of each sensitivity."""
    measured = {name: of["its thresholds"]["conditions"] for name, of in results.items()}
    (utterances,) = {c["recordings"] for of in measured.values() for c in of.values()}
    rows = []
    for condition, words in CONDITIONS.items():
        cells = [words]
        for of in measured.values():
            low, high = of[condition]["interval"]
            cells.append(f"{missed(of[condition]):.1f} ({100 * low:.1f} to {100 * high:.1f})")
        rows.append(cells)
    return table([f"missed of {utterances}, % (95 %)", *measured], rows)


def comparison(home: Mapping[str, Any], small: Mapping[str, Any]) -> str:
    """Return the misses of home and home-small by condition, at equal alarms and at *normal*."""
    columns = [
        of[key]["conditions"] for key in ("4 alarms", "20 alarms", "its thresholds")
        for of in (home, small)
    ]  # fmt: skip
    (utterances,) = {c["recordings"] for column in columns for c in column.values()}
    head = [f"missed of {utterances}, %"]
    for title in ("4 alarms", "20 alarms", "*normal*"):
        head += [f"{title}: home", "home-small"]
    rates = [[missed(column[condition]) for column in columns] for condition in CONDITIONS]
    rates.append([sum(column) / len(CONDITIONS) for column in zip(*rates, strict=True)])
    names = [*CONDITIONS.values(), "mean"]
    rows = [[name, *(f"{rate:.1f}" for rate in of)] for name, of in zip(names, rates, strict=True)]
    return table(head, rows)


def memory(report: str) -> str:
    """Return the parts of the RAM that a report states."""
    section = report.partition("\nRAM\n")[2].partition("\nInstructions\n")[0]
    parts = re.findall(r"(?m)^(\S.*?)  +([\d,]+) .*%", section)
    return table(["part", "bytes"], parts)


def with_block(page: str, name: str, made: str) -> str:
    """Return the page with a block between its two markers."""
    start, end = f"<!-- {name}: made by tools/model_figures.py -->\n", f"<!-- end of {name} -->\n"
    before, found, rest = page.partition(start)
    _, closed, after = rest.partition(end)
    if not (found and closed):
        raise SystemExit(f"a page has no block {name!r}")
    return f"{before}{start}\n{made}\n{end}{after}"


def calibrated(model: ModelFile) -> str:
    """Return what the thresholds of each sensitivity of a model stand for."""
    card = calibration_of(model.config)
    if card is None:
        raise SystemExit(f"{model.name}: its card has no calibration")
    return sensitivities(card)


def file_of(model: ModelFile) -> str:
    """Return the line that tells a model's file from others."""
    return f"SHA-256 `{model.sha256}`, {len(model.content):,} bytes.\n"


def pages(
    home: ModelFile,
    small: ModelFile,
    results: Mapping[str, Any],
    of_small: Mapping[str, Any] | None = None,
) -> dict[str, str]:
    """Return the pages, by their paths, with the figures of home and home-small.

    Args:
        home: The model that `kws listen` starts.
        small: The one for small processors.
        results: Results of the benchmark, of home at each sensitivity.
        of_small: Those of home-small; they are compared with home's at *normal*.
    """
    blocks = [
        (README, "misses", keyword_misses(home.config)),
        (README, "sensitivities", calibrated(home)),
        (CARD, "file", file_of(home)),
        (CARD, "sensitivities", calibrated(home)),
        (SMALL_CARD, "file", file_of(small)),
        (SMALL_CARD, "sensitivities", calibrated(small)),
        (ARCHITECTURE, "memory", memory(REPORT.read_text("utf-8"))),
    ]
    if results:
        blocks.append((CARD, "conditions", condition_misses(results)))
    if of_small:
        blocks.append((SMALL_CARD, "comparison", comparison(results["normal"], of_small)))
    made = {path: (ROOT / path).read_text("utf-8") for path, _, _ in blocks}
    for path, name, text in blocks:
        made[path] = with_block(made[path], name, text)
    return made


def read_results(folder: Path) -> Any:
    """Return the results that the benchmark wrote into a folder."""
    return json.loads((folder / "results.json").read_text())


def main() -> None:
    """Write the pages."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--results", action="append", default=[], metavar="SENSITIVITY=DIR", help="may be repeated"
    )
    parser.add_argument("--small", type=Path, metavar="DIR", help="needs --results normal=DIR")
    options = parser.parse_args()
    given = [each.partition("=") for each in options.results]
    results = {name: read_results(Path(folder)) for name, _, folder in given}
    if options.small and "normal" not in results:
        parser.error("--small is compared with --results normal=DIR")
    of_small = read_results(options.small) if options.small else None
    home, small = ModelFile.load("home"), ModelFile.load("home-small")
    for path, text in pages(home, small, results, of_small).items():
        (ROOT / path).write_text(text, "utf-8")


if __name__ == "__main__":
    main()
