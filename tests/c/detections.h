/* Write the detections in some samples, for programs that trace a front end as well. */
#ifndef DETECTIONS_H
#define DETECTIONS_H

#include "io.h"
#include "kws.h"

/* Write each as uint32 sample low, sample high, keyword, confidence; blocks have 100 samples. */
static inline void write_detections(kws_spotter *spotter, const int16_t *samples, size_t count) {
  for (size_t at = 0; at < count; at += 100) {
    kws_detection detection;
    const size_t block = count - at < 100 ? count - at : 100;
    if (kws_spotter_push(spotter, samples + at, block, &detection, 1) == 0) continue;
    const uint32_t words[4] = {(uint32_t)detection.sample, (uint32_t)(detection.sample >> 32),
                               detection.keyword, detection.confidence};
    io_write(words, sizeof words);
  }
}

#endif
