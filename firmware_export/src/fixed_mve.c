/* Implement fixed_mve.h. A vector holds two complex numbers; vcadd adds one that is turned by 90 or
 * 270 degrees. */
#include "fixed_mve.h"

#if KWS_MVE

#include <arm_mve.h>

#include "fixed_mel.h"

/* Return numbers times twiddles; at: of each one's cosine, twice; the sine is next to it. */
KWS_INLINE int32x4_t turned(int32x4_t z, const int16_t *twiddle, uint32x4_t at) {
  const int32x4_t cosines = vldrhq_gather_shifted_offset_s32(twiddle, at);
  const int32x4_t sines = vldrhq_gather_shifted_offset_s32(twiddle + 1, at);
  return vcaddq_rot90_s32(vmulq_s32(z, cosines), vmulq_s32(z, sines));
}

/* Return the least of `signs` and of how many bits after its sign each x has that are as it. */
KWS_INLINE int32x4_t least_signs(int32x4_t signs, int32x4_t x) {
  return vminq_s32(signs, vclsq_s32(x));
}

/* Join four values, as butterfly() of fixed_fft.c does. Return the least of signs and theirs. */
KWS_INLINE int32x4_t butterfly(int32x4_t *a, int32x4_t *b, int32x4_t *c, int32x4_t *d,
                               int32x4_t signs) {
  const int32x4_t odd = vaddq_s32(*b, *d), turn = vsubq_s32(*b, *d);
  const int32x4_t sum = vaddq_s32(*a, *c), difference = vsubq_s32(*a, *c);
  *a = vaddq_s32(sum, odd);
  *b = vcaddq_rot270_s32(difference, turn);
  *c = vsubq_s32(sum, odd);
  *d = vcaddq_rot90_s32(difference, turn);
  return least_signs(least_signs(least_signs(least_signs(signs, *a), *b), *c), *d);
}

/* Return a number of as many bits as the largest result has. */
static uint32_t spread_of(int32x4_t signs) { return (1u << (31 - vminvq_s32(31, signs))) >> 1; }

uint32_t kws_mve_fixed_first(kws_fixed_complex *z, const kws_fixed_complex *end, int shift) {
  static const uint32_t fours[4] = {0, 1, 8, 9}; /* words */
  const uint32x4_t at = vldrwq_u32(fours);
  int32x4_t signs = vdupq_n_s32(31);
  for (int32_t *x = &z->re; x < &end->re; x += 16) {
    int32x4_t a = vrshlq_n_s32(vldrwq_gather_shifted_offset_s32(x, at), -shift);
    int32x4_t b = vrshlq_n_s32(vldrwq_gather_shifted_offset_s32(x + 2, at), -shift);
    int32x4_t c = vrshlq_n_s32(vldrwq_gather_shifted_offset_s32(x + 4, at), -shift);
    int32x4_t d = vrshlq_n_s32(vldrwq_gather_shifted_offset_s32(x + 6, at), -shift);
    signs = butterfly(&a, &b, &c, &d, signs);
    vstrwq_scatter_shifted_offset_s32(x, at, a);
    vstrwq_scatter_shifted_offset_s32(x + 2, at, b);
    vstrwq_scatter_shifted_offset_s32(x + 4, at, c);
    vstrwq_scatter_shifted_offset_s32(x + 6, at, d);
  }
  return spread_of(signs);
}

/* Join at all k in a group, whose parts lie `span` words apart. Return as butterfly(). */
KWS_APART int32x4_t join(int32_t *x, int span, const int16_t *twiddle, int shift, int32x4_t signs) {
  static const uint32_t pairs[4] = {0, 0, 6, 6};
  const uint32x4_t at = vldrwq_u32(pairs);
  const int down = -shift - KWS_STAGE_TWIDDLE_BITS;
  for (const int32_t *end = x + span; x < end; x += 4, twiddle += 12) {
    int32_t *y = x + 2 * span;
    int32x4_t b = vrshlq_n_s32(turned(vldrwq_s32(x + span), twiddle, at), down);
    int32x4_t c = vrshlq_n_s32(turned(vldrwq_s32(y), twiddle + 2, at), down);
    int32x4_t d = vrshlq_n_s32(turned(vldrwq_s32(y + span), twiddle + 4, at), down);
    int32x4_t a = vrshlq_n_s32(vldrwq_s32(x), -shift);
    signs = butterfly(&a, &b, &c, &d, signs);
    vstrwq_s32(x, a);
    vstrwq_s32(x + span, b);
    vstrwq_s32(y, c);
    vstrwq_s32(y + span, d);
  }
  return signs;
}

uint32_t kws_mve_fixed_join(kws_fixed_complex *z, const kws_fixed_complex *end, int span,
                            const int16_t *twiddles, int shift) {
  int32x4_t signs = vdupq_n_s32(31);
  for (; z < end; z += 4 * span) signs = join(&z->re, 2 * span, twiddles, shift, signs);
  return spread_of(signs);
}

void kws_mve_fixed_split(kws_fixed_complex *first, kws_fixed_complex *last,
                         const int16_t *twiddles, int shift) {
  static const uint32_t reversed[4] = {2, 3, 0, 1}, pairs[4] = {0, 0, 2, 2};
  static const int8_t signs[4] = {1, -1, 1, -1};
  const uint32x4_t back = vldrwq_u32(reversed), at = vldrwq_u32(pairs);
  const int32x4_t conjugate = vldrbq_s32(signs);
  for (; first <= last; first += 2, last -= 2, twiddles += 4) {
    int32_t *below = &first->re, *above = &last[-1].re;
    const int32x4_t x = vrshlq_n_s32(vldrwq_s32(below), -shift);
    const int32x4_t z = vrshlq_n_s32(vldrwq_gather_shifted_offset_s32(above, back), -shift);
    const int32x4_t y = vmulq_s32(z, conjugate);
    const int32x4_t even = vshlq_n_s32(vaddq_s32(x, y), KWS_SPLIT_TWIDDLE_BITS);
    const int32x4_t odd = vsubq_s32(x, y); /* times i */
    const int32x4_t cosines = vldrhq_gather_shifted_offset_s32(twiddles, at);
    const int32x4_t sines = vldrhq_gather_shifted_offset_s32(twiddles + 1, at);
    const int32x4_t turn = vcaddq_rot270_s32(vmulq_s32(odd, sines), vmulq_s32(odd, cosines));
    const int32x4_t minus = vrshrq_n_s32(vsubq_s32(even, turn), KWS_SPLIT_TWIDDLE_BITS + 1);
    const int32x4_t plus = vrshrq_n_s32(vaddq_s32(even, turn), KWS_SPLIT_TWIDDLE_BITS + 1);
    vstrwq_scatter_shifted_offset_s32(above, back, minus);
    vstrwq_s32(below, plus); /* of the middle bin these remain */
  }
}

#endif
