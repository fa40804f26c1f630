/* Mock of the part of the Arduino core that the sketch uses, implemented in board.cpp. */
#ifndef ARDUINO_H
#define ARDUINO_H

#include <stddef.h>
#include <stdint.h>

#define LOW 0
#define HIGH 1
#define OUTPUT 1
#define INPUT_PULLUP 2
#define LED_BUILTIN (13u)
#define LEDR (22u)
#define LEDG (23u)
#define LEDB (24u)
#define LED_PWR (25u)
#define PIN_ENABLE_I2C_PULLUP (32u)
#define PIN_ENABLE_SENSORS_3V3 (33u)
#define SERIAL_CDC

/* The registers of the nRF52840 that the sketch uses; board.cpp acts when they are written. */
struct Register {
  uint32_t value;
  Register &operator=(uint32_t written) {
    value = written;
    write(this);
    return *this;
  }
  operator uint32_t() const { return value; }
  static void write(const Register *one);
};
struct Nrf {
  Register RESETREAS, RUNSTATUS, CONFIG, CRV, RREN, TASKS_START, RR[8];
};
extern Nrf nrf;
#define NRF_POWER (&nrf)
#define NRF_WDT (&nrf)

unsigned long millis();
void delay(unsigned long ms);
void pinMode(int pin, int mode);
void digitalWrite(int pin, int value);
int digitalRead(int pin);

/* What examples of the library print on. */
struct SerialPort {
  void begin(unsigned long baud);
  void print(const char *text);
  void println(const char *text);
  void println(double value);
};
extern SerialPort Serial;

void setup();
void loop();

#endif
