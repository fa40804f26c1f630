/* The complex FFT of the front end, in place; kws/mfcc.py states the order of arithmetic. */
#ifndef KWS_FFT_H
#define KWS_FFT_H

typedef struct {
  float re, im;
} kws_complex;

/* z [points] in the order that the first stage wants; points a power of two, 64 or more.
 * twiddles [points * 3 / 4][cosine, sine]. */
void kws_fft(kws_complex *z, int points, const float *twiddles);

#endif
