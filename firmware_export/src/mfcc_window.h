/* Cut a stream of samples into the overlapping windows of a front end. */
#ifndef KWS_MFCC_WINDOW_H
#define KWS_MFCC_WINDOW_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "arithmetic.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Take samples up to the one that completes pending [window], of which there are *pending_count;
 * return how many. */
KWS_INLINE size_t kws_window_fill(int16_t *pending, uint16_t *pending_count, size_t window,
                                  const int16_t *samples, size_t count) {
  const size_t missing = window - *pending_count;
  const size_t taken = count < missing ? count : missing;
  if (taken > 0) memcpy(pending + *pending_count, samples, taken * sizeof *samples);
  *pending_count = (uint16_t)(*pending_count + taken);
  return taken;
}

/* Drop the first `hop` samples of a complete window. */
KWS_INLINE void kws_window_advance(int16_t *pending, uint16_t *pending_count, size_t hop) {
  const size_t kept = *pending_count - hop;
  memmove(pending, pending + hop, kept * sizeof *pending);
  *pending_count = (uint16_t)kept;
}

#ifdef __cplusplus
}
#endif

#endif
