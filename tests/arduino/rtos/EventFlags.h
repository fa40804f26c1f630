/* Mock of the part of Mbed's event flags that a microphone uses. */
#ifndef RTOS_EVENT_FLAGS_H
#define RTOS_EVENT_FLAGS_H

#include <stdint.h>

/* A compiler for bare metal may come without the C++ library, which the real core brings. */
#if __has_include(<chrono>)
#include <chrono>
#else
namespace std {
namespace chrono {
class milliseconds {
 public:
  explicit milliseconds(uint32_t ms) : its_count(ms) {}
  uint32_t count() const { return its_count; }

 private:
  uint32_t its_count;
};
}  // namespace chrono
}  // namespace std
#endif

namespace rtos {

class EventFlags {
 public:
  uint32_t set(uint32_t given);
  /* Wait until one of the flags is set, clear it; at most so long. */
  uint32_t wait_any_for(uint32_t wanted, std::chrono::milliseconds time);

  volatile uint32_t flags = 0;
};

}  // namespace rtos

#endif
