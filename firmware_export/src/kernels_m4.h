/* Run the inner loops of layers with the Cortex-M4's DSP instructions.
 *
 * They are in assembly as they use every register, and a compiler that spills one of them doubles
 * their cost. */
#ifndef KWS_KERNELS_M4_H
#define KWS_KERNELS_M4_H

/* The Cortex-M4 multiplies pairs of 16-bit values; -DKWS_DSP=0 selects portable C. */
#if !defined(KWS_DSP) && defined(__ARM_FEATURE_DSP) && __ARM_ARCH_PROFILE == 'M'
#define KWS_DSP 1
#endif

/* The Cortex-M55 has vectors besides, Helium; -DKWS_MVE=0 does without them. */
#if !defined(KWS_MVE) && defined(__ARM_FEATURE_MVE)
#define KWS_MVE 1
#endif

#ifndef __ASSEMBLER__

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Hold what a loop works on. The loops move the pointers; kernels_dsp.c checks the offsets, which
 * kernels_m4.S knows. */
typedef struct {
  const int32_t *bias;       /*  0 [channels] */
  const void *x;             /*  4 16-bit patches; depthwise: see each loop */
  int32_t weights_step;      /*  8 bytes of weights per output channel, or per four of them */
  const int32_t *multiplier; /* 12 [channels] */
  const int8_t *shifts;     /* 16 [channels] */
  int32_t rounding;          /* 20 2 * output zero point + 1 */
  int8_t *out;               /* 24 */
  int32_t output_step;       /* 28 bytes from bin to bin of out */
  int32_t count;             /* 32 iterations */
  const int8_t *weights;     /* 36 */
  const void *taps_end;      /* 40 */
  int32_t odd_taps;          /* 44 whether the number of taps is odd */
  int32_t input_offset;      /* 48 bytes from the start of a tap to its first value */
  int32_t input_step;        /* 52 bytes from bin to bin of the input */
} kws_m4_loop;

/* Compute five bins of a convolution; count: output channels. */
void kws_m4_five_bins(kws_m4_loop *loop);
/* Compute a kws_dense; count: fours of output channels. */
void kws_m4_dense(kws_m4_loop *loop);
/* Compute one bin of a depthwise convolution, all channels; x: list of pointers, one per tap;
 * count: fours of channels. */
void kws_m4_one_bin(kws_m4_loop *loop);
/* Compute many bins of a depthwise convolution, four channels; x: a channels_t of kernels_dsp.c;
 * count: bins. */
void kws_m4_many_bins(kws_m4_loop *loop);

#ifdef __cplusplus
}
#endif

#else

/* Begin a function of an assembly file. */
        .macro  function name
        .section .text.\name, "ax", %progbits
        .balign 4
        .global \name
        .type   \name, %function
        .thumb_func
\name:
        .endm

#endif

#endif
