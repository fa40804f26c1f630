/* Stand in for Zephyr's devices. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct device {
  const char *name;
};

#ifdef __cplusplus
extern "C" {
#endif
bool device_is_ready(const struct device *device);
extern const struct device device_of_dmic_dev;
#ifdef __cplusplus
}
#endif

#define DT_NODELABEL(label) device_of_##label
#define DEVICE_DT_GET(node) (&node)
