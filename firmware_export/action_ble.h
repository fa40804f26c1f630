/* Notify a central of detections by Bluetooth Low Energy: `kws listen --ble`, or any other.
 *
 * One service with characteristics that can be read; numbers are little-endian:
 *   detection  notifies, too: the latest detection,
 *                uint32 count since the start, uint8 keyword, uint16 confidence (32768 is 1.0),
 *                uint64 sample; all zero before the first detection; the same count again with a
 *                greater confidence when that has risen since
 *   keywords   names in UTF-8, separated by line feeds
 *   lost       notifies, too: uint32 samples lost since the start, modulo 2^32 */
#ifndef ACTION_BLE_H
#define ACTION_BLE_H

#include <Arduino.h>
#include <ArduinoBLE.h>
#include <stdio.h>
#include <string.h>

#include "action.h"
#include "low_power.h"
#include "src/kws_model.h"

class Ble : public Action {
 public:
  void begin() override {
    snprintf(name, sizeof name, "kws %s", kws_model_data.name);
    service.addCharacteristic(latest);
    service.addCharacteristic(keywords);
    service.addCharacteristic(lost_samples);
    const uint8_t none[DETECTION_BYTES] = {};
    latest.writeValue(none, sizeof none);
    lost(0);
    if (KWS_LOW_POWER) pinMode(KWS_BLE_PIN, INPUT_PULLUP);
    update();
  }

  void detected(const kws_detection &detection, uint32_t count) override {
    uint8_t value[DETECTION_BYTES];
    put(value, count, 4);
    put(value + 4, detection.keyword, 1);
    put(value + 5, detection.confidence, 2);
    put(value + 7, detection.sample, 8);
    latest.writeValue(value, sizeof value);
  }

  void risen(const kws_detection &detection, uint32_t count) override {
    detected(detection, count);
  }

  void lost(uint32_t samples) override {
    uint8_t value[LOST_BYTES];
    put(value, samples, sizeof value);
    lost_samples.writeValue(value, sizeof value);
  }

  const char *fault() const override {
    return running || !tried ? nullptr : "Bluetooth does not start; it is tried again every minute";
  }

  /* After a central disconnects, the library advertises again by itself. */
  void update() override {
    if (!wanted()) {
      if (running) BLE.end();
      running = tried = false;
    } else if (running) {
      BLE.poll();
    } else if (!tried || (uint32_t)millis() - started_at >= RETRY_MS) {
      start();
    }
  }

  uint32_t pause_ms() const override { return running ? 5 : 500; }

 private:
  enum { DETECTION_BYTES = 15, LOST_BYTES = 4, NAMES_BYTES = 512 /* GATT's maximum */ };
  static constexpr uint32_t RETRY_MS = 60000;
  static constexpr uint16_t ADVERTISING_INTERVAL = 800; /* in 0.625 ms */

  static bool wanted() { return !KWS_LOW_POWER || digitalRead(KWS_BLE_PIN) == LOW; }

  void start() {
    tried = true;
    started_at = millis();
    running = BLE.begin();
    if (!running) return;
    BLE.setLocalName(name);
    BLE.setDeviceName(name);
    BLE.setAdvertisedService(service);
    BLE.setAdvertisingInterval(ADVERTISING_INTERVAL);
    BLE.addService(service);
    write_names();
    BLE.advertise();
  }

  /* Write as many whole names as fit. */
  void write_names() {
    char names[NAMES_BYTES];
    size_t length = 0;
    for (int i = 0; i < KWS_MODEL_KEYWORDS; ++i) {
      const char *keyword = kws_model_data.keywords[i];
      const size_t more = strlen(keyword);
      if (length + 1 + more > sizeof names) break;
      if (i > 0) names[length++] = '\n';
      memcpy(names + length, keyword, more);
      length += more;
    }
    keywords.writeValue((const uint8_t *)names, (int)length);
  }

  static void put(uint8_t *bytes, uint64_t value, int count) {
    for (int i = 0; i < count; ++i) bytes[i] = (uint8_t)(value >> (8 * i));
  }

  BLEService service{"3840dec0-c70d-4dfd-b20b-0ee93b88349b"};
  BLECharacteristic latest{"3840dec1-c70d-4dfd-b20b-0ee93b88349b", BLERead | BLENotify,
                           DETECTION_BYTES, true};
  BLECharacteristic keywords{"3840dec2-c70d-4dfd-b20b-0ee93b88349b", BLERead, NAMES_BYTES};
  BLECharacteristic lost_samples{"3840dec3-c70d-4dfd-b20b-0ee93b88349b", BLERead | BLENotify,
                                 LOST_BYTES, true};
  char name[30]; /* an advertisement holds 29 bytes and no terminator */
  bool running = false, tried = false;
  uint32_t started_at = 0; /* ms */
};

static Ble ble;

#endif
