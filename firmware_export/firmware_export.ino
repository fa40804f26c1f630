/* Spot keywords on an Arduino Nano 33 BLE Sense, always on.
 *
 *   microphone -> ring buffer -> spotter -> actions
 *
 * Change settings in settings.h. */
#include "KwsPdm.h"
#include "actions.h"
#include "confidence_peak.h"
#include "low_power.h"
#include "sensitivity.h"
#include "settings.h"
#include "src/kws.h"
#include "src/kws_model.h"
#include "watchdog.h"

static KwsPdm microphone(KWS_MICROPHONE_GAIN);
static_assert(KwsPdm::holds(KWS_MODEL_HOP), "the ring is too small");
static kws_spotter spotter;
static uint32_t memory[KWS_MODEL_MEMORY_BYTES / 4];
static int16_t hop[KWS_MODEL_HOP];
static ConfidencePeak peak;

/* Room for the detections of one push. A hop completes one at most: when the gate opens, the
 * pre-roll passes with the hop, but it is no longer than the refractory time. */
static constexpr int MAX_DETECTIONS = 4;

static void act(const kws_detection &detection) {
  static uint32_t count;
  ++count;
  for (Action *action : actions) action->detected(detection, count);
  peak.begin(detection, count);
}

/* Push the hop into the spotter and trigger the actions. */
static void detect() {
  kws_detection detections[MAX_DETECTIONS];
  const int count = kws_spotter_push(&spotter, hop, KWS_MODEL_HOP, detections, MAX_DETECTIONS);
  for (int i = 0; i < count; ++i) act(detections[i]);
  for (Action *action : actions) action->heard(hop, KWS_MODEL_HOP, spotter);
  if (peak.update(&spotter))
    for (Action *action : actions) action->risen(peak.detection, peak.count);
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

/* Return what does not work, or null. */
static const char *find_fault() {
  if (microphone.fault()) return microphone.fault();
  for (Action *action : actions)
    if (action->fault()) return action->fault();
  return watchdog.fault();
}

static void report_fault() {
  static const char *reported;
  const char *const fault = find_fault();
  if (fault == reported) return;
  for (Action *action : actions) action->faulty(fault);
  reported = fault;
}

/* Sleep; the microphone's interrupt goes on. */
static void rest() {
  if (!KWS_LOW_POWER) return delay(5); /* ms */
  uint32_t ms = 500; /* in which a microphone that has stopped is noticed */
  for (Action *action : actions)
    if (action->pause_ms() < ms) ms = action->pause_ms();
  microphone.wait(ms);
}

void setup() {
  watchdog.begin();
  if (KWS_LOW_POWER) KwsLowPower::begin();
  kws_spotter_init(&spotter, &kws_model_data, memory);
  sensitivity.apply(&spotter);
  if (!KWS_GATE) {
    spotter.gate.on = false;
    kws_spotter_reset(&spotter);
  }
  for (Action *action : actions) action->begin();
  microphone.begin();
}

void loop() {
  watchdog.feed();
  if (microphone.read(hop, KWS_MODEL_HOP))
    detect();
  else
    rest();
  report_losses();
  report_fault();
  for (Action *action : actions) action->update();
}
