/* Spot keywords on an Arduino Nano 33 BLE Sense, always on.
 *
 *   microphone -> ring buffer -> spotter -> actions
 *
 * Change settings in settings.h. */
#include "actions.h"
#include "microphone.h"
#include "settings.h"
#include "src/kws.h"
#include "src/kws_model.h"

static Microphone microphone;
static kws_spotter spotter;
static uint32_t memory[KWS_MODEL_MEMORY_BYTES / 4];
static int16_t hop[KWS_MODEL_HOP];

static void act(const kws_detection &heard) {
  static uint32_t count;
  ++count;
  for (Action *action : actions) action->detected(heard, count);
}

/* Report lost samples, at most once a second. */
static void report_losses() {
  static uint32_t reported, reported_at;
  const uint32_t lost = microphone.lost(), now = millis();
  if (lost == reported || now - reported_at < 1000) return;
  for (Action *action : actions) action->lost(lost);
  reported = lost;
  reported_at = now;
}

void setup() {
  kws_spotter_init(&spotter, &kws_model_data, memory);
  if (!KWS_GATE) {
    spotter.gate.on = false;
    kws_spotter_reset(&spotter);
  }
  for (Action *action : actions) action->begin();
  microphone.begin();
}

void loop() {
  kws_detection heard;
  if (!microphone.read(hop))
    delay(5); /* ms; the processor sleeps, the interrupt goes on collecting */
  else if (kws_spotter_push(&spotter, hop, KWS_MODEL_HOP, &heard, 1))
    act(heard);
  report_losses();
  for (Action *action : actions) action->update();
}
