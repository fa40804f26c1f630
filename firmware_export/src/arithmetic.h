/* Provide arithmetic that is equal in C and Python: binary32 rounded at each operation, and
 * TensorFlow Lite's integer requantisation. */
#ifndef KWS_ARITHMETIC_H
#define KWS_ARITHMETIC_H

#include <float.h>
#include <stdint.h>
#include <string.h>

#include "kernels_m4.h"

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__FAST_MATH__)
#error "kws: -ffast-math (or -Ofast) changes the features; compile without it"
#endif
/* 16 means that _Float16 is evaluated as itself; float stays float there. */
#if FLT_EVAL_METHOD != 0 && FLT_EVAL_METHOD != 16
#error "kws: float must be evaluated as float (on 32-bit x86: -msse2 -mfpmath=sse)"
#endif

/* The Cortex-M4F's floating-point unit, single precision. */
#if !defined(KWS_VFP) && defined(__GNUC__) && defined(__arm__) && defined(__ARM_FP) && \
    defined(__thumb2__)
#define KWS_VFP 1
#endif

#if defined(__GNUC__)
#define KWS_INLINE static inline __attribute__((always_inline))
#else
#define KWS_INLINE static inline
#endif

/* A loop that stands apart has the registers to itself. */
#if defined(__GNUC__)
#define KWS_APART static __attribute__((noinline))
#else
#define KWS_APART static
#endif

/* Return a product, rounded before it is used: no compiler can fuse it with an addition. */
KWS_INLINE float kws_product(float a, float b) {
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
#elif defined(__wasm__) && !defined(__wasm_relaxed_simd__)
  return a * b; /* nor in WebAssembly */
#elif defined(__GNUC__) && (defined(__riscv_flen) || \
                            (defined(__XTENSA__) && !defined(__XTENSA_SOFT_FLOAT__)))
  float product = a * b;
  __asm__("" : "+f"(product));
  return product;
#elif defined(__GNUC__) && (defined(__arm__) || defined(__XTENSA__) || \
                            (defined(__riscv) && !defined(__riscv_zfinx)))
  return a * b; /* a call of a function, where there is no floating-point unit */
#else
  volatile float product = a * b;
  return product;
#endif
}

/* Return the bits of a float. */
KWS_INLINE int32_t kws_float_bits(float x) {
  int32_t bits;
  memcpy(&bits, &x, sizeof bits);
  return bits;
}

/* Return the float of some bits. */
KWS_INLINE float kws_bits_float(int32_t bits) {
  float x;
  memcpy(&x, &bits, sizeof x);
  return x;
}

#if KWS_DSP
/* Provide instructions by their Arm names; arm_acle.h has them only from GCC 10 on. */
KWS_INLINE int32_t kws_smmulr(int32_t a, int32_t b) {
  int32_t result;
  __asm__("smmulr %0, %1, %2" : "=r"(result) : "r"(a), "r"(b));
  return result;
}
KWS_INLINE int32_t kws_smlad(uint32_t a, uint32_t b, int32_t sum) {
  int32_t result;
  __asm__("smlad %0, %1, %2, %3" : "=r"(result) : "r"(a), "r"(b), "r"(sum));
  return result;
}
KWS_INLINE uint32_t kws_sxtb16(uint32_t bytes) { /* bytes 0 and 2 */
  uint32_t result;
  __asm__("sxtb16 %0, %1" : "=r"(result) : "r"(bytes));
  return result;
}
KWS_INLINE uint32_t kws_sxtb16_ror8(uint32_t bytes) { /* bytes 1 and 3 */
  uint32_t result;
  __asm__("sxtb16 %0, %1, ror #8" : "=r"(result) : "r"(bytes));
  return result;
}
#endif

#if defined(__GNUC__) && (defined(__ARM_FEATURE_CLZ) || defined(__x86_64__) || \
                          defined(__wasm__) || defined(__riscv_zbb))
#define KWS_CLZ 1
#endif

/* Return half the number of 0 before the first 1 of 32 bits, rounded down; x is not 0. */
KWS_INLINE int kws_leading_zero_pairs(uint32_t x) {
#if KWS_CLZ
  return __builtin_clz(x) >> 1;
#else
  int pairs = 0;
  if (x >> 16 == 0) pairs = 8, x <<= 16;
  if (x >> 24 == 0) pairs += 4, x <<= 8;
  if (x >> 28 == 0) pairs += 2, x <<= 4;
  if (x >> 30 == 0) pairs += 1;
  return pairs;
#endif
}

/* Return the number of 0 before the first 1 of 32 bits; x is not 0. */
KWS_INLINE int kws_leading_zeros(uint32_t x) {
#if KWS_CLZ
  return __builtin_clz(x);
#else
  const int even = 2 * kws_leading_zero_pairs(x);
  return even + (x << even >> 31 == 0);
#endif
}

/* Clamp a number to int8. */
KWS_INLINE int8_t kws_saturate(int32_t x) {
#if KWS_DSP
  int32_t result;
  __asm__("ssat %0, #8, %1" : "=r"(result) : "r"(x));
  return (int8_t)result;
#else
  return (int8_t)(x < -128 ? -128 : x > 127 ? 127 : x);
#endif
}

/* Requantise a sum: TensorFlow Lite's MultiplyByQuantizedMultiplier (doubly rounded) plus the zero
 * point, saturated; a positive shift is one to the left, -30 to 30.
 *
 * The first rounding is (sum * 2^left * multiplier + 2^31) >> 32, half up. The second, a shift,
 * rounds half away from zero; on doubled values the sign bit alone decides the ties, and no shift
 * at all needs no case of its own. The exporter ensures that nothing overflows. */
KWS_INLINE int8_t kws_requantise(int32_t sum, int32_t multiplier, int shift, int32_t zero_point) {
  const int left = shift > 0 ? 1 + shift : 1, right = shift < 0 ? 1 - shift : 1;
#if KWS_DSP
  const int32_t high = kws_smmulr((int32_t)((uint32_t)sum << left), multiplier);
#else
  const int64_t product = (int64_t)sum * ((int64_t)1 << left) * multiplier;
  const int32_t high = (int32_t)((product + ((int64_t)1 << 31)) >> 32);
#endif
  const int32_t rounding = (2 * zero_point + 1) * (1 << (right - 1));
  return kws_saturate((2 * high + rounding + (high >> 31)) >> right);
}

#ifdef __cplusplus
}
#endif

#endif
