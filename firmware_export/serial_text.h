/* Send text to the serial monitor without waiting for it.
 *
 * Serial.print() blocks while a host has the port open but does not read, such as a laptop that
 * sleeps. So this class buffers the text and sends it with the non-blocking _SerialUSB, which
 * Serial writes to as well. Text that does not fit into the buffer is dropped. */
#ifndef SERIAL_TEXT_H
#define SERIAL_TEXT_H

#include <Arduino.h>
#include <USB/PluggableUSBSerial.h>
#include <string.h>

class SerialText {
 public:
  /* Return whether a host has opened the port since the last call; without one, forget the text. */
  bool opens() {
    const bool open_before = open;
    open = _SerialUSB.connected();
    if (!open) length = 0;
    return open && !open_before;
  }

  /* Return whether a host had the port open when opens() was called. */
  bool was_open() const { return open; }

  void add(const char *piece) {
    const size_t more = strlen(piece);
    if (length + more > sizeof text) return;
    memcpy(text + length, piece, more);
    length += more;
  }

  /* Send what the port takes now. */
  void send() {
    if (length == 0) return;
    uint32_t sent = 0;
    _SerialUSB.send_nb((uint8_t *)text, length, &sent);
    length -= sent;
    memmove(text, text + sent, length);
  }

 private:
  char text[1024];     /* not sent yet */
  uint32_t length = 0; /* of text */
  bool open = false;
};

#endif
