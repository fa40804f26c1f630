/* Start a RISC-V program for Linux without a C library: from its first instruction to main. */
int main(void);

__attribute__((used)) static void begin(void) {
  const int code = main();
  register long a7 __asm__("a7") = 93; /* exit */
  register long a0 __asm__("a0") = code;
  for (;;) __asm__ volatile("ecall" : : "r"(a0), "r"(a7) : "memory");
}

__attribute__((naked, used)) void _start(void) {
  __asm__ volatile("andi sp, sp, -16\n\tcall begin");
}
