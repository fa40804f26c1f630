/* Compute the complex FFT in stages of radix 4, the first of radix 2 where need be. */
#include "fixed_fft.h"

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

/* Multiply z [count] by every `step`-th twiddle but the first in place, and shift it. */
static void twist(kws_fixed_complex *z, int count, const int16_t *twiddle, int step, int shift) {
  const kws_fixed_complex *const end = z + count;
  const int down = shift + KWS_STAGE_TWIDDLE_BITS;
  const int32_t rounding = 1 << (down - 1);
#if defined(__GNUC__) && defined(__thumb__) && !defined(__thumb2__)
  /* At -Os the compiler keeps nothing in r8 to r11, and the rounding not in r12 either. */
  const int stride = step * 2 * (int)sizeof *twiddle;
  int32_t c, s, re, im, t;
  __asm__ volatile(".syntax unified\n"
                   "1:\n\t"
                   "ldr %[t], %[stride]\n\t"
                   "adds %[w], %[w], %[t]\n\t"
                   "movs %[t], #0\n\t"
                   "ldrsh %[c], [%[w], %[t]]\n\t"
                   "movs %[t], #2\n\t"
                   "ldrsh %[s], [%[w], %[t]]\n\t"
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
                   : [end] "m"(end), [stride] "m"(stride), [rounding] "h"(rounding),
                     [down] "m"(down)
                   : "cc", "memory");
#else
  do {
    twiddle += 2 * step;
    const int32_t re = z->re, im = z->im, c = twiddle[0], s = twiddle[1];
    z->re = kws_shifted(re * c - im * s, rounding, down);
    z->im = kws_shifted(im * c + re * s, rounding, down);
  } while (++z < end);
#endif
}

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

/* Join `count` values and those `span` apart, which have been multiplied by their twiddles. Return
 * the spread of the results. */
static uint32_t join(kws_fixed_complex *z, int count, int span, int shift) {
  kws_fixed_complex *b = z + span, *c = b + span, *d = c + span;
  const kws_fixed_complex *const end = z + count;
  uint32_t spread = 0;
  do {
    spread = butterfly(z, b++, c++, d++, shift, 0, spread);
  } while (++z < end);
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
    *spread = join_first(z, end, 1, shift);
  }
  for (; span < points; span *= 4) {
    const int step = points / (4 * span);
    shift = kws_excess(*spread, KWS_STAGE_BITS);
    total += shift;
    *spread = join_first(z, end, span, shift);
    for (kws_fixed_complex *at = z + 1; at < end; at += 4 * span) {
      for (int j = 1; j < 4; ++j) twist(at + j * span, span - 1, twiddles, j * step, shift);
      *spread |= join(at, span - 1, span, shift);
    }
  }
  return total;
}
