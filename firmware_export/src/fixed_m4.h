/* Run the loops of the front end in fixed point with the Cortex-M4's DSP instructions, bit for bit as
 * fixed_fft.c and fixed_mfcc.c do in portable C.
 *
 * They are in assembly as they use every register: at -Os the compiler takes half as many
 * instructions again. */
#ifndef KWS_FIXED_M4_H
#define KWS_FIXED_M4_H

#include <stdint.h>

#include "arithmetic.h"
#include "fixed_fft.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Run the first stage of radix 4 of a transform z ... end; multiplier: 2^(32 - shift), at most 2^30.
 * Return the spread of the results. */
uint32_t kws_m4_fixed_first(kws_fixed_complex *z, const kws_fixed_complex *end, int32_t multiplier);
/* Run a stage that joins transforms of 4, 16 or 64 points; multiplier: 2^(19 - shift), at most 2^19,
 * which twiddles (Q13) and shift together are undone by. Return the spread of the results. */
uint32_t kws_m4_fixed_join_4(kws_fixed_complex *z, const kws_fixed_complex *end,
                             const int16_t *twiddles, int32_t multiplier);
uint32_t kws_m4_fixed_join_16(kws_fixed_complex *z, const kws_fixed_complex *end,
                              const int16_t *twiddles, int32_t multiplier);
uint32_t kws_m4_fixed_join_64(kws_fixed_complex *z, const kws_fixed_complex *end,
                              const int16_t *twiddles, int32_t multiplier);
/* Split bins first ... last, from both ends; see split() of fixed_mfcc.c. */
void kws_m4_fixed_split(kws_fixed_complex *first, kws_fixed_complex *last, const int16_t *twiddles,
                        int shift);
/* Write mel sums but the last from the first bin z on; bins ... end: how many there are between two
 * corners; see mel_sums() of fixed_mfcc.c. */
void kws_m4_mel_sums(const kws_fixed_complex *z, const uint16_t *weights, const uint32_t *roots,
                     uint32_t *sums, const uint16_t *bins, const uint16_t *end);

/* Load pairs of samples as load_pairs() of fixed_window.c does, whose weights rise or fall and are all
 * below 1: from hann[0] on, or from hann[1] back. Return the spread of the upper halves: lower ones
 * are shifted by the least there is. */
uint32_t kws_m4_load_rising(const int16_t *samples, const uint16_t *hann, const uint16_t *index,
                            const uint16_t *end, kws_fixed_complex *z, int32_t *before);
uint32_t kws_m4_load_falling(const int16_t *samples, const uint16_t *hann, const uint16_t *index,
                             const uint16_t *end, kws_fixed_complex *z, int32_t *before);
/* Write every second coefficient to frame ... end; pairs: folded logarithms [half] of 16 bits; weights
 * [coefficients][half], bias, shifts: those of the first of them and all that follow. */
void kws_m4_coefficients(const int16_t *weights, const uint32_t *pairs, int half, const int32_t *bias,
                         const uint8_t *shifts, int8_t *frame, const int8_t *end);

#if KWS_DSP
/* Put the lower halves of two numbers into one. */
KWS_INLINE uint32_t kws_pkhbt(int32_t below, int32_t above) {
  uint32_t result;
  __asm__("pkhbt %0, %1, %2, lsl #16" : "=r"(result) : "r"(below), "r"(above));
  return result;
}
KWS_INLINE uint32_t kws_sadd16(uint32_t a, uint32_t b) {
  uint32_t result;
  __asm__("sadd16 %0, %1, %2" : "=r"(result) : "r"(a), "r"(b));
  return result;
}
KWS_INLINE uint32_t kws_ssub16(uint32_t a, uint32_t b) {
  uint32_t result;
  __asm__("ssub16 %0, %1, %2" : "=r"(result) : "r"(a), "r"(b));
  return result;
}
#endif

#ifdef __cplusplus
}
#endif

#endif
