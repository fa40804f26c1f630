/* Draw what the detector hears, by Tools > Serial Plotter, ten times a second:
 *
 *   level:-31 clipped:0 gate:1 computer:12 jarvis:0 alexa:0 smart_mirror:0
 *
 * level in dBFS (root mean square), clipped samples, whether the gate is open, confidences in
 * percent. A good gain brings speech at the usual distance to about -30 and clips nothing. */
#ifndef ACTION_PLOT_H
#define ACTION_PLOT_H

#include <math.h>
#include <stdio.h>

#include "action.h"
#include "serial_text.h"
#include "src/kws_model.h"

class SerialPlot : public Action {
 public:
  void detected(const kws_detection &, uint32_t) override {}

  void heard(const int16_t *samples, int count, const kws_spotter &spotter) override {
    for (int i = 0; i < count; ++i) {
      energy += (uint64_t)((int32_t)samples[i] * samples[i]);
      if (samples[i] == INT16_MAX || samples[i] == INT16_MIN) ++clipped;
    }
    for (int i = 0; i < KWS_MODEL_KEYWORDS; ++i) {
      const uint16_t score = kws_spotter_score(&spotter, i);
      if (score > highest[i]) highest[i] = score;
    }
    gate |= spotter.gate.open;
    if ((total += count) >= PERIOD) add_line();
  }

  void update() override {
    text.opens();
    text.send();
  }

 private:
  enum { PERIOD = 1600 /* samples */ };

  void add_line() {
    char field[48];
    const float mean = (float)energy / (float)total / (32768.0f * 32768.0f);
    const int level = mean > 1e-9f ? (int)lroundf(10 * log10f(mean)) : -90;
    snprintf(field, sizeof field, "level:%d clipped:%d gate:%d", level, clipped, gate);
    text.add(field);
    for (int i = 0; i < KWS_MODEL_KEYWORDS; ++i) {
      add_name(kws_model_data.keywords[i]);
      snprintf(field, sizeof field, ":%d", (highest[i] * 100 + 16384) / 32768);
      text.add(field);
      highest[i] = 0;
    }
    text.add("\r\n");
    energy = 0;
    total = clipped = 0;
    gate = false;
  }

  /* Names in the plotter end at a space, a comma or a colon. */
  void add_name(const char *keyword) {
    char name[64] = " ";
    for (size_t i = 1; i + 1 < sizeof name && *keyword != 0; ++i, ++keyword)
      name[i] = strchr(" ,:\t", *keyword) ? '_' : *keyword;
    text.add(name);
  }

  SerialText text;
  uint64_t energy = 0;
  int total = 0, clipped = 0; /* samples */
  bool gate = false;
  uint16_t highest[KWS_MODEL_KEYWORDS] = {}; /* confidences since the last line, 32768 is 1.0 */
};

static SerialPlot serial_plot;

#endif
