/* Lines on the serial monitor, as `kws listen` prints them:  1.84 s  computer  0.97
 *
 * Serial.print() waits for a host that has the port open and reads no more, such as a laptop that
 * fell asleep. So the text waits here instead, for _SerialUSB, which is what Serial writes to; what
 * finds no room is left out. */
#ifndef ACTION_SERIAL_H
#define ACTION_SERIAL_H

#include <Arduino.h>
#include <USB/PluggableUSBSerial.h>
#include <stdio.h>
#include <string.h>

#include "action.h"
#include "src/kws_model.h"

class SerialLines : public Action {
 public:
  void detected(const kws_detection &heard, uint32_t) override {
    const uint64_t hundredths = (heard.sample + 80) / 160; /* of a second, at 16 kHz */
    const unsigned confidence = (heard.confidence * 100u + 16384) / 32768;
    char number[48];
    snprintf(number, sizeof number, "%lu.%02u s  ", (unsigned long)(hundredths / 100),
             (unsigned)(hundredths % 100));
    add(number);
    add(kws_model_data.keywords[heard.keyword]);
    snprintf(number, sizeof number, "  %u.%02u\r\n", confidence / 100, confidence % 100);
    add(number);
  }

  void lost(uint32_t samples) override {
    lost_samples = samples;
    report_loss();
  }

  void update() override {
    const bool open = _SerialUSB.connected();
    if (open && !was_open) greet();
    was_open = open;
    if (!open) waiting = 0;
    if (waiting == 0) return;
    uint32_t sent = 0;
    _SerialUSB.send_nb((uint8_t *)text, waiting, &sent);
    waiting -= sent;
    memmove(text, text + sent, waiting);
  }

 private:
  void greet() {
    add("kws ");
    add(kws_model_data.name);
    add(": listening for ");
    for (int i = 0; i < KWS_MODEL_KEYWORDS; ++i) {
      if (i > 0) add(", ");
      add(kws_model_data.keywords[i]);
    }
    add("\r\n");
    if (lost_samples > 0) report_loss();
  }

  void report_loss() {
    char line[64];
    snprintf(line, sizeof line, "lost %lu samples so far\r\n", (unsigned long)lost_samples);
    add(line);
  }

  void add(const char *piece) {
    const size_t length = strlen(piece);
    if (waiting + length > sizeof text) return;
    memcpy(text + waiting, piece, length);
    waiting += length;
  }

  char text[1024]; /* not sent yet */
  uint32_t waiting = 0;
  uint32_t lost_samples = 0;
  bool was_open = false;
};

static SerialLines serial_lines;

#endif
