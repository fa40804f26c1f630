/* Compute the complex FFT in stages of radix 4, the first of radix 2 where need be, and the
 * magnitudes of the real one. */
#include "fft.h"

#include <string.h>

#include "arithmetic.h"

#if defined(__SSE__)
#include <xmmintrin.h>
#elif !KWS_VFP
#include <math.h>
#endif

/* Run the first stage of a transform whose size is not a power of four. */
static void radix2(kws_complex *z, int points) {
  for (kws_complex *end = z + points; z < end; z += 2) {
    const kws_complex a = z[0], b = z[1];
    z[0].re = a.re + b.re;
    z[0].im = a.im + b.im;
    z[1].re = a.re - b.re;
    z[1].im = a.im - b.im;
  }
}

#if KWS_VFP

/* Assembly, as the compiler neither loads a complex number at once nor keeps twiddles in place.
 * a, b, c, d are in s0 to s7; their sums and differences go to s8 to s15 and the results to s0 to
 * s7: 0, 1, 2, 3 in order. */
#define JOIN                 \
  "vadd.f32 s8, s0, s4\n\t"   /* sum = a + c */ \
  "vadd.f32 s9, s1, s5\n\t"   \
  "vsub.f32 s10, s0, s4\n\t"  /* diff = a - c */ \
  "vsub.f32 s11, s1, s5\n\t"  \
  "vadd.f32 s12, s2, s6\n\t"  /* odd = b + d */ \
  "vadd.f32 s13, s3, s7\n\t"  \
  "vsub.f32 s14, s2, s6\n\t"  /* turn = b - d */ \
  "vsub.f32 s15, s3, s7\n\t"  \
  "vadd.f32 s0, s8, s12\n\t"  \
  "vadd.f32 s1, s9, s13\n\t"  \
  "vadd.f32 s2, s10, s15\n\t" \
  "vsub.f32 s3, s11, s14\n\t" \
  "vsub.f32 s4, s8, s12\n\t"  \
  "vsub.f32 s5, s9, s13\n\t"  \
  "vsub.f32 s6, s10, s15\n\t" \
  "vadd.f32 s7, s11, s14\n\t"
#define TIMES(re, im, w_re, w_im)            \
  "vmul.f32 s8, " re ", " w_re "\n\t"        \
  "vmul.f32 s9, " im ", " w_im "\n\t"        \
  "vmul.f32 s10, " im ", " w_re "\n\t"       \
  "vmul.f32 s11, " re ", " w_im "\n\t"       \
  "vsub.f32 " re ", s8, s9\n\t"              \
  "vadd.f32 " im ", s10, s11\n\t"
#define LOAD                       \
  "vldr d0, [%[z]]\n\t"            \
  "add  %[at], %[z], %[span]\n\t"  \
  "vldr d1, [%[at]]\n\t"           \
  "add  %[at], %[at], %[span]\n\t" \
  "vldr d2, [%[at]]\n\t"           \
  "add  %[at], %[at], %[span]\n\t" \
  "vldr d3, [%[at]]\n\t"
#define STORE                      \
  "vstr d3, [%[at]]\n\t"           \
  "sub  %[at], %[at], %[span]\n\t" \
  "vstr d2, [%[at]]\n\t"           \
  "sub  %[at], %[at], %[span]\n\t" \
  "vstr d1, [%[at]]\n\t"           \
  "vstr d0, [%[z]]\n\t"            \
  "add  %[z], %[z], %[span], lsl #2\n\t"
#define USED \
  "s0", "s1", "s2", "s3", "s4", "s5", "s6", "s7", "s8", "s9", "s10", "s11", "s12", "s13", "s14", \
      "s15", "cc", "memory"

/* Run the stage of span 1. */
static void join_adjacent(kws_complex *z, const kws_complex *end) {
  __asm__ volatile("1:\n\t"
                   "vldmia %[z], {s0-s7}\n\t" JOIN
                   "vstmia %[z]!, {s0-s7}\n\t"
                   "cmp %[z], %[end]\n\t"
                   "bne 1b"
                   : [z] "+r"(z)
                   : [end] "r"(end)
                   : USED);
}

/* Join at k = 0, whose twiddles are 1, in all groups. */
static void join_first(kws_complex *z, const kws_complex *end, int span) {
  kws_complex *at;
  __asm__ volatile("1:\n\t" LOAD JOIN STORE
                   "cmp %[z], %[end]\n\t"
                   "blo 1b"
                   : [z] "+r"(z), [at] "=&r"(at)
                   : [end] "r"(end), [span] "r"(span * (int)sizeof *z)
                   : USED);
}

/* Join at one k in all groups. */
static void join(kws_complex *z, const kws_complex *end, int span, kws_complex wb, kws_complex wc,
                 kws_complex wd) {
  kws_complex *at;
  __asm__ volatile("1:\n\t" LOAD TIMES("s2", "s3", "%[wb_re]", "%[wb_im]")
                       TIMES("s4", "s5", "%[wc_re]", "%[wc_im]")
                           TIMES("s6", "s7", "%[wd_re]", "%[wd_im]") JOIN STORE
                   "cmp %[z], %[end]\n\t"
                   "blo 1b"
                   : [z] "+r"(z), [at] "=&r"(at)
                   : [end] "r"(end), [span] "r"(span * (int)sizeof *z), [wb_re] "t"(wb.re),
                     [wb_im] "t"(wb.im), [wc_re] "t"(wc.re), [wc_im] "t"(wc.im),
                     [wd_re] "t"(wd.re), [wd_im] "t"(wd.im)
                   : USED);
}

#else

/* Return a complex product. */
KWS_INLINE kws_complex times(kws_complex z, kws_complex w) {
  const kws_complex product = {
      kws_product(z.re, w.re) - kws_product(z.im, w.im),
      kws_product(z.im, w.re) + kws_product(z.re, w.im),
  };
  return product;
}

/* Join four values, `span` apart, the first of which is z[0]. */
KWS_INLINE void butterfly(kws_complex *z, int span, kws_complex b, kws_complex c, kws_complex d) {
  const kws_complex a = z[0];
  const kws_complex sum = {a.re + c.re, a.im + c.im}, diff = {a.re - c.re, a.im - c.im};
  const kws_complex odd = {b.re + d.re, b.im + d.im}, turn = {b.re - d.re, b.im - d.im};
  z[0].re = sum.re + odd.re;
  z[0].im = sum.im + odd.im;
  z[span].re = diff.re + turn.im;
  z[span].im = diff.im - turn.re;
  z[2 * span].re = sum.re - odd.re;
  z[2 * span].im = sum.im - odd.im;
  z[3 * span].re = diff.re - turn.im;
  z[3 * span].im = diff.im + turn.re;
}

/* Join at k = 0, whose twiddles are 1, in all groups. */
static void join_first(kws_complex *z, const kws_complex *end, int span) {
  for (; z < end; z += 4 * span) butterfly(z, span, z[span], z[2 * span], z[3 * span]);
}

/* Run the stage of span 1. */
static void join_adjacent(kws_complex *z, const kws_complex *end) { join_first(z, end, 1); }

/* Join at one k in all groups. */
static void join(kws_complex *z, const kws_complex *end, int span, kws_complex wb, kws_complex wc,
                 kws_complex wd) {
  for (; z < end; z += 4 * span)
    butterfly(z, span, times(z[span], wb), times(z[2 * span], wc), times(z[3 * span], wd));
}

#endif

void kws_fft(kws_complex *z, int points, const float *twiddles) {
  const kws_complex *end = z + points, *w = (const kws_complex *)(const void *)twiddles;
  int span = 4, rest = points; /* size of the transforms that a stage joins, four by four */
  while (rest > 2) rest /= 4;
  if (rest == 2) {
    radix2(z, points);
    span = 2;
  } else {
    join_adjacent(z, end);
  }
  for (; span < points; span *= 4) {
    const int step = points / (4 * span);
    join_first(z, end, span);
    for (int k = 1; k < span; ++k)
      join(z + k, end, span, w[k * step], w[2 * k * step], w[3 * k * step]);
  }
}

#if KWS_VFP

/* Split the bins but the first and the last into magnitudes. The lower half is written from the
 * front, the upper half from the back: each where both of its inputs have been read already. */
static void split_bins(kws_complex *z, int points, const float *w, int last) {
  (void)last; /* to skip what no filter reads would cost more */
  const kws_complex *a = z + 1, *b = z + points;
  float *lower = &z->re + 1, *upper = &z->re + 2 * points;
  __asm__ volatile("1:\n\t"
                   "vldmia %[a]!, {s0, s1}\n\t"
                   "vldmdb %[b]!, {s2, s3}\n\t"
                   "vldmia %[w]!, {s4, s5}\n\t"
                   "vadd.f32 s6, s0, s2\n\t" /* even */
                   "vsub.f32 s7, s1, s3\n\t"
                   "vadd.f32 s8, s1, s3\n\t" /* odd */
                   "vsub.f32 s9, s2, s0\n\t"
                   "vmul.f32 s0, s8, s4\n\tvmul.f32 s1, s9, s5\n\t" /* turn */
                   "vmul.f32 s2, s9, s4\n\tvmul.f32 s3, s8, s5\n\t"
                   "vsub.f32 s0, s0, s1\n\tvadd.f32 s2, s2, s3\n\t"
                   "vadd.f32 s1, s6, s0\n\tvadd.f32 s3, s7, s2\n\t"
                   "vsub.f32 s6, s6, s0\n\tvsub.f32 s7, s7, s2\n\t"
                   "vmul.f32 s1, s1, s1\n\tvmul.f32 s3, s3, s3\n\t"
                   "vmul.f32 s6, s6, s6\n\tvmul.f32 s7, s7, s7\n\t"
                   "vadd.f32 s1, s1, s3\n\tvadd.f32 s6, s6, s7\n\t"
                   "vsqrt.f32 s1, s1\n\tvsqrt.f32 s6, s6\n\t"
                   "vstmia %[lower]!, {s1}\n\t"
                   "vstmdb %[upper]!, {s6}\n\t"
                   "cmp %[lower], %[end]\n\t"
                   "bne 1b"
                   : [a] "+r"(a), [b] "+r"(b), [w] "+r"(w), [lower] "+r"(lower), [upper] "+r"(upper)
                   : [end] "r"(&z->re + points / 2 + 1)
                   : "s0", "s1", "s2", "s3", "s4", "s5", "s6", "s7", "s8", "s9", "cc", "memory");
}

#else

/* Return the square root, correctly rounded, as IEEE 754 asks of every one. */
KWS_INLINE float square_root(float x) {
#if defined(__SSE__)
  return _mm_cvtss_f32(_mm_sqrt_ss(_mm_set_ss(x))); /* sqrtf may need libm, for errno */
#else
  return sqrtf(x);
#endif
}

/* Return the magnitude of a complex number. */
KWS_INLINE float magnitude_of(float re, float im) {
  return square_root(kws_product(re, re) + kws_product(im, im));
}

/* Split the bins but the first and the last as above, up to the last one that is asked for. */
static void split_bins(kws_complex *z, int points, const float *w, int last) {
  float *lower = &z->re, *upper = lower + points;
  for (int k = 1; k <= points / 2; ++k, w += 2) {
    const kws_complex a = z[k], b = z[points - k], twiddle = {w[0], w[1]};
    const kws_complex even = {a.re + b.re, a.im - b.im}, odd = {a.im + b.im, b.re - a.re};
    const kws_complex turn = times(odd, twiddle);
    if (k <= last) lower[k] = magnitude_of(even.re + turn.re, even.im + turn.im);
    if (points - k <= last)
      upper[points - k] = magnitude_of(even.re - turn.re, even.im - turn.im);
  }
}

#endif

float *kws_fft_magnitudes(kws_complex *z, int points, const float *split_twiddles, int last) {
  float *bins = &z->re, *upper = bins + points; /* bin k is bins[k], or at first upper[k] */
  const float first = z->re + z->im, final = z->re - z->im;
  bins[0] = (first < 0 ? -first : first) * 2.0f;
  upper[points] = (final < 0 ? -final : final) * 2.0f;
  split_bins(z, points, split_twiddles, last);
  memmove(bins + points / 2, upper + points / 2, (size_t)(points / 2 + 1) * sizeof *bins);
  return bins;
}
