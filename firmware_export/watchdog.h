/* Restart a board whose loop() hangs. ArduinoBLE can wait for ever: it sends only while a counter
 * of packets is below a limit, and a connection that is lost does not reset it.
 *
 * This is the watchdog of the nRF52840. Once started it stops at nothing but power, the reset
 * button and its own restart. The boot loader does not know of it, so its time must be longer than
 * an upload. */
#ifndef WATCHDOG_H
#define WATCHDOG_H

#include <Arduino.h>

#include "settings.h"

#ifndef KWS_WATCHDOG /* a settings.h of before */
#define KWS_WATCHDOG 60
#endif

class Watchdog {
 public:
  void begin() {
    if (!KWS_WATCHDOG) return;
    restarted = (NRF_POWER->RESETREAS & DOG) != 0;
    NRF_POWER->RESETREAS = DOG; /* writing 1 clears it */
    if (!NRF_WDT->RUNSTATUS) {
      NRF_WDT->CONFIG = 1; /* counts while the processor sleeps, not while a debugger halts it */
      NRF_WDT->CRV = KWS_WATCHDOG * 32768u - 1;
      NRF_WDT->RREN = 1;
      NRF_WDT->TASKS_START = 1;
    }
    feed();
  }

  /* Begin the time again; loop() does so each time. */
  void feed() {
    if (KWS_WATCHDOG) NRF_WDT->RR[0] = 0x6E524635;
  }

  /* Return that the board was restarted, or null. */
  const char *fault() const { return restarted ? "was restarted, since loop() hung" : nullptr; }

 private:
  static constexpr uint32_t DOG = 2; /* RESETREAS: reset by the watchdog */
  bool restarted = false;
};

static Watchdog watchdog;

#endif
