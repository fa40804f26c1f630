/* Mock of the part of the Arduino core that the sketch uses, implemented in board.cpp. */
#ifndef ARDUINO_H
#define ARDUINO_H

#include <stddef.h>
#include <stdint.h>

#define LOW 0
#define HIGH 1
#define OUTPUT 1
#define LEDR (22u)
#define LEDG (23u)
#define LEDB (24u)

unsigned long millis();
void delay(unsigned long ms);
void pinMode(int pin, int mode);
void digitalWrite(int pin, int value);

void setup();
void loop();

#endif
