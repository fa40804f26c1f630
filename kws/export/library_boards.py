"""List the boards that an exported library has examples for."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ExampleBoard:
    """Describe a board that a library has an example for."""

    example: str
    name: str
    template: str  # in library/arduino
    fqbn: str  # of arduino-cli
    platform: str  # of PlatformIO
    platform_board: str


ESP32 = (  # with Arduino-ESP32 3, which the platform of PlatformIO itself lacks
    "https://github.com/pioarduino/platform-espressif32/releases/download/stable/"
    "platform-espressif32.zip"
)
SEEED = "https://github.com/Seeed-Studio/platform-seeedboards.git"
NANO = ("arduino:mbed_nano:nano33ble", "nordicnrf52", "nano33ble")
BOARDS = (
    ExampleBoard("Nano33BleSense", "Arduino Nano 33 BLE Sense, both revisions", "Pdm.ino", *NANO),
    ExampleBoard(
        "Nano33BleSenseLowPower", "Arduino Nano 33 BLE Sense, both revisions", "LowPower.ino", *NANO
    ),
    ExampleBoard(
        *("NanoRp2040Connect", "Arduino Nano RP2040 Connect", "Pdm.ino"),
        *("arduino:mbed_nano:nanorp2040connect", "raspberrypi", "nanorp2040connect"),
    ),
    ExampleBoard(
        *("NiclaVision", "Arduino Nicla Vision", "Pdm.ino"),
        *("arduino:mbed_nicla:nicla_vision", "ststm32", "nicla_vision"),
    ),
    ExampleBoard(
        *("PortentaH7", "Arduino Portenta H7 with the Portenta Vision Shield", "Pdm.ino"),
        *("arduino:mbed_portenta:envie_m7", "ststm32", "portenta_h7_m7"),
    ),
    ExampleBoard(
        *("XiaoNrf52840Sense", "Seeed Studio XIAO nRF52840 Sense", "Pdm.ino"),
        *("Seeeduino:mbed:xiaonRF52840Sense", SEEED, "seeed-xiao-mbed-nrf52840-sense"),
    ),
    ExampleBoard(
        *("Esp32S3", "ESP32-S3, Arduino-ESP32 3 or later", "I2s.ino"),
        *("esp32:esp32:esp32s3", ESP32, "esp32-s3-devkitc-1"),
    ),
)
