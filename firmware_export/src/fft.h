/* Compute the complex FFT of the front end; kws/mfcc.py states the order of arithmetic. */
#ifndef KWS_FFT_H
#define KWS_FFT_H

#ifdef __cplusplus
extern "C" {
#endif

/* Hold a complex number. */
typedef struct {
  float re, im;
} kws_complex;

/* Transform z [points], which is in digit-reversed order, in place; points: a power of two, 64 or
 * more; twiddles: [points * 3 / 4][cosine, sine]. */
void kws_fft(kws_complex *z, int points, const float *twiddles);

#ifdef __cplusplus
}
#endif

#endif
