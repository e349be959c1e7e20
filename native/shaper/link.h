// One shaped leg: frames to and from the other end, datagrams to and from WireGuard. A client has one, a server one a client.
#ifndef LINK_H
#define LINK_H

#include "shaper.h"

struct link {
  bool used;
  int frames, plain;         // sockets
  struct sockaddr_in far;    // where frames go: the proxy
  struct sockaddr_in near;   // where datagrams go: WARP's container, or WARP
  uint8_t id[8];             // the client's, made at its start: a new connection of the same client is known by it
  struct queue queue;
  bool up;                   // both ends have the same parameters; nothing real passes before
  bool refused;              // client: the other end has others
  uint64_t next, heard;      // when the next frame is due and the last came, in nanoseconds
  uint32_t left;             // on demand: frames left in this quantum; 0: idle
  bool real;                 // on demand: this quantum held a datagram that wakes
  uint32_t preamble;         // server: frames until the welcome, which is the last of them
};

// A control frame as it came. The text is at most MAX_TEXT and printable.
struct control {
  enum { HELLO = 0xfff1, WELCOME = 0xfff2, REFUSE = 0xfff3, WHO = 0xfff4 } type;
  uint8_t id[8];
  char text[MAX_TEXT];
};
// False when it is none. A hello is one whatever its size, so that ends of different sizes can tell each other.
bool read_control(const uint8_t *frame, uint32_t length, struct control *control);
// One control frame of `size` bytes, beside the schedule.
void send_control(const struct link *link, int type, const char *text, uint32_t size);

// A datagram that came in clear: it waits for a frame, and may wake the link.
void take_datagram(struct link *link, const struct config *config, const uint8_t *data, uint16_t length, uint64_t now);
// A frame that is no control frame: its datagram goes on. False when it is no frame of ours.
bool take_frame(struct link *link, const struct config *config, const uint8_t *frame, uint32_t length, uint64_t now);
// The two ends are the same: datagrams pass from now on.
void go_up(struct link *link, const struct config *config, uint64_t now);
// Sends every frame that is due.
void tick(struct link *link, const struct config *config, uint64_t now);

#endif
