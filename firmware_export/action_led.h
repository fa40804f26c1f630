/* Light the RGB LED in the keyword's colour for KWS_LED_MS. */
#ifndef ACTION_LED_H
#define ACTION_LED_H

#include <Arduino.h>

#include "action.h"
#include "settings.h"

class Led : public Action {
 public:
  void begin() override {
    pinMode(LEDR, OUTPUT);
    pinMode(LEDG, OUTPUT);
    pinMode(LEDB, OUTPUT);
    show(OFF);
  }

  void detected(const kws_detection &detection, uint32_t) override {
    static const uint8_t colours[] = {GREEN,      BLUE,        RED, GREEN | BLUE,
                                      RED | BLUE, RED | GREEN, RED | GREEN | BLUE};
    show(colours[detection.keyword % sizeof colours]);
    lit = true;
    lit_at = millis();
  }

  void update() override {
    if (!lit || (uint32_t)millis() - lit_at < KWS_LED_MS) return;
    show(OFF);
    lit = false;
  }

 private:
  enum : uint8_t { OFF = 0, RED = 1, GREEN = 2, BLUE = 4 };

  /* The LED's pins are active low. */
  static void show(uint8_t colour) {
    digitalWrite(LEDR, colour & RED ? LOW : HIGH);
    digitalWrite(LEDG, colour & GREEN ? LOW : HIGH);
    digitalWrite(LEDB, colour & BLUE ? LOW : HIGH);
  }

  bool lit = false;
  uint32_t lit_at = 0; /* ms */
};

static Led led;

#endif
