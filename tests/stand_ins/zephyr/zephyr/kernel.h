/* Stand in for the part of Zephyr's kernel that an exported module uses. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct k_mem_slab {
  char *buffer;
  size_t block_size;
  uint32_t num_blocks;
};

#define K_MEM_SLAB_DEFINE_STATIC(name, size, count, alignment)      \
  alignas(alignment) static char name##_buffer[(size) * (count)];   \
  static struct k_mem_slab name = {name##_buffer, (size), (count)}

#ifdef __cplusplus
extern "C" {
#endif
uint32_t k_uptime_get_32(void);
void k_mem_slab_free(struct k_mem_slab *slab, void *mem);
#ifdef __cplusplus
}
#endif
