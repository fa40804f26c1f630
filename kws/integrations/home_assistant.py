"""Describe the listener to Home Assistant, by its MQTT device discovery.

https://www.home-assistant.io/integrations/mqtt/#device-discovery-payload (2024.12 and later)
"""

from __future__ import annotations

import hashlib
import json
import platform
import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kws import __version__
from kws.errors import KwsError
from kws.foreign_text import parse_json, printable
from kws.keyword_names import identifier

ON, OFF = "ON", "OFF"
ONLINE, OFFLINE = "online", "offline"
PLATFORMS = ("event", "switch", "number", "device_automation")
COMPONENT = re.compile(r"[a-z0-9_]{1,80}")
MAX_COMPONENTS = 200
RANDOM_MAC = 1 << 40  # uuid.getnode() made one up


@dataclass(frozen=True)
class Topics:
    """Name the topics of a listener; identifiers of keywords are of a-z, 0-9 and "_"."""

    device_id: str
    prefix: str  # of Home Assistant's discovery

    @property
    def status(self) -> str:
        """Return the topic of `online` and `offline`."""
        return f"kws/{self.device_id}/status"

    @property
    def event(self) -> str:
        """Return the topic of detections."""
        return f"kws/{self.device_id}/event"

    @property
    def listening(self) -> str:
        """Return the topic of the switch; that of its commands ends with /set."""
        return f"kws/{self.device_id}/listening"

    def sensitivity(self, keyword: str) -> str:
        """Return the topic of a keyword's sensitivity; that of its commands ends with /set."""
        return f"kws/{self.device_id}/sensitivity/{identifier(keyword)}"

    @property
    def config(self) -> str:
        """Return the topic of the description."""
        return f"{self.prefix}/device/{self.device_id}/config"

    @property
    def birth(self) -> str:
        """Return the topic on which Home Assistant says that it has started."""
        return f"{self.prefix}/status"


def machine_id() -> str:
    """Return an identifier of this machine that stays the same and tells nothing about it."""
    for path in (Path("/etc/machine-id"), Path("/var/lib/dbus/machine-id")):
        try:
            seed = path.read_text("ascii").strip()
        except (OSError, ValueError):
            continue
        if seed:
            break
    else:
        mac = uuid.getnode()
        seed = platform.node() if mac & RANDOM_MAC else str(mac)
    return "kws_" + hashlib.sha256(f"kws {seed}".encode()).hexdigest()[:8]


def machine_name() -> str:
    """Return the name under which this machine's listener appears."""
    host = re.sub(r"[^\w.-]", "", platform.node())[:60]
    return f"kws {host}".strip()


def discovery(topics: Topics, name: str, model: str, keywords: Sequence[str]) -> str:
    """Return the description of a listener, JSON: an event, and of each keyword a trigger."""
    components: dict[str, dict[str, Any]] = {
        "detection": {
            "p": "event",
            "name": "Wake word",
            "uniq_id": f"{topics.device_id}_detection",
            "stat_t": topics.event,
            "evt_typ": list(keywords),
            "ic": "mdi:microphone-message",
        },
        "listening": {
            "p": "switch",
            "name": "Listening",
            "uniq_id": f"{topics.device_id}_listening",
            **_command(topics.listening),
            "ic": "mdi:microphone",
        },
    }
    for keyword in keywords:
        components[f"trigger_{identifier(keyword)}"] = _trigger(topics, keyword)
        components[f"sensitivity_{identifier(keyword)}"] = _number(topics, keyword)
    model = printable(model)
    device = {"ids": topics.device_id, "name": name, "mf": "kws", "mdl": model, "sw": __version__}
    origin = {"name": "kws", "sw": __version__}
    return json.dumps(
        {"dev": device, "o": origin, "avty_t": topics.status, "cmps": components},
        ensure_ascii=False,
    )


def removal(config: str, former: bytes) -> str | None:
    """Return a description that removes what a former one had and `config` has not, if anything.

    former: what the broker kept, of a model with other keywords for instance, or anything. A
    component of which only the platform is left is removed.
    """
    try:
        components = parse_json(former, "description")["cmps"].items()
    except (KwsError, AttributeError, KeyError, TypeError):
        return None
    described = json.loads(config)
    gone = {
        name: {"p": component["p"]}
        for name, component in list(components)[:MAX_COMPONENTS]
        if COMPONENT.fullmatch(name)
        and name not in described["cmps"]
        and isinstance(component, dict)
        and component.get("p") in PLATFORMS
    }
    if not gone:
        return None
    described["cmps"].update(gone)
    return json.dumps(described, ensure_ascii=False)


def _command(topic: str) -> dict[str, Any]:
    """Return the topics of what the dashboard sets; the broker keeps the latest command."""
    return {"stat_t": topic, "cmd_t": f"{topic}/set", "ret": True}


def _trigger(topics: Topics, keyword: str) -> dict[str, Any]:
    """Return a device trigger: `"computer" detected`.

    Home Assistant takes the payload for a template, so that it is the identifier: a keyword with
    braces would be run.
    """
    return {
        "p": "device_automation",
        "atype": "trigger",
        "t": topics.event,
        "type": "detected",
        "stype": keyword,
        "pl": identifier(keyword),
        "val_tpl": "{{ value_json.id }}",
    }


def _number(topics: Topics, keyword: str) -> dict[str, Any]:
    return {
        "p": "number",
        "name": f"Sensitivity {keyword}",
        "uniq_id": f"{topics.device_id}_sensitivity_{identifier(keyword)}",
        **_command(topics.sensitivity(keyword)),
        "min": 0,
        "max": 1,
        "step": 0.01,
        "mode": "slider",
        "ent_cat": "config",
        "ic": "mdi:tune-variant",
    }
