/* QEMU plugin that counts guest instructions by phase of the program.
 *
 *   -plugin count_plugin.so,phase=ADDRESS,phase=ADDRESS,...[,profile=1]
 *
 * When the instruction at the n-th ADDRESS runs, the n-th phase begins. At exit one line per phase
 * goes to stderr: its number, how often it began, its instructions. A profile adds a line for each
 * instruction that ran, with its address, how often it ran and how often it read from flash. The
 * declarations follow QEMU's plugin API, version 1, whose header Debian does not ship. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef uint64_t qemu_plugin_id_t;
typedef struct qemu_info_t qemu_info_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
enum qemu_plugin_cb_flags { QEMU_PLUGIN_CB_NO_REGS };
enum qemu_plugin_op { QEMU_PLUGIN_INLINE_ADD_U64 };
void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id,
                                           void (*call)(qemu_plugin_id_t, struct qemu_plugin_tb *));
void qemu_plugin_register_atexit_cb(qemu_plugin_id_t id, void (*call)(qemu_plugin_id_t, void *),
                                    void *data);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *block);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *block, size_t index);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *instruction);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *instruction,
                                            void (*call)(unsigned, void *),
                                            enum qemu_plugin_cb_flags flags, void *data);
void qemu_plugin_register_vcpu_insn_exec_inline(struct qemu_plugin_insn *instruction,
                                                enum qemu_plugin_op operation, void *counter,
                                                uint64_t step);

#define EXPORTED __attribute__((visibility("default")))
EXPORTED int qemu_plugin_version = 1;

enum { MAX_PHASES = 16 };
typedef struct {
  uint64_t address, begun, instructions;
} phase_t;
static phase_t phases[MAX_PHASES], before = {0, 1, 0}, *now = &before;
static int phase_count;
static uint64_t executed, counted; /* instructions so far; those already in a phase */

static void settle(void) {
  now->instructions += executed - counted;
  counted = executed;
}

static void begin(unsigned cpu, void *phase) {
  (void)cpu;
  settle();
  now = phase;
  ++now->begun;
}

static void translate(qemu_plugin_id_t id, struct qemu_plugin_tb *block) {
  (void)id;
  for (size_t i = 0; i < qemu_plugin_tb_n_insns(block); ++i) {
    struct qemu_plugin_insn *instruction = qemu_plugin_tb_get_insn(block, i);
    for (int n = 0; n < phase_count; ++n)
      if (phases[n].address == qemu_plugin_insn_vaddr(instruction))
        qemu_plugin_register_vcpu_insn_exec_cb(instruction, begin, QEMU_PLUGIN_CB_NO_REGS,
                                               &phases[n]);
    qemu_plugin_register_vcpu_insn_exec_inline(instruction, QEMU_PLUGIN_INLINE_ADD_U64, &executed,
                                               1);
  }
}

static void report(qemu_plugin_id_t id, void *data) {
  (void)id;
  (void)data;
  settle();
  for (int n = 0; n < phase_count; ++n)
    fprintf(stderr, "phase %d %llu %llu\n", n, (unsigned long long)phases[n].begun,
            (unsigned long long)phases[n].instructions);
}

EXPORTED int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int count,
                                 char **words) {
  (void)info;
  for (int i = 0; i < count; ++i) {
    if (strncmp(words[i], "phase=", 6) != 0 || phase_count == MAX_PHASES) return 1;
    phases[phase_count++].address = strtoull(words[i] + 6, NULL, 0);
  }
  qemu_plugin_register_vcpu_tb_trans_cb(id, translate);
  qemu_plugin_register_atexit_cb(id, report, NULL);
  return 0;
}
