/* Switch off what an Arduino Nano 33 BLE Sense draws power for and a keyword spotter does not need:
 * power LED, sensors and their I2C pull-ups, USB. Other boards lack these pins; for them this
 * switches off USB, where the core has it.
 *
 * Without USB there is no serial port and no port for an upload: press the board's button twice,
 * quickly, and its boot loader waits for one. */
#ifndef KWSLOWPOWER_H
#define KWSLOWPOWER_H

#include <Arduino.h>

#if defined(ARDUINO_ARCH_MBED) && defined(SERIAL_CDC)
#include <USB/PluggableUSBSerial.h>
#endif

class KwsLowPower {
 public:
  static void begin() {
#if defined(LED_PWR)
    digitalWrite(LED_PWR, LOW);
#endif
#if defined(PIN_ENABLE_I2C_PULLUP)
    digitalWrite(PIN_ENABLE_I2C_PULLUP, LOW);
#endif
#if defined(PIN_ENABLE_SENSORS_3V3)
    digitalWrite(PIN_ENABLE_SENSORS_3V3, LOW); /* the microphone has a pin of its own */
#endif
#if defined(ARDUINO_ARCH_MBED) && defined(SERIAL_CDC)
    PluggableUSBD().deinit();
#endif
  }
};

#endif
