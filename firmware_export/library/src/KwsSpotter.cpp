#include "KwsSpotter.h"

#include "KwsRing.h"

#include <string.h>

void KwsSpotter::begin() {
  kws_spotter_init(&spotter, &model, memory);
  spotter.posterior.thresholds = thresholds;
}

bool KwsSpotter::begin(KwsAudio &source) {
  begin();
  microphone = &source;
  return source.begin();
}

void KwsSpotter::begin(KwsSpotter &other) {
  begin();
  for (KwsSpotter *one = &other; one != nullptr; one = one->next)
    if (one == this) return; /* a second begin(); a ring would never end */
  next = other.next;
  other.next = this;
}

bool KwsSpotter::poll(uint32_t wait_ms) {
  int16_t block[BLOCK];
  if (microphone == nullptr) return false;
  if (!microphone->read(block, BLOCK)) {
    if (wait_ms == 0) return false;
    microphone->wait(wait_ms);
    if (!microphone->read(block, BLOCK)) return false;
  }
  pushBlock(block, BLOCK);
  for (int left = KWS_RING_SAMPLES / BLOCK - 1; left > 0; --left) {
    if (!microphone->ready(BLOCK) || !microphone->read(block, BLOCK)) break;
    pushBlock(block, BLOCK);
  }
  return true;
}

void KwsSpotter::push(const int16_t *samples, size_t count) {
  while (count > 0) {
    const size_t part = count < BLOCK ? count : (size_t)BLOCK; /* which found[] has room for */
    pushBlock(samples, part);
    samples += part;
    count -= part;
  }
}

void KwsSpotter::pushBlock(const int16_t *samples, size_t count) {
  for (KwsSpotter *one = this; one != nullptr; one = one->next) {
    kws_detection found[MAX_DETECTIONS];
    const int detections =
        kws_spotter_push(&one->spotter, samples, count, found, MAX_DETECTIONS);
    for (int i = 0; i < detections && one->handler != nullptr; ++i)
      one->handler({one->keyword(found[i].keyword), found[i].keyword,
                    (float)found[i].confidence / 32768.0f, (float)found[i].sample / 16000.0f,
                    found[i].sample});
  }
}

bool KwsSpotter::setSensitivity(int sensitivity) {
  if (sensitivity < 0 || sensitivity >= KWS_SENSITIVITIES) return false;
  const uint16_t *stored = model.sensitivities + sensitivity * keywords();
  if (stored[0] == 0) return false;
  memcpy(thresholds, stored, (size_t)keywords() * sizeof *thresholds);
  return true;
}

bool KwsSpotter::setThreshold(const char *name, double threshold) {
  if (!(threshold > 0 && threshold <= 1)) return false;
  const uint16_t floored = (uint16_t)(threshold * 32768);
  for (int i = 0; i < keywords(); ++i)
    if (strcmp(keyword(i), name) == 0) {
      /* the least posterior that reaches it, as kws listen has it */
      thresholds[i] = (uint16_t)(floored + (floored < threshold * 32768));
      return true;
    }
  return false;
}
