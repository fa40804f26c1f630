"""Implement `kws listen`: detect keywords with a microphone, a file, a pipe or a board."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import typer

from kws.commands.listen_board import listen_to_board
from kws.commands.listen_options import (
    ActionsFile,
    Ble,
    ChannelName,
    Device,
    Keep,
    KeepMax,
    KeepNear,
    ModelName,
    Mqtt,
    Reconnect,
    SensitivityName,
    Stdin,
    Thresholds,
    Wav,
)
from kws.commands.listen_reactions import ReactionOptions, open_reactions
from kws.commands.listen_source import SourceOptions
from kws.commands.options import Arithmetic, Json, NoGate, require_extra

if TYPE_CHECKING:
    from kws.backend import Spotter
    from kws.model_file import ModelFile

ACTIONS_TIMEOUT = 86_400.0  # s to wait at the end of a stream; each action has its own timeout


def listen(
    model: ModelName = None,
    wav: Wav = None,
    stdin: Stdin = False,
    device: Device = None,
    ble: Ble = False,
    channel: ChannelName = None,
    reconnect: Reconnect = None,
    actions: ActionsFile = None,
    mqtt: Mqtt = None,
    arithmetic: Arithmetic = None,
    no_gate: NoGate = False,
    sensitivity: SensitivityName = None,
    threshold: Thresholds = None,
    keep: Keep = None,
    keep_near: KeepNear = 0.5,
    keep_max: KeepMax = 1000,
    json: Json = False,
) -> None:
    """Detect keywords, on the microphone until Ctrl-C by default.

    On a terminal a live display shows the detections of a microphone or pipe;
    otherwise each detection is printed as one line. Times are seconds of audio
    since the start of the stream; those of a board, since it was switched on.

    Ctrl-C is the normal end of a live source, with exit status 0. A file that
    it interrupts gives 130.
    """
    source = SourceOptions(wav, stdin, device, ble, channel, reconnect)
    detector = _DetectorOptions(model, arithmetic, no_gate, sensitivity, tuple(threshold or ()))
    reactions = ReactionOptions(actions, mqtt, keep, keep_near, keep_max, json)
    if ble:
        _refuse_for_a_board(detector, reactions)
    if ble:
        require_extra("kws listen --ble", "ble", "bleak")
        raise typer.Exit(listen_to_board(device, actions, json))
    raise typer.Exit(_listen_to_source(detector, source, reactions))


@dataclass(frozen=True)
class _DetectorOptions:
    """Hold the options of the detector."""

    model: str | None
    arithmetic: str | None
    no_gate: bool
    sensitivity: str | None
    thresholds: tuple[str, ...]

    def load(self) -> ModelFile:
        """Return the model with its own thresholds."""
        from kws.model_file import DEFAULT_MODEL, ModelFile

        model = ModelFile.load(self.model or DEFAULT_MODEL).with_arithmetic(self.arithmetic)
        return model.without_gate() if self.no_gate else model

    def spotter(self, model: ModelFile) -> Spotter:
        """Return a spotter with the thresholds that the options choose."""
        from kws.backend import Spotter
        from kws.sensitivity import parse_thresholds

        thresholds = parse_thresholds(self.thresholds)
        return Spotter(model, sensitivity=self.sensitivity, thresholds=thresholds)


def _refuse_for_a_board(detector: _DetectorOptions, reactions: ReactionOptions) -> None:
    """Refuse options that a board cannot follow."""
    if detector != _DetectorOptions(None, None, False, None, ()):
        raise typer.BadParameter(
            "a board has its own settings: no --model, --arithmetic, --no-gate, --sensitivity or"
            " --threshold"
        )
    if reactions.keep is not None:
        raise typer.BadParameter("a board sends no audio that --keep could keep")
    if reactions.mqtt is not None:
        raise typer.BadParameter("a board has no --mqtt; use actions of the kind mqtt")


def _listen_to_source(
    detector: _DetectorOptions, source_options: SourceOptions, options: ReactionOptions
) -> int:
    """Listen until the source ends or an interrupt (Ctrl-C, SIGTERM); return the exit status.

    Running actions may finish at the end of a stream; otherwise they are killed.
    """
    from kws.audio.switched_source import SwitchedSource
    from kws.listener import FLUSH_SECONDS, listen

    if options.mqtt is not None:
        require_extra("kws listen --mqtt", "mqtt", "paho")
    model = detector.load()
    spotter = detector.spotter(model)
    actions = options.load_actions(model.config.keywords)
    mqtt = options.load_mqtt()
    source = SwitchedSource(source_options.open(service=mqtt is not None))
    try:
        with open_reactions(options, actions, mqtt, source, spotter, model) as found:
            for detection in listen(
                source, spotter, found.on_block, found.max_block, found.on_gap, found.before_block
            ):
                found.detected(detection)
            actions.follow(spotter.scores, FLUSH_SECONDS)
        actions.close(ACTIONS_TIMEOUT)
    except KeyboardInterrupt:
        return 0 if source.live else 130
    finally:
        actions.close(0)
    return 0
