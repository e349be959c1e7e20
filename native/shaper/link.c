// When a frame goes and what is in it: two bytes of length in network order, a datagram, zeros. Length 0: a dummy.
//
// The schedule never looks at what waits, but for one bit a quantum on demand: whether the last quantum held anything real.

#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "link.h"

enum { HEADER = 2, CONTROL = HEADER + 8 };
static const uint64_t MS = 1000000, LATE = 50 * MS;

static void put_length(uint8_t *frame, uint16_t length) {
  frame[0] = (uint8_t)(length >> 8);
  frame[1] = (uint8_t)length;
}

static uint16_t get_length(const uint8_t *frame) { return (uint16_t)(frame[0] << 8 | frame[1]); }

static void send_frame(const struct link *link, const uint8_t *frame, uint32_t size) {
  // What the proxy can't take now is lost, as on any line: waiting for it would shift the schedule.
  sendto(link->frames, frame, size, MSG_DONTWAIT, (const struct sockaddr *)&link->far, sizeof link->far);
  counters.frames_out++;
  spend(size);
}

static void put_control(uint8_t *frame, int type, const uint8_t *id, const char *text) {
  put_length(frame, (uint16_t)type);
  memcpy(frame + HEADER, id, CONTROL - HEADER);
  snprintf((char *)frame + CONTROL, MAX_TEXT, "%s", text);
}

void send_control(const struct link *link, int type, const char *text, uint32_t size) {
  uint8_t frame[MAX_FRAME] = {0};
  put_control(frame, type, link->id, text);
  send_frame(link, frame, size);
}

bool read_control(const uint8_t *frame, uint32_t length, struct control *control) {
  if (length < CONTROL + MAX_TEXT || length > MAX_FRAME) return false;
  uint16_t type = get_length(frame);
  if (type < HELLO || type > WHO) return false;
  control->type = type;
  memcpy(control->id, frame + HEADER, sizeof control->id);
  memcpy(control->text, frame + CONTROL, MAX_TEXT);
  control->text[MAX_TEXT - 1] = '\0';
  for (char *c = control->text; *c != '\0'; c++)
    if (strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789=-,:. ", *c) == NULL) *c = '?';
  return true;
}

static uint32_t rate(const struct config *config) { return config->client ? config->up : config->down; }

// WireGuard §5.4.6: transport data (type 4) with something inside. Handshakes and keepalives, which come also when nobody
// does anything, go with the frames of an idle link.
static bool wakes(const uint8_t *data, uint16_t length) { return length > 32 && data[0] == 4; }

static void wake(struct link *link, const struct config *config, uint64_t now) {
  link->real = true;
  if (config->constant || !link->up || link->left > 0) return;
  link->left = (uint32_t)((uint64_t)rate(config) * config->quantum / 1000);
  link->left += link->left == 0;
  link->next = now;
}

void take_datagram(struct link *link, const struct config *config, const uint8_t *data, uint16_t length, uint64_t now) {
  if (length == 0 || length > config->frame - HEADER) counters.bad++;
  else {
    if (!push(&link->queue, data, length)) counters.dropped++;
    if (wakes(data, length)) wake(link, config, now);
  }
}

bool take_frame(struct link *link, const struct config *config, const uint8_t *frame, uint32_t length, uint64_t now) {
  uint16_t inner = length == config->frame ? get_length(frame) : UINT16_MAX;
  if (inner > config->frame - HEADER) return false;
  link->heard = now;
  if (inner == 0) return true;
  // Before the first datagram from WARP's container nobody is known who would take it.
  if (!link->up || link->near.sin_port == 0) return true;
  counters.real_in++;
  sendto(link->plain, frame + HEADER, inner, MSG_DONTWAIT, (struct sockaddr *)&link->near, sizeof link->near);
  if (wakes(frame + HEADER, inner)) wake(link, config, now);
  return true;
}

void go_up(struct link *link, const struct config *config, uint64_t now) {
  link->up = true;
  link->refused = false;
  link->left = 0;
  link->next = now;
  if (link->real) wake(link, config, now);
}

// At the end of a quantum another one begins, or the link falls idle.
static void count_down(struct link *link, const struct config *config) {
  if (link->left == 0 || --link->left > 0) return;
  bool more = link->real || link->queue.count > 0;
  link->real = false;
  if (!more) return;
  link->left = (uint32_t)((uint64_t)rate(config) * config->quantum / 1000);
  link->left += link->left == 0;
}

// @returns whether the next frame comes at the rate, else after `idle`.
static bool emit(struct link *link, const struct config *config, uint64_t now) {
  uint8_t frame[MAX_FRAME] = {0};
  if (link->preamble > 0) {
    if (--link->preamble == 0) {
      put_control(frame, WELCOME, link->id, config->text);
      if (!link->up) go_up(link, config, now);
    }
    send_frame(link, frame, config->frame);
    return link->preamble > 0 || config->constant || link->left > 0;
  }
  if (!link->up) {
    put_control(frame, HELLO, link->id, config->text);
    send_frame(link, frame, config->frame);
    return false;
  }
  uint16_t length = pop(&link->queue, frame + HEADER);
  put_length(frame, length);
  counters.real_out += length > 0;
  send_frame(link, frame, config->frame);
  count_down(link, config);
  return config->constant || link->left > 0;
}

void tick(struct link *link, const struct config *config, uint64_t now) {
  // After a halt the missed frames are not made up for: a quantum is a number of frames, not a time.
  if (link->next + LATE < now) link->next = now;
  while (link->next <= now)
    link->next += emit(link, config, now) ? 1000 * MS / rate(config) : config->idle * MS;
}
