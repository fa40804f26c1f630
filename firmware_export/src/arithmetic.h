/* Arithmetic that C and Python must do alike: binary32 rounded at each operation, and TensorFlow
 * Lite's integer requantisation. */
#ifndef KWS_ARITHMETIC_H
#define KWS_ARITHMETIC_H

#include <float.h>
#include <stdint.h>
#include <string.h>

#if defined(__FAST_MATH__)
#error "kws: -ffast-math (or -Ofast) changes the features; compile without it"
#endif
#if FLT_EVAL_METHOD != 0
#error "kws: float must be evaluated as float (on 32-bit x86: -msse2 -mfpmath=sse)"
#endif

#if !defined(KWS_DSP) && defined(__ARM_FEATURE_DSP) && defined(__GNUC__)
#define KWS_DSP 1 /* the Cortex-M4's pairs of 16-bit products; -DKWS_DSP=0 forces portable C */
#endif

/* A product, rounded before it is used: keeps a compiler from fusing it with an addition. */
static inline float kws_product(float a, float b) {
#if defined(__GNUC__) && defined(__arm__) && defined(__ARM_FP)
  float product = a * b;
  __asm__("" : "+t"(product));
  return product;
#elif defined(__GNUC__) && defined(__aarch64__)
  float product = a * b;
  __asm__("" : "+w"(product));
  return product;
#elif defined(__GNUC__) && defined(__x86_64__) && defined(__FMA__)
  float product = a * b;
  __asm__("" : "+x"(product));
  return product;
#elif defined(__GNUC__) && defined(__x86_64__)
  return a * b; /* without __FMA__ there is nothing to fuse with */
#else
  volatile float product = a * b;
  return product;
#endif
}

static inline int32_t kws_float_bits(float x) {
  int32_t bits;
  memcpy(&bits, &x, sizeof bits);
  return bits;
}

static inline float kws_bits_float(int32_t bits) {
  float x;
  memcpy(&x, &bits, sizeof x);
  return x;
}

#if KWS_DSP
/* Instructions by their Arm names; arm_acle.h has them only from GCC 10 on. */
static inline int32_t kws_smmulr(int32_t a, int32_t b) {
  int32_t result;
  __asm__("smmulr %0, %1, %2" : "=r"(result) : "r"(a), "r"(b));
  return result;
}
static inline int32_t kws_smlad(uint32_t a, uint32_t b, int32_t sum) {
  int32_t result;
  __asm__("smlad %0, %1, %2, %3" : "=r"(result) : "r"(a), "r"(b), "r"(sum));
  return result;
}
static inline int32_t kws_smlabb(uint32_t a, uint32_t b, int32_t sum) {
  int32_t result;
  __asm__("smlabb %0, %1, %2, %3" : "=r"(result) : "r"(a), "r"(b), "r"(sum));
  return result;
}
static inline int32_t kws_smlatt(uint32_t a, uint32_t b, int32_t sum) {
  int32_t result;
  __asm__("smlatt %0, %1, %2, %3" : "=r"(result) : "r"(a), "r"(b), "r"(sum));
  return result;
}
static inline uint32_t kws_sxtb16(uint32_t bytes) { /* bytes 0 and 2 */
  uint32_t result;
  __asm__("sxtb16 %0, %1" : "=r"(result) : "r"(bytes));
  return result;
}
static inline uint32_t kws_sxtb16_ror8(uint32_t bytes) { /* bytes 1 and 3 */
  uint32_t result;
  __asm__("sxtb16 %0, %1, ror #8" : "=r"(result) : "r"(bytes));
  return result;
}
#endif

static inline int8_t kws_saturate(int32_t x) {
#if KWS_DSP
  int32_t result;
  __asm__("ssat %0, #8, %1" : "=r"(result) : "r"(x));
  return (int8_t)result;
#else
  return (int8_t)(x < -128 ? -128 : x > 127 ? 127 : x);
#endif
}

/* TensorFlow Lite's MultiplyByQuantizedMultiplier (doubly rounded) plus the zero point, saturated.
 *
 * The first rounding is (sum * 2^left * multiplier + 2^30) >> 31, half up. The second, a shift by
 * `right`, rounds half away from zero; on doubled values the sign bit alone decides the ties, and
 * right = 0 needs no case of its own. The exporter sees to it that nothing overflows. */
static inline int8_t kws_requantise(int32_t sum, int32_t multiplier, int shift, int32_t zero) {
  const int left = shift > 0 ? shift : 0, right = shift > 0 ? 0 : -shift;
#if KWS_DSP
  const int32_t high = kws_smmulr((int32_t)((uint32_t)sum << (left + 1)), multiplier);
#else
  const int64_t product = (int64_t)sum * (1 << left) * multiplier;
  const int32_t high = (int32_t)((product + (1 << 30)) >> 31);
#endif
  return kws_saturate((2 * high + (2 * zero + 1) * (1 << right) + (high >> 31)) >> (right + 1));
}

#endif
