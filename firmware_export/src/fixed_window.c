/* Window the samples of a frame; see fixed_window.h. */
#include "fixed_window.h"

#include "fixed_m4.h"

/* Subtract three quarters of the sample before, so that the spectrum of speech is flatter. */
KWS_INLINE int32_t emphasise(int32_t sample, int32_t before) {
  return sample - (before - (before >> 2));
}

/* Window samples and emphasise them in pairs, even + i * odd, and write them to their indices in z,
 * up to `end`; step: 1 where the window rises, -1 where it falls. *before is the latest windowed
 * sample. Return the spread. */
static uint32_t load_pairs(const int16_t *samples, const uint16_t *hann, int step,
                           const uint16_t *index, const uint16_t *end, kws_fixed_complex *z,
                           int32_t *before) {
  uint32_t spread = 0;
  int32_t latest = *before;
  while (index < end) {
    kws_fixed_complex *pair = &z[*index++];
    const int32_t even = *samples++ * *hann;
    hann += step;
    const int32_t first = emphasise(even, latest);
    pair->re = first;
    latest = *samples++ * *hann;
    hann += step;
    const int32_t second = emphasise(latest, even);
    pair->im = second;
    spread = kws_spread(spread, first, second);
  }
  *before = latest;
  return spread;
}

uint32_t kws_fixed_load(const kws_fixed_mfcc_tables *tables, const int16_t *samples,
                        kws_fixed_complex *z) {
  const int window = tables->window, pairs = window / 2, rising = window / 4 + 1;
  const uint16_t *hann = tables->hann, *index = tables->digit_reversal;
  const uint16_t *const end = index + pairs;
  int32_t before = 0;
  uint32_t spread = 0;
  int first = 0, last = pairs; /* between them, pairs are loaded sample by sample */
#if KWS_DSP
  first = window / 4;
  while (first > 0 && hann[2 * first - 1] > INT16_MAX) --first;
  if (first > 0) last = pairs - first + 1;
  spread = kws_m4_load_rising(samples, hann, index, index + first, z, &before);
#endif
  spread |= load_pairs(samples + 2 * first, hann + 2 * first, 1, index + first, index + rising, z,
                       &before);
  spread |= load_pairs(samples + 2 * rising, hann + window - 2 * rising, -1, index + rising,
                       index + last, z, &before);
#if KWS_DSP
  spread |= kws_m4_load_falling(samples + 2 * last, hann + window - 2 * last - 1, index + last, end, z,
                                &before);
#endif
  for (index = end; index < tables->digit_reversal + tables->points; ++index)
    z[*index].re = z[*index].im = 0;
  if (window % 2 == 1) {
    const int32_t latest = samples[window - 1] * hann[1];
    z[*end].re = emphasise(latest, before);
    z[*end].im = emphasise(0, latest);
    return kws_spread(spread, z[*end].re, z[*end].im);
  }
  /* The sample after the window, or where that fills the FFT the first, whose weight is 0. */
  kws_fixed_complex *after = &z[window == 2 * tables->points ? 0 : *end];
  after->re = emphasise(0, before);
  return kws_spread(spread, after->re, 0);
}
