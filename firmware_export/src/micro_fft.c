/* Transform samples as kissfft does in 16 bits; see micro_fft.h. */
#include "micro_fft.h"

#include "fixed_m4.h"

/* State the bits of twiddles after the point, and a half of their last one. */
enum { TWIDDLE_BITS = 15, HALF = 1 << (TWIDDLE_BITS - 1) };

#if KWS_DSP

/* Complex numbers are pairs of 16 bits, the real part below; sums wrap as those of kissfft do. */
typedef uint32_t complex16;

KWS_INLINE complex16 at(const int16_t *z) {
  complex16 number;
  memcpy(&number, z, sizeof number);
  return number;
}

KWS_INLINE void put(int16_t *z, complex16 number) { memcpy(z, &number, sizeof number); }

/* Return two numbers Q15 as a pair; rounded: a half was added. */
KWS_INLINE complex16 rounded(int32_t re, int32_t im) {
  complex16 result;
  __asm__("pkhbt %0, %1, %2, lsl #1" : "=r"(result) : "r"(re >> TWIDDLE_BITS), "r"(im));
  return result;
}

KWS_INLINE complex16 divided(complex16 z, int by) {
  int32_t re, im;
  __asm__("smlabb %0, %1, %2, %3" : "=r"(re) : "r"(z), "r"(INT16_MAX / by), "r"(HALF));
  __asm__("smlatb %0, %1, %2, %3" : "=r"(im) : "r"(z), "r"(INT16_MAX / by), "r"(HALF));
  return rounded(re, im);
}

KWS_INLINE complex16 times(complex16 z, complex16 twiddle) {
  int32_t re, im;
  __asm__("smlsd %0, %1, %2, %3" : "=r"(re) : "r"(z), "r"(twiddle), "r"(HALF));
  __asm__("smladx %0, %1, %2, %3" : "=r"(im) : "r"(z), "r"(twiddle), "r"(HALF));
  return rounded(re, im);
}

KWS_INLINE complex16 sum(complex16 a, complex16 b) { return kws_sadd16(a, b); }
KWS_INLINE complex16 difference(complex16 a, complex16 b) { return kws_ssub16(a, b); }

/* Return a + ib and a - ib. */
KWS_INLINE complex16 sum_turned(complex16 a, complex16 b) {
  complex16 result;
  __asm__("sasx %0, %1, %2" : "=r"(result) : "r"(a), "r"(b));
  return result;
}
KWS_INLINE complex16 difference_turned(complex16 a, complex16 b) {
  complex16 result;
  __asm__("ssax %0, %1, %2" : "=r"(result) : "r"(a), "r"(b));
  return result;
}

/* Return z * 2^shift, which wraps. */
KWS_INLINE complex16 shifted(complex16 z, int shift) {
  return kws_pkhbt((int32_t)(z << shift), (int32_t)((z >> 16) << shift));
}

KWS_INLINE complex16 conjugate(complex16 z) { return (z & 0xFFFF) | (0u - (z & 0xFFFF0000u)); }

/* Write half the sum, and half the conjugate of the difference, of two numbers, rounded down. */
KWS_INLINE void put_halves(int16_t *low, int16_t *high, complex16 even, complex16 odd) {
  const complex16 more = (even & 0xFFFF) | (odd & 0xFFFF0000u);
  const complex16 less = (odd & 0xFFFF) | (even & 0xFFFF0000u);
  complex16 result;
  __asm__("shadd16 %0, %1, %2" : "=r"(result) : "r"(even), "r"(odd));
  put(low, result);
  __asm__("shsub16 %0, %1, %2" : "=r"(result) : "r"(more), "r"(less));
  put(high, result);
}

#else

/* Numbers of 16 bits are computed with in 32, and wrap as they are stored. */
typedef struct {
  int32_t re, im;
} complex16;

KWS_INLINE complex16 at(const int16_t *z) {
  const complex16 number = {z[0], z[1]};
  return number;
}

KWS_INLINE void put(int16_t *z, complex16 number) {
  z[0] = (int16_t)number.re;
  z[1] = (int16_t)number.im;
}

KWS_INLINE int32_t rounded(int32_t x) { return (x + HALF) >> TWIDDLE_BITS; }

KWS_INLINE complex16 divided(complex16 z, int by) {
  const complex16 result = {rounded(z.re * (INT16_MAX / by)), rounded(z.im * (INT16_MAX / by))};
  return result;
}

KWS_INLINE complex16 times(complex16 z, complex16 twiddle) {
  const complex16 result = {rounded(z.re * twiddle.re - z.im * twiddle.im),
                            rounded(z.re * twiddle.im + z.im * twiddle.re)};
  return result;
}

KWS_INLINE complex16 sum(complex16 a, complex16 b) {
  const complex16 result = {a.re + b.re, a.im + b.im};
  return result;
}

KWS_INLINE complex16 difference(complex16 a, complex16 b) {
  const complex16 result = {a.re - b.re, a.im - b.im};
  return result;
}

KWS_INLINE complex16 sum_turned(complex16 a, complex16 b) {
  const complex16 result = {a.re - b.im, a.im + b.re};
  return result;
}

KWS_INLINE complex16 difference_turned(complex16 a, complex16 b) {
  const complex16 result = {a.re + b.im, a.im - b.re};
  return result;
}

KWS_INLINE complex16 shifted(complex16 z, int shift) {
  const complex16 result = {(int16_t)((uint32_t)z.re << shift), (int16_t)((uint32_t)z.im << shift)};
  return result;
}

KWS_INLINE complex16 conjugate(complex16 z) {
  const complex16 result = {z.re, (int16_t)-z.im};
  return result;
}

KWS_INLINE void put_halves(int16_t *low, int16_t *high, complex16 even, complex16 odd) {
  const int32_t re = (int16_t)odd.re, im = (int16_t)odd.im;
  const complex16 half = {(even.re + re) >> 1, (even.im + im) >> 1};
  const complex16 other = {(even.re - re) >> 1, (im - even.im) >> 1};
  put(low, half);
  put(high, other);
}

#endif

/* Combine four numbers that lie `apart` from each other. */
KWS_INLINE void combine(int16_t *z, int apart, complex16 a, complex16 b, complex16 c, complex16 d) {
  const complex16 even = sum(a, c), even_less = difference(a, c);
  const complex16 odd = sum(b, d), odd_less = difference(b, d);
  put(z, sum(even, odd));
  put(z += apart, difference_turned(even_less, odd_less));
  put(z += apart, difference(even, odd));
  put(z += apart, sum_turned(even_less, odd_less));
}

/* Combine the first numbers of each four transforms, whose twiddles are 1: what was divided by 4 is
 * the same times 32767/32768, rounded. The numbers are times 2^-shift. */
static void first_points(int16_t *z, const int16_t *end, int apart, int shift) {
  for (; z < end; z += 4 * apart) {
    const complex16 a = shifted(at(z), shift), b = shifted(at(z + apart), shift);
    const complex16 c = shifted(at(z + 2 * apart), shift), d = shifted(at(z + 3 * apart), shift);
    combine(z, apart, divided(a, 4), divided(b, 4), divided(c, 4), divided(d, 4));
  }
}

/* Combine other numbers, by powers 1, 2 and 3 of a twiddle. */
static void other_points(int16_t *z, const int16_t *end, int apart, const int16_t *twiddles,
                         int step) {
  const complex16 first = at(twiddles), second = at(twiddles + step), third = at(twiddles + 2 * step);
  for (; z < end; z += 4 * apart)
    combine(z, apart, divided(at(z), 4), times(divided(at(z + apart), 4), first),
            times(divided(at(z + 2 * apart), 4), second),
            times(divided(at(z + 3 * apart), 4), third));
}

void kws_micro_fft(int16_t *z, int points, const int16_t *twiddles, int shift) {
  const int16_t *end = z + 2 * points;
  for (int size = 1; size < points; size *= 4, shift = 0) {
    first_points(z, end, 2 * size, shift);
    for (int k = 1; k < size; ++k) {
      const int step = 2 * k * (points / 4 / size);
      other_points(z + 2 * k, end, 2 * size, twiddles + step, step);
    }
  }
}

void kws_micro_split(int16_t *z, int points, const int16_t *twiddles) {
  int16_t *low = z + 2, *high = z + 2 * (points - 1);
  for (; low <= high; low += 2, high -= 2, twiddles += 2) {
    const complex16 a = divided(at(low), 2), b = divided(conjugate(at(high)), 2);
    put_halves(low, high, sum(a, b), times(difference(a, b), at(twiddles))); /* the middle: high */
  }
}
