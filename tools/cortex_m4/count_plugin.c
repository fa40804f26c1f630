/* QEMU plugin that counts guest instructions by stage of the program.
 *
 *   -plugin count_plugin.so,start=ADDRESS,stage=ADDRESS,stage=ADDRESS,...[,profile=1]
 *
 * The n-th stage begins when the instruction at the n-th stage ADDRESS runs, and lasts until
 * another stage begins. The instruction at `start` sets all counters to zero. At exit the plugin
 * prints to stderr one line per stage: its number, how often it began, its instructions. With
 * profile=1 it adds a line for each instruction that ran: its address, how often it ran, how often
 * it read from flash. The declarations follow QEMU's plugin API, version 1, whose header Debian
 * does not ship. */
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
enum qemu_plugin_mem_rw { QEMU_PLUGIN_MEM_RW = 3 };
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
void qemu_plugin_register_vcpu_mem_cb(struct qemu_plugin_insn *instruction,
                                      void (*call)(unsigned, uint32_t, uint64_t, void *),
                                      enum qemu_plugin_cb_flags flags,
                                      enum qemu_plugin_mem_rw direction, void *data);
bool qemu_plugin_mem_is_store(uint32_t kind);

#define EXPORTED __attribute__((visibility("default")))
EXPORTED int qemu_plugin_version = 1;

enum { MAX_STAGES = 16 };
typedef struct {
  uint64_t address, calls, instructions;
} stage_t;
static stage_t stages[MAX_STAGES], before = {0, 1, 0}, *now = &before;
static int stage_count;
static uint64_t start_address = UINT64_MAX;
static uint64_t executed, counted; /* instructions so far; those already in a stage */

enum { FLASH_END = 1 << 20 };
static bool profiled;
static struct {
  uint64_t runs, flash_reads;
} profile[FLASH_END / 2]; /* by address / 2 */

static void settle(void) {
  now->instructions += executed - counted;
  counted = executed;
}

static void begin(unsigned cpu, void *stage) {
  (void)cpu;
  settle();
  now = stage;
  ++now->calls;
}

static void start(unsigned cpu, void *data) {
  (void)cpu;
  (void)data;
  counted = executed;
  for (int n = 0; n < stage_count; ++n) stages[n].calls = stages[n].instructions = 0;
  memset(profile, 0, sizeof profile);
}

static void count_flash_read(unsigned cpu, uint32_t kind, uint64_t address, void *flash_reads) {
  (void)cpu;
  if (address < FLASH_END && !qemu_plugin_mem_is_store(kind)) ++*(uint64_t *)flash_reads;
}

static void profile_instruction(struct qemu_plugin_insn *instruction) {
  const uint64_t half = qemu_plugin_insn_vaddr(instruction) / 2;
  if (half >= FLASH_END / 2) return;
  qemu_plugin_register_vcpu_insn_exec_inline(instruction, QEMU_PLUGIN_INLINE_ADD_U64,
                                             &profile[half].runs, 1);
  qemu_plugin_register_vcpu_mem_cb(instruction, count_flash_read, QEMU_PLUGIN_CB_NO_REGS,
                                   QEMU_PLUGIN_MEM_RW, &profile[half].flash_reads);
}

static void translate(qemu_plugin_id_t id, struct qemu_plugin_tb *block) {
  (void)id;
  for (size_t i = 0; i < qemu_plugin_tb_n_insns(block); ++i) {
    struct qemu_plugin_insn *instruction = qemu_plugin_tb_get_insn(block, i);
    const uint64_t address = qemu_plugin_insn_vaddr(instruction);
    if (address == start_address)
      qemu_plugin_register_vcpu_insn_exec_cb(instruction, start, QEMU_PLUGIN_CB_NO_REGS, NULL);
    for (int n = 0; n < stage_count; ++n)
      if (stages[n].address == address)
        qemu_plugin_register_vcpu_insn_exec_cb(instruction, begin, QEMU_PLUGIN_CB_NO_REGS,
                                               &stages[n]);
    qemu_plugin_register_vcpu_insn_exec_inline(instruction, QEMU_PLUGIN_INLINE_ADD_U64, &executed,
                                               1);
    if (profiled) profile_instruction(instruction);
  }
}

static void report(qemu_plugin_id_t id, void *data) {
  (void)id;
  (void)data;
  settle();
  for (int n = 0; n < stage_count; ++n)
    fprintf(stderr, "stage %d %llu %llu\n", n, (unsigned long long)stages[n].calls,
            (unsigned long long)stages[n].instructions);
  for (int half = 0; half < FLASH_END / 2; ++half)
    if (profile[half].runs > 0)
      fprintf(stderr, "instruction %d %llu %llu\n", 2 * half,
              (unsigned long long)profile[half].runs,
              (unsigned long long)profile[half].flash_reads);
}

EXPORTED int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int count,
                                 char **options) {
  (void)info;
  for (int i = 0; i < count; ++i) {
    if (strcmp(options[i], "profile=1") == 0)
      profiled = true;
    else if (strncmp(options[i], "start=", 6) == 0)
      start_address = strtoull(options[i] + 6, NULL, 0);
    else if (strncmp(options[i], "stage=", 6) == 0 && stage_count < MAX_STAGES)
      stages[stage_count++].address = strtoull(options[i] + 6, NULL, 0);
    else
      return 1;
  }
  qemu_plugin_register_vcpu_tb_trans_cb(id, translate);
  qemu_plugin_register_atexit_cb(id, report, NULL);
  return 0;
}
