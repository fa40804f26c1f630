/* Transform samples as kissfft does in 16 bits, bit for bit: TFLM's microfrontend rests on it. */
#ifndef KWS_MICRO_FFT_H
#define KWS_MICRO_FFT_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Transform z [points][real, imaginary] * 2^shift, in digit-reversed order, to the transform / points,
 * in place; points: a power of 4; twiddles: [points * 3 / 4][cosine, sine] Q15. */
void kws_micro_fft(int16_t *z, int points, const int16_t *twiddles, int shift);
/* Split the transform of packed samples into bins 1 ... points - 1 of the real one, in place;
 * twiddles: [points / 2][cosine, sine] Q15. */
void kws_micro_split(int16_t *z, int points, const int16_t *twiddles);

#ifdef __cplusplus
}
#endif

#endif
