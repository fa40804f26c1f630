/* Marks that count_plugin.c sees: calling one begins its phase. */
#ifndef PHASES_H
#define PHASES_H

#define PHASE(name) __attribute__((noinline)) void phase_##name(void) { __asm__ volatile(""); }

#endif
