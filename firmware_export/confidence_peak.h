/* Follow the confidence of a detection, which is made at the threshold and rises on. */
#ifndef CONFIDENCE_PEAK_H
#define CONFIDENCE_PEAK_H

#include "action.h"
#include "src/kws.h"
#include "src/kws_model.h"

class ConfidencePeak {
 public:
  void begin(const kws_detection &made, uint32_t its_count) {
    detection = made;
    count = its_count;
    hops_left = HOPS;
    rose = false;
  }

  /* After each hop; return whether the confidence rose and does not rise now. */
  bool update(const kws_spotter *spotter) {
    if (hops_left == 0) return false;
    --hops_left;
    const uint16_t confidence = kws_spotter_score(spotter, detection.keyword);
    const bool rises = confidence > detection.confidence;
    if (rises) detection.confidence = confidence;
    const bool has_peak = (rose || rises) && (!rises || hops_left == 0);
    rose = rises;
    return has_peak;
  }

  kws_detection detection; /* with its greatest confidence so far */
  uint32_t count;          /* detections since the start, including this one */

 private:
  enum { HOPS = 2 * 16000 / KWS_MODEL_HOP }; /* 2 s, as on a laptop */
  int hops_left = 0;
  bool rose = false;
};

#endif
