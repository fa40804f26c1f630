"""Detections as lines of text and JSON; lost audio as a warning."""

from __future__ import annotations

import json
import logging

import numpy as np
from block_source import BlockSource

import kws.console.detection_lines
from kws.console.detection_lines import DetectionLines, json_line, text_line
from kws.posterior import Detection
from kws.ring_buffer import RingBuffer


def test_a_detection_as_text_and_as_json():
    detection = Detection(29_440, "smart mirror", 31_785 / 32_768)
    assert text_line(detection) == "1.84 s  smart mirror  0.97"
    assert json.loads(json_line(detection)) == {
        "time": 1.84,
        "keyword": "smart mirror",
        "confidence": 0.97,
    }


def test_lost_audio_is_logged_but_not_at_every_block(caplog, monkeypatch):
    source = BlockSource([np.zeros(640, np.int16)] * 4, overflows=[0, 1, 2, 5])
    lines, ring = DetectionLines(source, as_json=False), RingBuffer(4096)
    with caplog.at_level(logging.WARNING):
        for wait in (10, 10, 10, 0):
            source.fill(ring)
            monkeypatch.setattr(kws.console.detection_lines, "LOSS_REPORT_SECONDS", wait)
            lines.on_block(ring.read(640))
    [record] = caplog.records
    assert record.getMessage().startswith("audio lost in 1 blocks so far")
