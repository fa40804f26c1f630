/* Compute the FFT of the front end; kws/mfcc.py states the order of arithmetic. */
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
/* Split a transform of pairs of samples, even + i * odd, into twice the magnitudes [points + 1] of the
 * real FFT, in its place and two floats more; split_twiddles: [points / 2][cosine, sine]; last: highest
 * bin that is asked for. Return them. */
float *kws_fft_magnitudes(kws_complex *z, int points, const float *split_twiddles, int last);

#ifdef __cplusplus
}
#endif

#endif
