// op-dbus-shaper: what its parts share. See docs/shaping.md for what it does and what it does not.
#ifndef SHAPER_H
#define SHAPER_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdnoreturn.h>

enum { MAX_FRAME = 2000, MIN_FRAME = 600, MAX_LINKS = 8, MAX_PARAMETERS = 120, MAX_TEXT = 200 };

// Both ends say this text to each other, and it must be the same: what a frame is and how fast each end sends.
#define PROTOCOL 1

struct config {
  bool client;
  struct sockaddr_in listen;   // client: where WARP's datagrams come in; server: where the proxy brings frames
  struct sockaddr_in other;    // client: the proxy's inbound, which takes frames; server: WARP's endpoint
  bool constant;               // else on demand
  uint32_t frame;              // bytes of each frame
  uint32_t up, down;           // frames a second from client to server, and back
  uint32_t quantum, idle;      // milliseconds: how long a burst is at least; between two frames of an idle link
  uint32_t silence;            // milliseconds without a frame after which the other end is given up
  uint64_t budget;             // bytes a month, both ways together; 0: no limit
  char text[MAX_PARAMETERS];   // what must be the same at both ends
};

// Reads the file. Says what is wrong on standard error, with file and line, and ends the program with status 1.
struct config read_config(const char *path);

// Datagrams that wait for a frame. When it is full the oldest goes: what is late is of no use to WireGuard.
struct queue {
  uint8_t *data;
  uint16_t *length;
  uint32_t room, size, first, count;
};
struct queue make_queue(uint32_t room, uint32_t size);
// False when an older datagram had to go.
bool push(struct queue *queue, const uint8_t *data, uint16_t length);
// The length of what was copied to `out`; 0 when nothing waits.
uint16_t pop(struct queue *queue, uint8_t *out);
void clear(struct queue *queue);

struct counters {
  uint64_t frames_out, frames_in, real_out, real_in, dropped, bad, refused;
};
extern struct counters counters;

enum state { CONNECTING, UP, REFUSED, SPENT };

// The month's bytes, kept in $STATE_DIRECTORY/used across restarts; without that folder, only counted.
void load_ledger(void);
void spend(uint32_t bytes);
bool spent(uint64_t budget);
// Also begins a new month. At most what was counted since the last call is lost by SIGKILL.
void save_ledger(void);

// Writes $RUNTIME_DIRECTORY/status, a JSON object that op-dbus reads; nothing without that folder.
void write_status(const struct config *config, enum state state, const char *why, int clients);

// Tells systemd, if it asked (sd_notify(3)).
void notify(const char *message);

noreturn void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
