/* Compute the complex FFT of the front end in block floating point; kws/fixed_mfcc.py states the
 * arithmetic. */
#ifndef KWS_FIXED_FFT_H
#define KWS_FIXED_FFT_H

#include <stdint.h>

#include "arithmetic.h"

#ifdef __cplusplus
extern "C" {
#endif

/* State how many bits the largest input of a stage has, and the twiddles after the point. */
enum { KWS_STAGE_BITS = 14, KWS_STAGE_TWIDDLE_BITS = 13 };

/* Hold a complex number. */
typedef struct {
  int32_t re, im;
} kws_fixed_complex;

/* Return the union of a spread and the bits of two numbers but for their signs: the largest number
 * has as many bits. */
KWS_INLINE uint32_t kws_spread(uint32_t spread, int32_t x, int32_t y) {
  spread |= (uint32_t)(x ^ (x >> 31)) | (uint32_t)(y ^ (y >> 31));
#if defined(__GNUC__)
  __asm__("" : "+r"(spread)); /* at once: kept for later, the numbers would take registers */
#endif
  return spread;
}

/* Return x / 2^shift, rounded; rounding: half of 2^shift. */
KWS_INLINE int32_t kws_shifted(int32_t x, int32_t rounding, int shift) {
  return (x + rounding) >> shift;
}

/* Return by how many bits to shift numbers to the right so that they have `bits` bits; spread: the
 * spread of them. */
KWS_INLINE int kws_excess(uint32_t spread, int bits) {
  const int found = spread == 0 ? 0 : 32 - kws_leading_zeros(spread);
  return found > bits ? found - bits : 0;
}

/* Transform z [points], which is in digit-reversed order, in place; points: a power of two, 64 or
 * more; twiddles: of each stage of radix 4 after the first [span][powers 1, 2, 3][cosine, sine]; shift:
 * bits that the input is shifted by before, so that it has at most KWS_STAGE_BITS, 2 or more. Write
 * the spread of the results; return how many bits they were shifted by in all. */
int kws_fixed_fft(kws_fixed_complex *z, int points, const int16_t *twiddles, int shift,
                  uint32_t *spread);

#ifdef __cplusplus
}
#endif

#endif
