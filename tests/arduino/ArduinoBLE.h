/* Mock of the part of ArduinoBLE that the sketch uses. Values go to one central. */
#ifndef ARDUINO_BLE_H
#define ARDUINO_BLE_H

#include <stdint.h>

enum BLEProperty { BLERead = 0x02, BLENotify = 0x10 };

class BLECharacteristic {
 public:
  BLECharacteristic(const char *uuid, uint16_t properties, int value_size, bool fixed_length = false);
  int writeValue(const uint8_t value[], int length, bool with_response = true);

  const char *uuid;
  uint16_t properties;
  int size, length = 0; /* until the first writeValue(), of a fixed length too */
  bool fixed, subscribed = false;
  uint8_t value[512] = {};
  BLECharacteristic *next = nullptr; /* of the service */
};

class BLEService {
 public:
  explicit BLEService(const char *name) : uuid(name) {}
  void addCharacteristic(BLECharacteristic &characteristic);

  const char *uuid;
  BLECharacteristic *first = nullptr;
};

class BLELocalDevice {
 public:
  int begin();
  void end();
  void poll();
  bool setLocalName(const char *name);
  void setDeviceName(const char *name);
  bool setAdvertisedService(const BLEService &service);
  void setAdvertisingInterval(uint16_t interval);
  void addService(BLEService &service);
  int advertise();
};

extern BLELocalDevice BLE;

#endif
