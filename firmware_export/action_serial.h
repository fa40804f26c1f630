/* Print a line per detection on the serial monitor, as `kws listen` does:  1.84 s  computer  0.97
 *
 * Serial.print() blocks while a host has the port open but does not read, such as a laptop that
 * sleeps. So this class buffers the text and sends it with the non-blocking _SerialUSB, which
 * Serial writes to as well. Text that does not fit into the buffer is dropped. */
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
  void detected(const kws_detection &detection, uint32_t) override {
    const uint64_t hundredths = (detection.sample + 80) / 160; /* of a second, at 16 kHz */
    const unsigned confidence = (detection.confidence * 100u + 16384) / 32768;
    char field[48];
    snprintf(field, sizeof field, "%lu.%02u s  ", (unsigned long)(hundredths / 100),
             (unsigned)(hundredths % 100));
    add(field);
    add(kws_model_data.keywords[detection.keyword]);
    snprintf(field, sizeof field, "  %u.%02u\r\n", confidence / 100, confidence % 100);
    add(field);
  }

  void lost(uint32_t samples) override {
    lost_samples = samples;
    add_loss();
  }

  void faulty(const char *what) override {
    problem = what;
    if (problem && was_open) add_problem(); /* else the greeting does */
  }

  void update() override {
    const bool open = _SerialUSB.connected();
    if (open && !was_open) add_greeting();
    was_open = open;
    if (!open) length = 0;
    if (length == 0) return;
    uint32_t sent = 0;
    _SerialUSB.send_nb((uint8_t *)text, length, &sent);
    length -= sent;
    memmove(text, text + sent, length);
  }

 private:
  void add_greeting() {
    add("kws ");
    add(kws_model_data.name);
    add(": listening for ");
    for (int i = 0; i < KWS_MODEL_KEYWORDS; ++i) {
      if (i > 0) add(", ");
      add(kws_model_data.keywords[i]);
    }
    add("\r\n");
    if (problem) add_problem();
    if (lost_samples > 0) add_loss();
  }

  void add_problem() {
    add("fault: ");
    add(problem);
    add("\r\n");
  }

  void add_loss() {
    char line[64];
    snprintf(line, sizeof line, "lost %lu samples so far\r\n", (unsigned long)lost_samples);
    add(line);
  }

  void add(const char *piece) {
    const size_t more = strlen(piece);
    if (length + more > sizeof text) return;
    memcpy(text + length, piece, more);
    length += more;
  }

  char text[1024];     /* not sent yet */
  uint32_t length = 0; /* of text */
  uint32_t lost_samples = 0;
  const char *problem = nullptr; /* what does not work */
  bool was_open = false;
};

static SerialLines serial_lines;

#endif
