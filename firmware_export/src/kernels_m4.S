/* Implement kernels_m4.h. Throughout, lr or [sp] is the kws_m4_loop.
 *
 * Requantisation of a sum s, with rounding << (right - 1), is that of arithmetic.h:
 *   s = (s << left) * multiplier, upper word, rounded;  (rounding + 2 s + (s >> 31)) >> right,
 * where left is 1 + max(0, shift) and right is 1 + max(0, -shift). */
#include "kernels_m4.h"

#if KWS_DSP && !KWS_MVE

        .syntax unified
        .thumb

        /* Requantise s into r4, from multiplier r5, left r6, rounding r7, right r8 */
        .macro  quantise_bin s
        lsl     \s, \s, r6
        smmulr  \s, \s, r5
        add     r4, r7, \s, lsl #1
        add     r4, r4, \s, asr #31
        asr     r4, r4, r8
        ssat    r4, #8, r4
        .endm

        /* Shift s to the left where the channel's shift is positive; r5: negative shifts, bytes */
        .macro  lift s, at
        sbfx    r6, r5, #\at, #8
        rsb     r6, r6, #0
        usat    r6, #5, r6
        lsl     \s, \s, r6
        .endm

        /* Round s into out r10; right shifts r12, bytes; rounding r8 */
        .macro  round_channel s, at
        ubfx    r5, r12, #\at, #8
        lsl     r6, r8, r5
        add     r6, r6, \s, lsl #1
        add     r6, r6, \s, asr #31
        asr     r6, r6, r5
        ssat    r6, #8, r6, asr #1
        strb    r6, [r10], #1
        .endm

        /* Requantise four channels from twice their sums r0 to r3; leave the flags of the iterations
         * left. Positive shifts, which are rare, take the way over lift_four. */
        .macro  quantise_four
        ldr     r7, [lr]
        ldrd    r11, r12, [lr, #12]
        ldm     r7!, {r4, r5, r6, r8}
        str     r7, [lr]
        add     r0, r0, r4, lsl #1
        add     r1, r1, r5, lsl #1
        add     r2, r2, r6, lsl #1
        add     r3, r3, r8, lsl #1
        ldr     r5, [r12], #4
        movs    r6, #0
        str     r12, [lr, #16]
        ssub8   r5, r6, r5
        sel     r12, r5, r6
        cmp     r12, r5
        bne     8f
7:      ldm     r11!, {r4, r5, r6, r8}
        str     r11, [lr, #12]
        smmulr  r0, r0, r4
        smmulr  r1, r1, r5
        smmulr  r2, r2, r6
        smmulr  r3, r3, r8
        ldrd    r8, r10, [lr, #20]
        round_channel r0, 0
        round_channel r1, 8
        round_channel r2, 16
        round_channel r3, 24
        ldr     r4, [lr, #32]
        str     r10, [lr, #24]
        subs    r4, r4, #1
        str     r4, [lr, #32]
        .endm
        .macro  lift_four
8:      lift    r0, 0
        lift    r1, 8
        lift    r2, 16
        lift    r3, 24
        b       7b
        .endm

/* Sums r0 to r3 and r12; weights r9 up to r7, x r10; four weights as pairs r11 and lr. */
        .macro  unpack
        ldr     lr, [r9], #4
        sxtb16  r11, lr
        sxtb16  lr, lr, ror #8
        .endm
        .macro  load
        ldm     r10!, {r4, r5, r6, r8}
        .endm
        .macro  first s
        smlad   \s, r4, r11, \s
        smlad   \s, r5, lr, \s
        .endm
        .macro  second s
        smlad   \s, r6, r11, \s
        smlad   \s, r8, lr, \s
        .endm

        function kws_m4_five_bins
        push    {r4-r11, lr}
        push    {r0}
        ldr     r9, [r0, #36]
1:      ldr     lr, [sp]
        ldr     r4, [lr]
        ldr     r0, [r4], #4
        str     r4, [lr]
        mov     r1, r0
        mov     r2, r0
        mov     r3, r0
        mov     r12, r0
        ldrd    r10, r7, [lr, #4]
        add     r7, r9
2:      unpack
        load
        first   r0
        second  r1
        load
        first   r2
        second  r3
        load
        first   r12
        unpack
        second  r0
        load
        first   r1
        second  r2
        load
        first   r3
        second  r12
        cmp     r9, r7
        bne     2b
        ldr     lr, [sp]
        ldrd    r4, r8, [lr, #12]
        ldr     r5, [r4], #4
        ldrsb   r6, [r8], #1
        strd    r4, r8, [lr, #12]
        usat    r4, #5, r6
        sub     r8, r4, r6
        ldr     r7, [lr, #20]
        add     r6, r4, #1
        lsl     r7, r7, r8
        add     r8, #1
        ldrd    r10, r11, [lr, #24]
        add     r4, r10, #1
        str     r4, [lr, #24]
        quantise_bin r0
        strb    r4, [r10]
        quantise_bin r1
        strb    r4, [r10, r11]
        quantise_bin r2
        strb    r4, [r10, r11, lsl #1]
        quantise_bin r12
        strb    r4, [r10, r11, lsl #2]
        quantise_bin r3
        add     r10, r11
        strb    r4, [r10, r11, lsl #1]
        ldr     lr, [sp]
        ldr     r4, [lr, #32]
        subs    r4, r4, #1
        str     r4, [lr, #32]
        bne     1b
        pop     {r0}
        pop     {r4-r11, pc}

/* Two pairs of outputs: sums of x * (256 * a + b) in r0 and r2, of x * b in r1 and r3. */
        .macro  pair word, x, mixed, low
        smlad   \mixed, \x, \word, \mixed
        sxtb16  \word, \word
        smlad   \low, \x, \word, \low
        .endm
        .macro  four_inputs
        ldm     r9!, {r4, r5, r6, r8}
        ldrd    r10, r11, [r12], #8
        pair    r4, r10, r0, r1
        pair    r5, r11, r0, r1
        pair    r6, r10, r2, r3
        pair    r8, r11, r2, r3
        .endm

        function kws_m4_dense
        push    {r4-r11, lr}
        mov     lr, r0
        ldr     r9, [lr, #36]
1:      movs    r0, #0
        movs    r1, #0
        movs    r2, #0
        movs    r3, #0
        ldrd    r12, r7, [lr, #4]
        add     r7, r9
2:      four_inputs
        four_inputs
        cmp     r9, r7
        bne     2b
        subs    r0, r0, r1
        subs    r2, r2, r3
        asrs    r0, r0, #7
        lsls    r1, r1, #1
        asrs    r2, r2, #7
        lsls    r3, r3, #1
        quantise_four
        bne     1b
        pop     {r4-r11, pc}
        lift_four

/* x is a list of pointers to the first channel, r7 up to r10; weights r9; channel r11. */
        .macro  tap
        ldr     r4, [r7], #4
        ldr     r6, [r9], #4
        ldr     r4, [r4, r11]
        sxtb16  r8, r6, ror #8
        sxtb16  r5, r4, ror #8
        sxtb16  r6, r6
        sxtb16  r4, r4
        smlabb  r0, r4, r6, r0
        smlabb  r1, r5, r8, r1
        smlatt  r2, r4, r6, r2
        smlatt  r3, r5, r8, r3
        .endm

        function kws_m4_one_bin
        push    {r4-r11, lr}
        mov     lr, r0
        ldr     r9, [lr, #36]
1:      movs    r0, #0
        movs    r1, #0
        movs    r2, #0
        movs    r3, #0
        ldr     r7, [lr, #4]
        ldrd    r10, r4, [lr, #40]
        ldr     r11, [lr, #48]
        cmp     r4, #0
        bne     3f
2:      tap
3:      tap
        cmp     r7, r10
        bne     2b
        add     r11, #4
        str     r11, [lr, #48]
        lsls    r0, r0, #1
        lsls    r1, r1, #1
        lsls    r2, r2, #1
        lsls    r3, r3, #1
        quantise_four
        bne     1b
        pop     {r4-r11, pc}
        lift_four

/* x is a table (channels_t): four biases, then by tap a pointer and two pairs of weights, up to
 * r11, then by channel multiplier, left, rounding, right. Value r9 of a bin; out r10. */
        .macro  table_tap
        ldm     r7!, {r4, r5, r6}
        ldr     r8, [r4, r9]
        sxtb16  r4, r8, ror #8
        sxtb16  r8, r8
        smlabb  r0, r8, r5, r0
        smlabb  r1, r4, r6, r1
        smlatt  r2, r8, r5, r2
        smlatt  r3, r4, r6, r3
        .endm
        .macro  table_quantise s
        ldm     r7!, {r4, r5, r6, r8}
        lsl     \s, \s, r5
        smmulr  \s, \s, r4
        add     r6, r6, \s, lsl #1
        add     r6, r6, \s, asr #31
        asr     r6, r6, r8
        ssat    r6, #8, r6
        .endm

        function kws_m4_many_bins
        push    {r4-r11, lr}
        mov     lr, r0
        ldr     r9, [lr, #48]
        ldr     r10, [lr, #24]
        ldr     r11, [lr, #40]
        ldr     r12, [lr, #28]
1:      ldr     r7, [lr, #4]
        ldr     r4, [lr, #44]
        ldm     r7!, {r0-r3}
        cmp     r4, #0
        bne     3f
2:      table_tap
3:      table_tap
        cmp     r7, r11
        bne     2b
        table_quantise r0
        strb    r6, [r10]
        table_quantise r1
        strb    r6, [r10, #1]
        table_quantise r2
        strb    r6, [r10, #2]
        table_quantise r3
        strb    r6, [r10, #3]
        ldr     r4, [lr, #52]
        ldr     r5, [lr, #32]
        add     r9, r4
        add     r10, r12
        subs    r5, r5, #1
        str     r5, [lr, #32]
        bne     1b
        pop     {r4-r11, pc}

#endif

#if defined(__ELF__)
        .section .note.GNU-stack, "", %progbits /* the stack needs not be executable */
#endif
