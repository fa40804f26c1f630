/* Extract MFCC features; see mfcc.h. */
#include "mfcc.h"

#include <string.h>

#include "arithmetic.h"
#include "fft.h"
#include "mfcc_window.h"

/* Return sum plus a[0] * b[0], a[1] * b[1], ... added one after the other. */
KWS_INLINE float add_products(float sum, const float *a, const float *b, int count) {
#if KWS_VFP
  for (; count >= 4; count -= 4) /* the compiler has no loads of four at once */
    __asm__("vldmia %[a]!, {s0-s3}\n\t"
            "vldmia %[b]!, {s4-s7}\n\t"
            "vmul.f32 s0, s0, s4\n\t"
            "vmul.f32 s1, s1, s5\n\t"
            "vmul.f32 s2, s2, s6\n\t"
            "vmul.f32 s3, s3, s7\n\t"
            "vadd.f32 %[sum], %[sum], s0\n\t"
            "vadd.f32 %[sum], %[sum], s1\n\t"
            "vadd.f32 %[sum], %[sum], s2\n\t"
            "vadd.f32 %[sum], %[sum], s3"
            : [sum] "+t"(sum), [a] "+r"(a), [b] "+r"(b)
            :
            : "s0", "s1", "s2", "s3", "s4", "s5", "s6", "s7", "memory");
#endif
  for (; count > 0; --count) sum += kws_product(*a++, *b++);
  return sum;
}

#if KWS_VFP

/* Window pairs of samples in assembly: `weights` loads s2 and s3, of which the first sample takes
 * `even`, the second `odd`. */
#define LOAD_PAIRS(weights, even, odd) \
  __asm__ volatile("1:\n\t" \
                   "ldr r4, [%[samples]], #4\n\t" \
                   "ldrh r5, [%[index]], #2\n\t" \
                   "vmov s0, r4\n\t" \
                   "asr r4, r4, #16\n\t" \
                   "vmov s1, r4\n\t" \
                   "vcvt.f32.s16 s0, s0, #0\n\t" /* takes the lower half */ \
                   "vcvt.f32.s32 s1, s1\n\t" \
                   weights " %[hann]!, {s2, s3}\n\t" \
                   "vmul.f32 s0, s0, " even "\n\t" \
                   "vmul.f32 s1, s1, " odd "\n\t" \
                   "add r5, %[z], r5, lsl #3\n\t" \
                   "vstr d0, [r5]\n\t" \
                   "cmp %[index], %[end]\n\t" \
                   "bne 1b" \
                   : [samples] "+r"(samples), [hann] "+r"(hann), [index] "+r"(index) \
                   : [end] "r"(end), [z] "r"(z) \
                   : "r4", "r5", "s0", "s1", "s2", "s3", "cc", "memory")

#endif

/* Write windowed samples in pairs, even + i * odd, to their indices in z, up to `end`. */
KWS_INLINE void load_rising(const int16_t *samples, const float *hann, const uint16_t *index,
                            const uint16_t *end, kws_complex *z) {
#if KWS_VFP
  LOAD_PAIRS("vldmia", "s2", "s3");
#else
  for (; index < end; samples += 2, hann += 2) {
    kws_complex *pair = &z[*index++];
    pair->re = kws_product((float)samples[0], hann[0]);
    pair->im = kws_product((float)samples[1], hann[1]);
  }
#endif
}

/* Do so where the window falls: its weights lie before hann, in reverse order. */
KWS_INLINE void load_falling(const int16_t *samples, const float *hann, const uint16_t *index,
                             const uint16_t *end, kws_complex *z) {
#if KWS_VFP
  LOAD_PAIRS("vldmdb", "s3", "s2");
#else
  for (; index < end; samples += 2, hann -= 2) {
    kws_complex *pair = &z[*index++];
    pair->re = kws_product((float)samples[0], hann[-1]);
    pair->im = kws_product((float)samples[1], hann[-2]);
  }
#endif
}

/* Window the pending samples, in digit-reversed order; pad them with zeros to the FFT's size. */
static void load(const kws_mfcc *mfcc, kws_complex *z) {
  const kws_mfcc_tables *tables = mfcc->tables;
  const int window = tables->window, rising = window / 4 + 1; /* pairs */
  const int16_t *samples = mfcc->pending;
  const float *hann = tables->hann;
  const uint16_t *index = tables->digit_reversal, *middle = index + rising;
  const uint16_t *end = index + tables->points;
  load_rising(samples, hann, index, middle, z);
  index += window / 2;
  load_falling(samples + 2 * rising, hann + window - 2 * rising + 1, middle, index, z);
  if (window % 2 == 1) {
    z[*index].re = kws_product((float)samples[window - 1], hann[1]);
    z[*index++].im = 0.0f;
  }
  for (; index < end; ++index) z[*index].re = z[*index].im = 0.0f;
}

/* Return the natural logarithm of a normal positive number: x = 2^e * (1 + f), then a polynomial
 * in f. */
KWS_INLINE float logarithm(float x) {
  const int32_t bits = kws_float_bits(x);
  const int32_t exponent = (bits - 0x3F3504F3) >> 23; /* bits of sqrt(1/2) */
  const float f = kws_bits_float((int32_t)((uint32_t)bits - ((uint32_t)exponent << 23))) - 1.0f;
  float series = 0.08722355216741562f;
  series = kws_product(series, f) + -0.14366842806339264f;
  series = kws_product(series, f) + 0.14952266216278076f;
  series = kws_product(series, f) + -0.16562393307685852f;
  series = kws_product(series, f) + 0.19956833124160767f;
  series = kws_product(series, f) + -0.25002074241638184f;
  series = kws_product(series, f) + 0.3333418667316437f;
  series = kws_product(series, f) + -0.4999998807907104f;
  series = kws_product(series, f) + 1.0f;
  return kws_product((float)exponent, 0.6931471805599453f) + kws_product(series, f);
}

/* Write the logarithms of the mel sums, logs [mel_filters]; sums run over ascending bins. */
static void mel_logs(const float *bins, float *logs, const kws_mfcc_tables *tables) {
  const float *weights = tables->mel_weights;
  for (int filter = 0; filter < tables->mel_filters; ++filter) {
    const int count = tables->mel_count[filter];
    const float sum = add_products(0.0f, bins + tables->mel_first[filter], weights, count);
    logs[filter] = logarithm(sum + tables->log_offset);
    weights += count;
  }
}

/* Apply the DCT-II, halved by symmetry: even coefficients take the sums of mirrored logs, odd ones
 * the differences. */
static void cepstrum(float *logs, float *frame, const kws_mfcc_tables *tables) {
  const int half = tables->mel_filters / 2;
  float *differences = logs + half;
  for (int i = 0; i < half / 2; ++i) { /* mirrored halves become two ascending lists */
    const float swap = differences[i];
    differences[i] = differences[half - 1 - i];
    differences[half - 1 - i] = swap;
  }
  for (int i = 0; i < half; ++i) {
    const float log = logs[i], mirrored = differences[i];
    logs[i] = log + mirrored;
    differences[i] = log - mirrored;
  }
  const float *weights = tables->dct;
  for (int k = 0; k < tables->coefficients; ++k, weights += half)
    frame[k] = add_products(tables->bias[k], weights, k % 2 == 0 ? logs : differences, half);
}

void kws_mfcc_init(kws_mfcc *mfcc, const kws_mfcc_tables *tables, float *work, int16_t *pending) {
  mfcc->tables = tables;
  mfcc->work = work;
  mfcc->pending = pending;
  kws_mfcc_reset(mfcc);
}

void kws_mfcc_reset(kws_mfcc *mfcc) { mfcc->count = 0; }

size_t kws_mfcc_push(kws_mfcc *mfcc, const int16_t *samples, size_t count, float *frame,
                     bool *ready) {
  const kws_mfcc_tables *tables = mfcc->tables;
  const size_t taken = kws_window_fill(mfcc->pending, &mfcc->count, tables->window, samples, count);
  *ready = mfcc->count == tables->window;
  if (*ready) {
    kws_complex *z = (kws_complex *)(void *)mfcc->work;
    float *logs = mfcc->work + 2 * tables->points + 2;
    load(mfcc, z);
    kws_fft(z, tables->points, tables->twiddles);
    mel_logs(kws_fft_magnitudes(z, tables->points, tables->split_twiddles, tables->last_bin), logs,
             tables);
    cepstrum(logs, frame, tables);
    kws_window_advance(mfcc->pending, &mfcc->count, tables->hop);
  }
  return taken;
}
