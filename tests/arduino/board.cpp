/* Run the sketch on this machine: a mock board with a simulated clock.
 *
 *   board SAMPLES EVENTS KEPT
 *
 * SAMPLES is what the microphone records, raw int16 at 16 kHz. As the nRF52840's, the microphone
 * delivers blocks of 256 by an interrupt, and stops when the callback leaves a byte of the previous
 * block unread, until begin() is called again. EVENTS are lines of a time in ms and what happens
 * then:
 *   late MS          loop() is not called for so long; the interrupt goes on
 *   dead             the microphone delivers nothing until begin() is called again
 *   serial HOST      absent, reads or stalls: has the port open and reads nothing
 *   central connects | subscribes | leaves
 *   central vanishes  the link is lost while packets are on their way: as the real ArduinoBLE, the
 *                    next notification waits for ever
 *   pdm fails | works, ble fails | works: what begin() returns from then on; at 0, from the start
 *   pin grounded | open: what digitalRead() returns
 * KEPT gets the samples that fitted into the ring. Lines on standard output: the time in ms, then
 *   led RGB | serial HEX | advertising | notify UUID HEX | begin GAIN | restarts
 *   pin PIN VALUE | usb off | ble on | ble off
 * and at the end "value UUID HEX" for each characteristic, "lost SAMPLES", "waits" if the sketch
 * slept, "wakes TIMES" how often it woke from that. The watchdog restarts the sketch: this program runs itself again, with the time of the
 * restart in KWS_RESUME_US; "hangs" if after an hour nothing has. The clock starts at KWS_START_MS of the environment. */
#include <Arduino.h>
#include <ArduinoBLE.h>
#include <PDM.h>
#include <USB/PluggableUSBSerial.h>
#include <rtos/EventFlags.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <vector>

#include <unistd.h>

#include SKETCH

namespace {

constexpr uint64_t BLOCK = 256, BLOCK_US = BLOCK * 1000000 / 16000;
constexpr uint64_t LOOP_US = 100; /* duration of a call of loop() */

struct Event {
  uint64_t time_us; /* since the microphone began */
  std::string what;
  std::string argument;
};

std::vector<int16_t> recording;
std::vector<Event> events;
FILE *kept;

uint64_t now_us, next_block_us = UINT64_MAX;
uint64_t begun_us = UINT64_MAX; /* time of the first sample */
bool slept = false, grounded = false;
uint64_t wakes = 0;
bool pdm_fails = false, ble_fails = false;
char **own_arguments;

void print_line(const std::string &line) {
  const uint64_t us = begun_us == UINT64_MAX ? 0 : now_us - begun_us;
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
  const uint64_t first = ((next_block_us - begun_us) / BLOCK_US - 1) * BLOCK;
  next_block_us += BLOCK_US;
  if (!pdm.running || pdm.dead || first >= recording.size()) return;
  if (pdm.unread > 0) { /* as the real driver: stopped, without a sign */
    pdm.running = false;
    return;
  }
  const size_t count = std::min<size_t>(BLOCK, recording.size() - first);
  std::memset(pdm.block, 0, sizeof pdm.block);
  std::memcpy(pdm.block, &recording[first], 2 * count);
  pdm.unread = sizeof pdm.block;
  const uint32_t lost = microphone.lost();
  if (pdm.receive) pdm.receive();
  std::fwrite(pdm.block, 2, BLOCK - (microphone.lost() - lost), kept);
}

/* --- watchdog -------------------------------------------------------------------------------- */

uint64_t restart_us = UINT64_MAX;

void restart() {
  print_line("restarts");
  std::fflush(stdout);
  std::fclose(kept);
  setenv("KWS_RESUME_US", std::to_string(now_us - begun_us).c_str(), 1);
  execv("/proc/self/exe", own_arguments);
  std::abort();
}

void advance(uint64_t us) {
  if (now_us + us >= restart_us) restart();
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
bool central = false, vanished = false;

void happen(const Event &event) {
  if (event.what == "late") {
    advance(std::stoull(event.argument) * 1000);
  } else if (event.what == "dead") {
    pdm.dead = true;
  } else if (event.what == "serial") {
    host = event.argument == "absent" ? ABSENT : event.argument == "reads" ? READS : STALLS;
    stalled_packet = false;
  } else if (event.what == "pdm") {
    pdm_fails = event.argument == "fails";
  } else if (event.what == "ble") {
    ble_fails = event.argument == "fails";
  } else if (event.what == "pin") {
    grounded = event.argument == "grounded";
  } else if (event.argument == "connects") {
    central = true;
  } else if (event.argument == "vanishes") {
    vanished = true;
  } else {
    const bool subscribes = central && event.argument == "subscribes";
    for (BLECharacteristic *one = service->first; one; one = one->next)
      one->subscribed = subscribes && (one->properties & BLENotify);
    if (event.argument == "leaves") {
      central = false;
      print_line("advertising"); /* the library does so by itself */
    }
  }
}

void read_input(char **arguments) {
  std::ifstream samples(arguments[1], std::ios::binary), script(arguments[2]);
  const std::string bytes{std::istreambuf_iterator<char>(samples), {}};
  recording.resize(bytes.size() / 2);
  std::memcpy(recording.data(), bytes.data(), 2 * recording.size());
  for (std::string line; std::getline(script, line);) {
    std::istringstream fields(line);
    Event event;
    fields >> event.time_us >> event.what >> event.argument;
    event.time_us *= 1000;
    events.push_back(event);
  }
  kept = std::fopen(arguments[3], std::getenv("KWS_RESUME_US") ? "ab" : "wb");
}

}  // namespace

unsigned long millis() { return (uint32_t)(now_us / 1000); } /* 32 bits, as on the board */

void delay(unsigned long ms) {
  slept = true;
  ++wakes;
  advance(ms * 1000);
}

uint32_t rtos::EventFlags::set(uint32_t given) { return flags = flags | given; }

uint32_t rtos::EventFlags::wait_any_for(uint32_t wanted, std::chrono::milliseconds time) {
  const uint64_t until = now_us + (uint64_t)time.count() * 1000;
  if (!(flags & wanted)) {
    slept = true;
    ++wakes;
  }
  while (!(flags & wanted) && now_us < until)
    advance(std::min(until, std::max(now_us + 1, next_block_us)) - now_us);
  const uint32_t found = flags & wanted;
  flags = flags & ~wanted;
  return found;
}

void pinMode(int, int) {}

void digitalWrite(int pin, int value) {
  static std::string colour = "   ";
  if (pin > (int)LEDB) {
    print_line("pin " + std::to_string(pin) + " " + std::to_string(value));
    return;
  }
  colour[pin - LEDR] = value == LOW ? "RGB"[pin - LEDR] : '-';
  if (pin == LEDB) print_line("led " + colour);
}

int digitalRead(int) { return grounded ? LOW : HIGH; }

PluggableUSBDevice &PluggableUSBD() {
  static PluggableUSBDevice device;
  return device;
}

void PluggableUSBDevice::deinit() { print_line("usb off"); }

bool USBSerial::connected() { return host != ABSENT; }

void USBSerial::send_nb(uint8_t *buffer, uint32_t size, uint32_t *actual, bool) {
  *actual = 0;
  if (host == ABSENT || stalled_packet) return;
  *actual = std::min<uint32_t>(size, 64);
  if (host == READS) print_line("serial " + hex(buffer, *actual));
  stalled_packet = host == STALLS;
}

int PDMClass::begin(int channels, int sample_rate) {
  if (channels != 1 || sample_rate != 16000) return 0;
  if (begun_us == UINT64_MAX) begun_us = now_us;
  if (next_block_us == UINT64_MAX)
    next_block_us = begun_us + ((now_us - begun_us) / BLOCK_US + 1) * BLOCK_US;
  if (pdm_fails) return 0;
  print_line("begin " + std::to_string(pdm.gain));
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
  for (const uint64_t begun = now_us; subscribed && vanished; advance(1000))
    if (now_us - begun > 3600000000) {
      print_line("hangs");
      std::fflush(stdout);
      std::_Exit(0);
    }
  if (subscribed) print_line("notify " + std::string(uuid) + " " + hex(value, (size_t)length));
  return length;
}
void BLEService::addCharacteristic(BLECharacteristic &characteristic) {
  characteristic.next = first;
  first = &characteristic;
}
int BLELocalDevice::begin() {
  print_line("ble on");
  return !ble_fails;
}
void BLELocalDevice::end() {
  print_line("ble off");
  central = false;
  for (BLECharacteristic *one = service->first; one; one = one->next) one->subscribed = false;
}
void BLELocalDevice::poll() {}
bool BLELocalDevice::setLocalName(const char *name) { return std::strlen(name) <= 29; }
void BLELocalDevice::setDeviceName(const char *) {}
bool BLELocalDevice::setAdvertisedService(const BLEService &) { return true; }
void BLELocalDevice::setAdvertisingInterval(uint16_t) {}
void BLELocalDevice::addService(BLEService &one) { service = &one; }
int BLELocalDevice::advertise() { return 1; }

void Register::write(const Register *one) {
  if (one == &nrf.RESETREAS) nrf.RESETREAS.value = 0; /* the sketch clears the only bit */
  if (one == &nrf.TASKS_START && !(nrf.CONFIG & 1)) std::abort(); /* it would pause in delay() */
  if (one == &nrf.TASKS_START) nrf.RUNSTATUS.value = 1;
  if (nrf.RUNSTATUS && (one == &nrf.TASKS_START || (one == nrf.RR && *one == 0x6E524635)))
    restart_us = now_us + ((uint64_t)nrf.CRV + 1) * 1000000 / 32768;
}

Nrf nrf;
USBSerial _SerialUSB;
PDMClass PDM;
BLELocalDevice BLE;

int main(int count, char **arguments) {
  if (count != 4) return 2;
  own_arguments = arguments;
  read_input(arguments);
  const char *from = std::getenv("KWS_START_MS"), *resume = std::getenv("KWS_RESUME_US");
  now_us = from ? std::strtoull(from, nullptr, 10) * 1000 : 0;
  if (resume) {
    begun_us = now_us;
    now_us += std::strtoull(resume, nullptr, 10);
    nrf.RESETREAS.value = 2;
    const auto is_over = [](const Event &event) { return event.time_us <= now_us - begun_us; };
    events.erase(std::remove_if(events.begin(), events.end(), is_over), events.end());
  }
  for (const Event &event : events)
    if (event.time_us == 0 && (event.what == "pdm" || event.what == "ble")) happen(event);
  setup();
  const uint64_t end = begun_us + (recording.size() / BLOCK + 2) * BLOCK_US + 100000;
  for (size_t next = 0; now_us < end; advance(LOOP_US)) {
    for (; next < events.size() && now_us - begun_us >= events[next].time_us; ++next)
      happen(events[next]);
    loop();
  }
  for (BLECharacteristic *one = service ? service->first : nullptr; one; one = one->next)
    print_line("value " + std::string(one->uuid) + " " + hex(one->value, (size_t)one->length));
  print_line("lost " + std::to_string(microphone.lost()));
  if (slept) print_line("waits");
  print_line("wakes " + std::to_string(wakes));
  std::fclose(kept);
}
