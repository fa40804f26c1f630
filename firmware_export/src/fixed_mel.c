/* Sum the magnitudes of a spectrum over the mel filters; see fixed_mel.h. */
#include "fixed_mel.h"

#include "fixed_m4.h"
#include "fixed_mve.h"

#if !KWS_DSP

/* State the bits after the point of magnitudes and mel weights, and the table's start. */
enum { MAGNITUDE_BITS = 3, WEIGHT_BITS = 11, FIRST_ROOT = 32 };

/* Return the magnitude of a complex number, Q3: a line between two square roots, see fixed_mfcc.h. */
KWS_INLINE uint32_t magnitude_of(const uint32_t *roots, int32_t re, int32_t im) {
  uint32_t square = (uint32_t)re * (uint32_t)re + (uint32_t)im * (uint32_t)im;
  if (square == 0) return 0;
  const int shift = kws_leading_zero_pairs(square);
  square <<= 2 * shift;
  const uint32_t line = roots[(square >> 25) - FIRST_ROOT];
  const uint32_t root = line + (uint32_t)(int16_t)line * ~(square >> 9); /* Q31 */
  return root >> (31 - 16 - MAGNITUDE_BITS + shift);
}

/* Shift the packed transform and split it into bins a ... b of the real FFT from both ends, in
 * place. */
KWS_APART void split(kws_fixed_complex *a, kws_fixed_complex *b, const int16_t *twiddle, int shift) {
  const int32_t rounding = (1 << shift) >> 1, one = 1 << KWS_SPLIT_TWIDDLE_BITS;
  for (; a <= b; ++a, --b, twiddle += 2) {
    const int32_t c = twiddle[0], s = twiddle[1];
    int32_t x = kws_shifted(a->re, rounding, shift), y = kws_shifted(b->re, rounding, shift);
    const int32_t even_r = (x + y) * one + one, odd_i = y - x;
    x = kws_shifted(a->im, rounding, shift);
    y = kws_shifted(b->im, rounding, shift);
    const int32_t even_i = (x - y) * one + one, odd_r = x + y;
    const int32_t turn_r = odd_r * c - odd_i * s, turn_i = odd_i * c + odd_r * s;
    b->re = (even_r - turn_r) >> (KWS_SPLIT_TWIDDLE_BITS + 1);
    b->im = (even_i - turn_i) >> (KWS_SPLIT_TWIDDLE_BITS + 1);
    a->re = (even_r + turn_r) >> (KWS_SPLIT_TWIDDLE_BITS + 1); /* of the middle bin these remain */
    a->im = (even_i + turn_i) >> (KWS_SPLIT_TWIDDLE_BITS + 1);
  }
}

/* Write the magnitudes of z [count] to their place, one after another. */
KWS_APART void take_magnitudes(const uint32_t *roots, int32_t *z, int count) {
  const int32_t *from = z, *const end = z + 2 * count;
  do {
    const int32_t re = *from++;
    *z++ = (int32_t)magnitude_of(roots, re, *from++);
  } while (from < end);
}

/* Add magnitudes [count] times their weights [count][falling, rising] to two sums. */
KWS_APART void add_bins(const int32_t *magnitudes, int count, const uint16_t *weights,
                        uint32_t *sums) {
  const uint16_t *const end = weights + 2 * count;
  uint32_t falling = sums[0], rising = 0;
  while (weights < end) {
    const uint32_t magnitude = (uint32_t)*magnitudes++;
    falling += magnitude * *weights++ >> WEIGHT_BITS;
    rising += magnitude * *weights++ >> WEIGHT_BITS;
  }
  sums[0] = falling;
  sums[1] = rising;
}

#endif

void kws_fixed_mel(const kws_fixed_mfcc_tables *tables, kws_fixed_complex *z, int shift,
                   uint32_t *sums) {
  const uint16_t *weights = tables->bin_weights, *bins = tables->filter_bins;
  const uint16_t *const end = bins + tables->mel_filters + 1;
  kws_fixed_complex *from = z + tables->first_bin, *last = z + tables->points - 1;
#if KWS_DSP
#if KWS_MVE
  kws_mve_fixed_split(z + 1, last, tables->split_twiddles, shift);
#else
  kws_m4_fixed_split(z + 1, last, tables->split_twiddles, shift);
#endif
  kws_m4_mel_sums(from, weights, tables->roots, sums, bins, end);
#else
  const int32_t *magnitudes = &from->re;
  split(z + 1, last, tables->split_twiddles, shift);
  take_magnitudes(tables->roots, &from->re, tables->bin_count);
  *sums = 0;
  do {
    add_bins(magnitudes, *bins, weights, sums++);
    magnitudes += *bins;
    weights += 2 * *bins;
  } while (++bins < end);
#endif
}
