/* Print a line per detection on the serial monitor, as `kws listen` does:  1.84 s  computer  0.97 */
#ifndef ACTION_SERIAL_H
#define ACTION_SERIAL_H

#include <stdio.h>

#include "action.h"
#include "serial_text.h"
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
    if (problem && text.was_open()) add_problem(); /* else the greeting does */
  }

  void update() override {
    if (text.opens()) add_greeting();
    text.send();
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

  void add(const char *piece) { text.add(piece); }

  SerialText text;
  uint32_t lost_samples = 0;
  const char *problem = nullptr; /* what does not work */
};

static SerialLines serial_lines;

#endif
