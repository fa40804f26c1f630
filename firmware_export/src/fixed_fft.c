/* Compute the complex FFT in stages of radix 4, the first of radix 2 where need be. */
#include "fixed_fft.h"

#include "fixed_m4.h"
#include "fixed_mve.h"

/* Run the first stage of a transform whose size is not a power of four; its input is shifted
 * before. Return the spread of the results. */
static uint32_t join_pairs(kws_fixed_complex *z, const kws_fixed_complex *end, int shift) {
  const int32_t rounding = (1 << shift) >> 1;
  uint32_t spread = 0;
  for (int32_t *x = &z->re; x < &end->re; x += 4)
    for (int part = 0; part < 2; ++part) {
      const int32_t a = kws_shifted(x[part], rounding, shift);
      const int32_t b = kws_shifted(x[part + 2], rounding, shift);
      x[part] = a + b;
      x[part + 2] = a - b;
      spread = kws_spread(spread, a + b, a - b);
    }
  return spread;
}

#if defined(__GNUC__) && defined(__thumb__) && !defined(__thumb2__)

/* Multiply z [count] by every third twiddle in place, and shift it. At -Os the compiler keeps nothing
 * in r8 to r11, and the rounding not in r12 either. */
static void twist(kws_fixed_complex *z, int count, const int16_t *twiddle, int shift) {
  const kws_fixed_complex *const end = z + count;
  const int down = shift + KWS_STAGE_TWIDDLE_BITS;
  const int32_t rounding = 1 << (down - 1);
  int32_t c, s, re, im, t;
  __asm__ volatile(".syntax unified\n"
                   "1:\n\t"
                   "movs %[t], #0\n\t"
                   "ldrsh %[c], [%[w], %[t]]\n\t"
                   "movs %[t], #2\n\t"
                   "ldrsh %[s], [%[w], %[t]]\n\t"
                   "adds %[w], #12\n\t"
                   "ldr %[re], [%[z], #0]\n\t"
                   "ldr %[im], [%[z], #4]\n\t"
                   "movs %[t], %[re]\n\t"
                   "muls %[t], %[c], %[t]\n\t"
                   "muls %[re], %[s], %[re]\n\t"
                   "muls %[s], %[im], %[s]\n\t"
                   "muls %[im], %[c], %[im]\n\t"
                   "subs %[t], %[t], %[s]\n\t"
                   "adds %[im], %[im], %[re]\n\t"
                   "add %[t], %[rounding]\n\t"
                   "add %[im], %[rounding]\n\t"
                   "ldr %[c], %[down]\n\t"
                   "asrs %[t], %[c]\n\t"
                   "asrs %[im], %[c]\n\t"
                   "str %[t], [%[z], #0]\n\t"
                   "str %[im], [%[z], #4]\n\t"
                   "adds %[z], #8\n\t"
                   "ldr %[c], %[end]\n\t"
                   "cmp %[z], %[c]\n\t"
                   "blo 1b"
                   : [z] "+l"(z), [w] "+l"(twiddle), [c] "=&l"(c), [s] "=&l"(s), [re] "=&l"(re),
                     [im] "=&l"(im), [t] "=&l"(t)
                   : [end] "m"(end), [rounding] "h"(rounding), [down] "m"(down)
                   : "cc", "memory");
}

#endif

/* Join four values, of which a and, where `all`, the others are shifted before; return the union of
 * `spread` and the spread of the results. */
KWS_INLINE uint32_t butterfly(kws_fixed_complex *a, kws_fixed_complex *b, kws_fixed_complex *c,
                              kws_fixed_complex *d, int shift, int all, uint32_t spread) {
  const int32_t rounding = (1 << shift) >> 1;
  int32_t x = b->re, y = d->re;
  if (all) x = kws_shifted(x, rounding, shift), y = kws_shifted(y, rounding, shift);
  const int32_t odd_r = x + y, turn_r = x - y;
  x = kws_shifted(a->re, rounding, shift);
  y = c->re;
  if (all) y = kws_shifted(y, rounding, shift);
  const int32_t sum_r = x + y, diff_r = x - y;
  x = sum_r + odd_r;
  y = sum_r - odd_r;
  a->re = x;
  c->re = y;
  spread = kws_spread(spread, x, y);
  x = b->im;
  y = d->im;
  if (all) x = kws_shifted(x, rounding, shift), y = kws_shifted(y, rounding, shift);
  const int32_t odd_i = x + y, turn_i = x - y;
  x = diff_r + turn_i;
  y = diff_r - turn_i;
  b->re = x;
  d->re = y;
  spread = kws_spread(spread, x, y);
  x = kws_shifted(a->im, rounding, shift);
  y = c->im;
  if (all) y = kws_shifted(y, rounding, shift);
  const int32_t sum_i = x + y, diff_i = x - y;
  x = diff_i - turn_r;
  y = diff_i + turn_r;
  b->im = x;
  d->im = y;
  spread = kws_spread(spread, x, y);
  x = sum_i + odd_i;
  y = sum_i - odd_i;
  a->im = x;
  c->im = y;
  return kws_spread(spread, x, y);
}

/* Join at k = 0, whose twiddles are 1, in all groups. Return the spread of the results. */
static uint32_t join_first(kws_fixed_complex *z, const kws_fixed_complex *end, int span, int shift) {
  uint32_t spread = 0;
  do {
    kws_fixed_complex *b = z + span, *c = b + span, *d = c + span;
    spread = butterfly(z, b, c, d, shift, 1, spread);
    z = d + span;
  } while (z < end);
  return spread;
}

#if defined(__GNUC__) && defined(__thumb__) && !defined(__thumb2__)

/* Join at k = 1 ... span - 1 in a group, in two passes: all at once needs more registers. */
static uint32_t join(kws_fixed_complex *z, int span, const int16_t *twiddles, int shift) {
  kws_fixed_complex *b = z + span, *c = b + span, *d = c + span;
  const kws_fixed_complex *const end = b;
  uint32_t spread = 0;
  twist(++b, span - 1, twiddles, shift);
  twist(++c, span - 1, twiddles + 2, shift);
  twist(++d, span - 1, twiddles + 4, shift);
  ++z;
  do {
    spread = butterfly(z, b++, c++, d++, shift, 0, spread);
  } while (++z < end);
  return spread;
}

#else

/* Write x + y and x - y; return the union of `spread` and their spread. */
KWS_INLINE uint32_t add_and_subtract(kws_fixed_complex *sum, kws_fixed_complex *difference,
                                     kws_fixed_complex x, kws_fixed_complex y, uint32_t spread) {
  const int32_t re = x.re + y.re, im = x.im + y.im, to_re = x.re - y.re, to_im = x.im - y.im;
  sum->re = re;
  sum->im = im;
  difference->re = to_re;
  difference->im = to_im;
  return kws_spread(kws_spread(spread, re, im), to_re, to_im);
}

/* Return z times a twiddle, shifted. */
KWS_INLINE kws_fixed_complex turned(const kws_fixed_complex *z, const int16_t *twiddle,
                                    int32_t rounding, int down) {
  const int32_t c = twiddle[0], s = twiddle[1];
  const kws_fixed_complex result = {kws_shifted(z->re * c - z->im * s, rounding, down),
                                    kws_shifted(z->im * c + z->re * s, rounding, down)};
  return result;
}

/* Join at k = 1 ... span - 1 in a group. Return the spread of the results. */
static uint32_t join(kws_fixed_complex *z, int span, const int16_t *twiddle, int shift) {
  const int down = shift + KWS_STAGE_TWIDDLE_BITS;
  const int32_t rounding = 1 << (down - 1), half = rounding >> KWS_STAGE_TWIDDLE_BITS;
  kws_fixed_complex *b = z + span, *c = b + span, *d = c + span;
  const kws_fixed_complex *const end = b - 1;
  uint32_t spread = 0;
  do {
    ++z;
    const kws_fixed_complex tb = turned(++b, twiddle, rounding, down);
    const kws_fixed_complex td = turned(++d, twiddle + 4, rounding, down);
    const kws_fixed_complex odd = {tb.re + td.re, tb.im + td.im};
    const kws_fixed_complex turn = {tb.im - td.im, td.re - tb.re};
    const kws_fixed_complex tc = turned(++c, twiddle + 2, rounding, down);
    const int32_t re = kws_shifted(z->re, half, shift), im = kws_shifted(z->im, half, shift);
    const kws_fixed_complex sum = {re + tc.re, im + tc.im}, diff = {re - tc.re, im - tc.im};
    twiddle += 6;
    spread = add_and_subtract(z, c, sum, odd, spread);
    spread = add_and_subtract(b, d, diff, turn, spread);
  } while (z < end);
  return spread;
}

#endif

/* Run a stage that joins transforms of `span` points. Return the spread of the results. */
static uint32_t run_stage(kws_fixed_complex *z, const kws_fixed_complex *end, int span,
                          const int16_t *twiddles, int shift) {
#if KWS_MVE
  return kws_mve_fixed_join(z, end, span, twiddles, shift);
#elif KWS_DSP
  const int32_t multiplier = 1 << (32 - KWS_STAGE_TWIDDLE_BITS - shift);
  if (span == 4) return kws_m4_fixed_join_4(z, end, twiddles, multiplier);
  if (span == 16) return kws_m4_fixed_join_16(z, end, twiddles, multiplier);
  if (span == 64) return kws_m4_fixed_join_64(z, end, twiddles, multiplier);
#endif
  uint32_t spread = join_first(z, end, span, shift);
  for (; z < end; z += 4 * span) spread |= join(z, span, twiddles + 6, shift);
  return spread;
}

int kws_fixed_fft(kws_fixed_complex *z, int points, const int16_t *twiddles, int shift,
                  uint32_t *spread) {
  const kws_fixed_complex *end = z + points;
  int span = 4, rest = points, total = shift;
  while (rest > 2) rest /= 4;
  if (rest == 2) {
    *spread = join_pairs(z, end, shift);
    span = 2;
  } else {
#if KWS_MVE
    *spread = kws_mve_fixed_first(z, end, shift);
#elif KWS_DSP
    *spread = kws_m4_fixed_first(z, end, 1 << (32 - shift));
#else
    *spread = join_first(z, end, 1, shift);
#endif
  }
  for (; span < points; twiddles += 6 * span, span *= 4) {
    shift = kws_excess(*spread, KWS_STAGE_BITS);
    total += shift;
    *spread = run_stage(z, end, span, twiddles, shift);
  }
  return total;
}
