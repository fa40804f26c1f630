/* Run the FFT of the front end in fixed point with Arm's Helium (MVE), bit for bit as fixed_fft.c
 * and fixed_mel.c do in portable C.
 *
 * The front end in binary32 does without it: Helium takes numbers below 2^-126 for 0. */
#ifndef KWS_FIXED_MVE_H
#define KWS_FIXED_MVE_H

#include <stdint.h>

#include "fixed_fft.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Run the first stage of radix 4 of a transform z ... end. Return a number of as many bits as the
 * largest result has. */
uint32_t kws_mve_fixed_first(kws_fixed_complex *z, const kws_fixed_complex *end, int shift);
/* Run a stage that joins transforms of `span` points, an even number; return as above. */
uint32_t kws_mve_fixed_join(kws_fixed_complex *z, const kws_fixed_complex *end, int span,
                            const int16_t *twiddles, int shift);
/* Split bins first ... last from both ends, two and two; see split() of fixed_mel.c. */
void kws_mve_fixed_split(kws_fixed_complex *first, kws_fixed_complex *last,
                         const int16_t *twiddles, int shift);

#ifdef __cplusplus
}
#endif

#endif
