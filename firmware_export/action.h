/* Base class of the actions that a detection triggers. */
#ifndef ACTION_H
#define ACTION_H

#include <stdint.h>

#include "src/kws.h"

class Action {
 public:
  virtual void begin() {}
  /* count: detections since the start, including this one. detection.sample counts from the first
   * sample of the microphone. */
  virtual void detected(const kws_detection &detection, uint32_t count) = 0;
  /* Called when the confidence of the latest detection has risen on since; count as above. */
  virtual void risen(const kws_detection &detection, uint32_t count) {
    (void)detection;
    (void)count;
  }
  /* Called for each hop of audio, after the detector took it. */
  virtual void heard(const int16_t *samples, int count, const kws_spotter &spotter) {
    (void)samples;
    (void)count;
    (void)spotter;
  }
  /* Called when samples were lost; samples: in total since the start, modulo 2^32. */
  virtual void lost(uint32_t samples) { (void)samples; }
  /* Called when something does not work, of the board or of another action, and with null when all
   * works again. */
  virtual void faulty(const char *fault) { (void)fault; }
  /* Return what of this action does not work, or null. */
  virtual const char *fault() const { return nullptr; }
  /* Called every few ms; must not block. */
  virtual void update() {}
  /* Return for how many ms update() need not be called, where KWS_LOW_POWER is on. */
  virtual uint32_t pause_ms() const { return 500; }
};

#endif
