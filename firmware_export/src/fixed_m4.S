/* Implement fixed_m4.h. */
#include "kernels_m4.h"

#if KWS_DSP

        .syntax unified
        .thumb

        /* Take a number into the spread r3, which has its bits but for the sign; see kws_spread. */
        .macro  spread x, free
        eor     \free, \x, \x, asr #31
        orr     r3, r3, \free
        .endm

/* Shift a number by a multiplication: SMMULR gives (x * 2^(32 - shift) + 2^31) >> 32. */

function kws_m4_fixed_first             /* z r0, end r1, multiplier r2 */
        push    {r4-r11, lr}
        movs    r3, #0
1:      ldm     r0, {r4-r11}            /* a, b, c, d */
        smmulr  r4, r4, r2
        smmulr  r5, r5, r2
        smmulr  r6, r6, r2
        smmulr  r7, r7, r2
        smmulr  r8, r8, r2
        smmulr  r9, r9, r2
        smmulr  r10, r10, r2
        smmulr  r11, r11, r2
        add     r12, r6, r10            /* odd r12 and r8, turn r10 and r11 */
        sub     r10, r6, r10
        add     r6, r4, r8              /* sum r6 and r7, difference r4 and r5 */
        sub     r4, r4, r8
        add     r8, r7, r11
        sub     r11, r7, r11
        add     r7, r5, r9
        sub     r5, r5, r9
        sub     r9, r7, r8              /* im c */
        add     lr, r7, r8              /* im a */
        sub     r8, r6, r12             /* re c */
        add     r12, r6, r12            /* re a */
        add     r6, r4, r11             /* re b */
        sub     r4, r4, r11             /* re d */
        sub     r7, r5, r10             /* im b */
        add     r5, r5, r10             /* im d */
        strd    r12, lr, [r0], #8
        stm     r0!, {r6-r9}
        strd    r4, r5, [r0], #8
        spread  r12, r10
        spread  lr, r10
        spread  r6, r10
        spread  r7, r10
        spread  r8, r10
        spread  r9, r10
        spread  r4, r10
        spread  r5, r10
        cmp     r0, r1
        bne     1b
        mov     r0, r3
        pop     {r4-r11, pc}

        /* Multiply the number at `offset` by the twiddle `power` and shift it into re and im; power 1
         * comes first and moves on to the next three twiddles. */
        .macro  turn re, im, offset, power, x, c, s
        ldrd    \im, \x, [r0, #\offset]
        .if     \power == 1
        ldrsh   \c, [r1], #12
        .else
        ldrsh   \c, [r1, #4 * \power - 16]
        .endif
        ldrsh   \s, [r1, #4 * \power - 14]
        mul     \re, \im, \c
        mul     \im, \im, \s
        mls     \re, \x, \s, \re
        mla     \im, \x, \c, \im
        smmulr  \re, \re, r2
        smmulr  \im, \im, r2
        .endm

        /* z r0, end r1, twiddles r2, multiplier r3. In the loop r0 is in the middle of its four
         * numbers, which ldrd reaches, r1 the twiddles, r2 the multiplier, lr the end of the group. */
        .macro  join span
function kws_m4_fixed_join_\span
        push    {r4-r11, lr}
        add     r0, r0, #12 * \span
        add     r1, r1, #12 * \span
        push    {r1, r2}
        mov     r2, r3
        movs    r3, #0
1:      ldr     r1, [sp, #4]
        add     lr, r0, #8 * \span
2:      turn    r4, r5, -4 * \span, 1, r6, r7, r8
        turn    r6, r7, 12 * \span, 3, r8, r9, r10
        add     r8, r4, r6              /* odd r8 and r9, turn r4 and r5 */
        sub     r4, r4, r6
        add     r9, r5, r7
        sub     r5, r5, r7
        turn    r6, r7, 4 * \span, 2, r10, r11, r12
        ldrd    r10, r11, [r0, #-12 * \span]
        lsl     r10, r10, #13
        lsl     r11, r11, #13
        smmulr  r10, r10, r2
        smmulr  r11, r11, r2
        add     r12, r10, r6            /* sum r12 and r6, difference r10 and r11 */
        sub     r10, r10, r6
        add     r6, r11, r7
        sub     r11, r11, r7
        add     r7, r12, r8
        sub     r12, r12, r8
        add     r8, r6, r9
        sub     r6, r6, r9
        strd    r7, r8, [r0, #-12 * \span]
        strd    r12, r6, [r0, #4 * \span]
        spread  r7, r9
        spread  r8, r9
        spread  r12, r9
        spread  r6, r9
        add     r7, r10, r5
        sub     r10, r10, r5
        sub     r8, r11, r4
        add     r11, r11, r4
        strd    r7, r8, [r0, #-4 * \span]
        strd    r10, r11, [r0, #12 * \span]
        spread  r7, r9
        spread  r8, r9
        spread  r10, r9
        spread  r11, r9
        adds    r0, r0, #8
        cmp     r0, lr
        bne     2b
        ldr     r1, [sp]
        add     r0, r0, #24 * \span
        cmp     r0, r1
        blo     1b
        mov     r0, r3
        add     sp, sp, #8
        pop     {r4-r11, pc}
        .endm

join 4
join 16
join 64

function kws_m4_fixed_split             /* first r0, last r1, twiddles r2, shift r3 */
        push    {r4-r11, lr}
        movs    r4, #1
        lsls    r4, r4, r3
        asrs    r4, r4, #1              /* rounding */
        mov     r5, #1 << 14
1:      ldrd    r6, r7, [r0]
        ldrd    r8, r9, [r1]
        add     r6, r6, r4
        add     r7, r7, r4
        add     r8, r8, r4
        add     r9, r9, r4
        asr     r6, r6, r3
        asr     r7, r7, r3
        asr     r8, r8, r3
        asr     r9, r9, r3
        add     r10, r6, r8             /* even r10 and r7, odd r6 and r8 */
        sub     r8, r8, r6
        add     r6, r7, r9
        sub     r7, r7, r9
        add     r10, r5, r10, lsl #14
        add     r7, r5, r7, lsl #14
        ldrsh   r9, [r2], #2
        ldrsh   r11, [r2], #2
        mla     r12, r6, r9, r10        /* even + odd * twiddle */
        mls     r12, r8, r11, r12
        mla     r8, r8, r9, r7
        mla     r8, r6, r11, r8
        rsb     r10, r12, r10, lsl #1   /* even - odd * twiddle */
        rsb     r7, r8, r7, lsl #1
        asr     r10, r10, #15
        asr     r7, r7, #15
        asr     r12, r12, #15
        asr     r8, r8, #15
        strd    r10, r7, [r1], #-8
        strd    r12, r8, [r0], #8       /* of the middle bin these remain */
        cmp     r0, r1
        bls     1b
        pop     {r4-r11, pc}

function kws_m4_mel_sums                /* z r0, weights r1, roots r2, sums r3, [sp], [sp, #4] */
        push    {r4-r11, lr}
        ldr     r9, [sp, #36]           /* bins */
        sub     r2, r2, #32 * 4         /* the index of the first root is 32 */
        mov     r11, #12                /* bits of a root but for those of a magnitude */
        movs    r8, #0
1:      mov     r7, r8                  /* sum of the weights that fall r7, that rise r8 */
        movs    r8, #0
        ldrh    lr, [r9], #2
        subs    lr, lr, #1
        bmi     4f
2:      ldrd    r4, r5, [r0], #8
        ldr     r6, [r1], #4
        mul     r4, r4, r4
        mla     r4, r5, r5, r4
        cbz     r4, 3f
        clz     r5, r4
        bic     r10, r5, #1
        lsl     r4, r4, r10
        lsr     r10, r4, #25
        ldr     r10, [r2, r10, lsl #2]
        mvn     r4, r4, lsr #9
        sxth    r12, r10
        mla     r10, r12, r4, r10
        add     r5, r11, r5, lsr #1
        lsr     r10, r10, r5
        lsl     r10, r10, #5            /* Q5 more, as SMLAWB shifts by 16 where weights are Q11 */
        smlawb  r7, r10, r6, r7
        smlawt  r8, r10, r6, r8
3:      subs    lr, lr, #1
        bpl     2b
4:      str     r7, [r3], #4
        ldr     r4, [sp, #40]
        cmp     r9, r4
        bne     1b
        pop     {r4-r11, pc}

        /* Load pairs of samples r0 times weights r1 to z [sp] at the indices r2 up to r3; the weights
         * are `step` bytes apart, and \first and \second multiply by those of a pair. */
        .macro  load name, step, first, second
function \name
        push    {r4-r11, lr}
        ldrd    r4, r12, [sp, #36]
        ldr     r5, [r12]               /* the latest windowed sample */
        movs    r6, #0                  /* spread of the upper halves, twice */
        b       2f
1:      ldr     r7, [r0], #4
        ldr     r8, [r1], #\step
        ldrh    r9, [r2], #2
        sub     r10, r5, r5, asr #2
        \first  r11, r7, r8
        add     r9, r4, r9, lsl #3
        \second r5, r7, r8
        sub     r10, r11, r10
        sub     r11, r11, r11, asr #2
        sub     r11, r5, r11
        strd    r10, r11, [r9]
        pkhtb   r10, r10, r11, asr #16
        eor     r10, r10, r10, lsl #1   /* a bit where one differs from the bit below */
        orr     r6, r6, r10
2:      cmp     r2, r3
        bne     1b
        str     r5, [r12]
        uxth    r0, r6
        orr     r0, r0, r6, lsr #16
        lsl     r0, r0, #15
        pop     {r4-r11, pc}
        .endm

load kws_m4_load_rising, 4, smulbb, smultt
load kws_m4_load_falling, -4, smulbt, smultb

function kws_m4_coefficients            /* weights r0, pairs r1, half r2, bias r3; see fixed_m4.h */
        push    {r4-r10, lr}
        ldrd    r4, r5, [sp, #32]       /* shifts, frame */
        ldr     r6, [sp, #40]           /* its end */
        b       5f
1:      ldr     r7, [r3], #8
        mov     r8, r1
        subs    r9, r2, #4
        blt     3f
2:      ldr     r10, [r0], #4
        ldr     r12, [r8], #4
        smlad   r7, r10, r12, r7
        ldr     r10, [r0], #4
        ldr     r12, [r8], #4
        smlad   r7, r10, r12, r7
        subs    r9, r9, #4
        bge     2b
3:      lsls    r9, r2, #31             /* carry: two are left; negative: one is */
        bcc     4f
        ldr     r10, [r0], #4
        ldr     r12, [r8], #4
        smlad   r7, r10, r12, r7
4:      itt     mi
        ldrshmi r10, [r0], #2
        ldrshmi r12, [r8]
        it      mi
        smlabbmi r7, r10, r12, r7
        ldrb    r9, [r4], #2
        add     r0, r0, r2, lsl #1      /* over a row of the other parity */
        asr     r7, r7, r9
        ssat    r7, #8, r7
        strb    r7, [r5], #2
5:      cmp     r5, r6
        blo     1b
        pop     {r4-r10, pc}

#endif

#if defined(__ELF__)
        .section .note.GNU-stack, "", %progbits /* the stack needs not be executable */
#endif
