/* What a detection sets off. */
#ifndef ACTION_H
#define ACTION_H

#include <stdint.h>

#include "src/kws.h"

class Action {
 public:
  virtual void begin() {}
  /* count: detections since the start, this one included; heard.sample counts from the start of
   * the microphone. */
  virtual void detected(const kws_detection &heard, uint32_t count) = 0;
  /* samples: lost since the start, modulo 2^32; called when more were lost. */
  virtual void lost(uint32_t samples) { (void)samples; }
  /* Called every few ms; must not wait. */
  virtual void update() {}
};

#endif
