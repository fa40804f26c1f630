/* The sketch on this machine: a board of stand-ins with a clock of its own.
 *
 *   board SAMPLES EVENTS KEPT
 *
 * SAMPLES is what the microphone hears, raw int16 at 16 kHz. The microphone delivers it in blocks of
 * 256 as the nRF52840's does: by an interrupt, and never again when the callback leaves a byte of
 * the block before unread, until it is begun anew. EVENTS are lines of a time in ms and what happens
 * then:
 *   late MS          loop() is not called for so long; the interrupt goes on
 *   dead             the microphone delivers nothing until it is begun again
 *   serial HOST      absent, reads or stalls: has the port open and reads nothing
 *   central connects | subscribes | leaves
 * KEPT gets the samples that found room in the ring. Lines on standard output: the time in ms, then
 *   led RGB | serial HEX | advertising | notify UUID HEX | begin GAIN
 * and at the end "value UUID HEX" for each characteristic, "lost SAMPLES", "waits" if the sketch
 * slept. The clock starts at KWS_START_MS of the environment. */
#include <Arduino.h>
#include <ArduinoBLE.h>
#include <PDM.h>
#include <USB/PluggableUSBSerial.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <vector>

#include SKETCH

namespace {

constexpr uint64_t BLOCK = 256, BLOCK_US = BLOCK * 1000000 / 16000;
constexpr uint64_t LOOP_US = 100; /* that a call of loop() takes itself */

struct Event {
  uint64_t at; /* us since the microphone began */
  std::string what;
  std::string argument;
};

std::vector<int16_t> heard;
std::vector<Event> events;
FILE *kept;

uint64_t now_us, next_block_us = UINT64_MAX;
uint64_t heard_from = UINT64_MAX; /* when the first sample sounds */
bool slept = false;

void say(const std::string &line) {
  const uint64_t us = heard_from == UINT64_MAX ? 0 : now_us - heard_from;
  std::printf("%llu %s\n", (unsigned long long)(us / 1000), line.c_str());
}

std::string hex(const uint8_t *bytes, size_t count) {
  static const char digits[] = "0123456789abcdef";
  std::string text;
  for (size_t i = 0; i < count; ++i) {
    text += digits[bytes[i] >> 4];
    text += digits[bytes[i] & 15];
  }
  return text;
}

/* --- microphone ------------------------------------------------------------------------------ */

struct {
  bool running = false, dead = false;
  int gain = -1;
  void (*receive)() = nullptr;
  uint8_t block[2 * BLOCK];
  size_t unread = 0; /* bytes at the block's end */
} pdm;

void interrupt() {
  const uint64_t first = ((next_block_us - heard_from) / BLOCK_US - 1) * BLOCK;
  next_block_us += BLOCK_US;
  if (!pdm.running || pdm.dead || first >= heard.size()) return;
  if (pdm.unread > 0) { /* as the real one: switched off, and nobody is told */
    pdm.running = false;
    return;
  }
  const size_t count = std::min<size_t>(BLOCK, heard.size() - first);
  std::memset(pdm.block, 0, sizeof pdm.block);
  std::memcpy(pdm.block, &heard[first], 2 * count);
  pdm.unread = sizeof pdm.block;
  const uint32_t lost = microphone.lost();
  if (pdm.receive) pdm.receive();
  std::fwrite(pdm.block, 2, BLOCK - (microphone.lost() - lost), kept);
}

void advance(uint64_t us) {
  const uint64_t until = now_us + us;
  while (next_block_us <= until) {
    now_us = next_block_us;
    interrupt();
  }
  now_us = until;
}

/* --- serial port, Bluetooth -------------------------------------------------------------------- */

enum { ABSENT, READS, STALLS } host = ABSENT;
bool stalled_packet = false;

BLEService *service;
bool central = false;

void happen(const Event &event) {
  if (event.what == "late") {
    advance(std::stoull(event.argument) * 1000);
  } else if (event.what == "dead") {
    pdm.dead = true;
  } else if (event.what == "serial") {
    host = event.argument == "absent" ? ABSENT : event.argument == "reads" ? READS : STALLS;
    stalled_packet = false;
  } else if (event.argument == "connects") {
    central = true;
  } else {
    const bool subscribes = central && event.argument == "subscribes";
    for (BLECharacteristic *one = service->first; one; one = one->next)
      one->subscribed = subscribes && (one->properties & BLENotify);
    if (event.argument == "leaves") {
      central = false;
      say("advertising"); /* the library does it by itself */
    }
  }
}

void read_input(char **words) {
  std::ifstream samples(words[1], std::ios::binary), script(words[2]);
  const std::string bytes{std::istreambuf_iterator<char>(samples), {}};
  heard.resize(bytes.size() / 2);
  std::memcpy(heard.data(), bytes.data(), 2 * heard.size());
  for (std::string line; std::getline(script, line);) {
    std::istringstream fields(line);
    Event event;
    fields >> event.at >> event.what >> event.argument;
    event.at *= 1000;
    events.push_back(event);
  }
  kept = std::fopen(words[3], "wb");
}

}  // namespace

unsigned long millis() { return (uint32_t)(now_us / 1000); } /* as wide as the board's */

void delay(unsigned long ms) {
  slept = true;
  advance(ms * 1000);
}

void pinMode(int, int) {}

void digitalWrite(int pin, int value) {
  static std::string colour = "   ";
  colour[pin - LEDR] = value == LOW ? "RGB"[pin - LEDR] : '-';
  if (pin == LEDB) say("led " + colour);
}

bool USBSerial::connected() { return host != ABSENT; }

void USBSerial::send_nb(uint8_t *buffer, uint32_t size, uint32_t *actual, bool) {
  *actual = 0;
  if (host == ABSENT || stalled_packet) return;
  *actual = std::min<uint32_t>(size, 64);
  if (host == READS) say("serial " + hex(buffer, *actual));
  stalled_packet = host == STALLS;
}

int PDMClass::begin(int channels, int sample_rate) {
  if (channels != 1 || sample_rate != 16000) return 0;
  if (heard_from == UINT64_MAX) {
    heard_from = now_us;
    next_block_us = now_us + BLOCK_US;
  }
  say("begin " + std::to_string(pdm.gain));
  pdm.running = true;
  pdm.dead = false;
  pdm.unread = 0;
  return 1;
}
void PDMClass::end() { pdm.running = false; }
int PDMClass::available() { return (int)pdm.unread; }
int PDMClass::read(void *buffer, size_t size) {
  const size_t count = std::min(size, pdm.unread);
  std::memcpy(buffer, pdm.block + sizeof pdm.block - pdm.unread, count);
  pdm.unread -= count;
  return (int)count;
}
void PDMClass::onReceive(void (*function)()) { pdm.receive = function; }
void PDMClass::setGain(int gain) { pdm.gain = gain; }
void PDMClass::setBufferSize(int) {}

BLECharacteristic::BLECharacteristic(const char *name, uint16_t what, int value_size, bool fixed_length)
    : uuid(name), properties(what), size(value_size), fixed(fixed_length) {}
int BLECharacteristic::writeValue(const uint8_t bytes[], int count, bool) {
  std::memcpy(value, bytes, (size_t)std::min(count, size));
  length = fixed ? size : std::min(count, size);
  if (subscribed) say("notify " + std::string(uuid) + " " + hex(value, (size_t)length));
  return length;
}
void BLEService::addCharacteristic(BLECharacteristic &characteristic) {
  characteristic.next = first;
  first = &characteristic;
}
int BLELocalDevice::begin() { return 1; }
void BLELocalDevice::poll() {}
bool BLELocalDevice::setLocalName(const char *name) { return std::strlen(name) <= 29; }
void BLELocalDevice::setDeviceName(const char *) {}
bool BLELocalDevice::setAdvertisedService(const BLEService &) { return true; }
void BLELocalDevice::setAdvertisingInterval(uint16_t) {}
void BLELocalDevice::addService(BLEService &one) { service = &one; }
int BLELocalDevice::advertise() { return 1; }

USBSerial _SerialUSB;
PDMClass PDM;
BLELocalDevice BLE;

int main(int count, char **words) {
  if (count != 4) return 2;
  read_input(words);
  const char *from = std::getenv("KWS_START_MS");
  now_us = from ? std::strtoull(from, nullptr, 10) * 1000 : 0;
  setup();
  const uint64_t end = heard_from + (heard.size() / BLOCK + 2) * BLOCK_US + 100000;
  for (size_t next = 0; now_us < end; advance(LOOP_US)) {
    for (; next < events.size() && now_us - heard_from >= events[next].at; ++next)
      happen(events[next]);
    loop();
  }
  for (BLECharacteristic *one = service ? service->first : nullptr; one; one = one->next)
    say("value " + std::string(one->uuid) + " " + hex(one->value, (size_t)one->length));
  say("lost " + std::to_string(microphone.lost()));
  if (slept) say("waits");
  std::fclose(kept);
}
