/* Mock of the Arduino core's USB serial port, without the calls that wait for a host. */
#ifndef PLUGGABLE_USB_SERIAL_H
#define PLUGGABLE_USB_SERIAL_H

#include <stdint.h>

class USBSerial {
 public:
  bool connected();
  void send_nb(uint8_t *buffer, uint32_t size, uint32_t *actual, bool now = true);
};

extern USBSerial _SerialUSB;

/* The device that the serial port is a part of. */
class PluggableUSBDevice {
 public:
  void deinit();
};

PluggableUSBDevice &PluggableUSBD();

#endif
