// op-dbus-shaper FILE: carries WARP's datagrams between container 102 and the VPS in frames of one size, at a rate that does
// not follow them, by way of the proxy. One thread, no memory taken after the start but for a client's queue.
//
//   client: WARP's datagrams in on `listen`, frames to `proxy`;   server: frames in on `listen`, datagrams to `endpoint`.

#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "link.h"

static const uint64_t SECOND = 1000000000;
// The timer is no finer: a few frames at once cost less, and what is in them makes no difference to when they go.
static const uint64_t GRAIN = 1000000;
enum { BATCH = 64, TICK = MAX_LINKS, SIGNAL, LISTEN };

static struct config config;
static struct link links[MAX_LINKS];
static int poller, listener, count;
static enum state state;
static char why[MAX_TEXT + 32];

static uint64_t clock_now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * SECOND + (uint64_t)t.tv_nsec;
}

static void watch(int fd, uint32_t index) {
  struct epoll_event event = {.events = EPOLLIN, .data.u32 = index};
  if (fd < 0 || epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event) != 0) fail("no socket to watch: %m");
}

static int udp(const struct sockaddr_in *bound, const struct sockaddr_in *connected) {
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  int size = 1 << 20;
  if (fd < 0) fail("no socket: %m");
  setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
  if (bound != NULL && bind(fd, (const struct sockaddr *)bound, sizeof *bound) != 0)
    fail("port %d of %s: %m", ntohs(bound->sin_port), inet_ntoa(bound->sin_addr));
  if (connected != NULL && connect(fd, (const struct sockaddr *)connected, sizeof *connected) != 0)
    fail("port %d of %s: %m", ntohs(connected->sin_port), inet_ntoa(connected->sin_addr));
  return fd;
}

// Half a second's frames, so that nothing waits longer.
static struct queue queue_of(void) {
  uint32_t rate = config.client ? config.up : config.down;
  return make_queue(rate / 2 < 16 ? 16 : rate / 2, config.frame);
}

static void say(enum state next, const char *reason, const char *detail) {
  char text[sizeof why];
  snprintf(text, sizeof text, "%s%s", reason, detail);
  if (next == state && strcmp(text, why) == 0) return;
  state = next;
  strcpy(why, text);
  write_status(&config, state, why, count);
  static const char *const words[] = {"connecting", "up", "refused", "the month's budget is used up"};
  fprintf(stderr, "%s%s%s\n", words[state], text[0] == '\0' ? "" : ": ", text);
}

// A socket of its own makes the proxy open a connection of its own.
static void dial(struct link *link, uint64_t now) {
  if (link->frames > 0) close(link->frames);
  link->frames = udp(NULL, &config.other);
  watch(link->frames, LISTEN);
  link->up = false;
  link->heard = link->next = now;
}

static void refuse(struct link *link, const char *reason) {
  link->up = false;
  link->refused = true;
  clear(&link->queue);
  say(REFUSED, reason, "");
}

static void from_server(struct link *link, const uint8_t *frame, uint32_t length, uint64_t now) {
  struct control control;
  if (!read_control(frame, length, &control)) {
    if (!take_frame(link, &config, frame, length, now)) counters.bad++;
    return;
  }
  if (control.type != WHO && memcmp(control.id, link->id, sizeof link->id) != 0) return;
  link->heard = now;
  if (control.type == WELCOME && strcmp(control.text, config.text) == 0) {
    if (!link->up) go_up(link, &config, now);
    say(UP, "", "");
  } else if (control.type == WHO && link->up) {
    link->up = false;
    link->next = now;
    say(CONNECTING, "the other end was started anew", "");
  } else if (control.type == REFUSE || control.type == WELCOME) {
    refuse(link, control.text);
  }
}

static void hang_up(struct link *link) {
  close(link->plain);
  link->used = false;
  count--;
}

static struct link *link_of(const uint8_t *id, const struct sockaddr_in *far) {
  for (struct link *link = links; link < links + MAX_LINKS; link++) {
    if (!link->used) continue;
    if (id != NULL ? memcmp(link->id, id, sizeof link->id) == 0
                   : link->far.sin_port == far->sin_port && link->far.sin_addr.s_addr == far->sin_addr.s_addr)
      return link;
  }
  return NULL;
}

static struct link *new_link(const uint8_t *id) {
  for (struct link *link = links; link < links + MAX_LINKS; link++) {
    if (link->used) continue;
    struct queue queue = link->queue.data == NULL ? queue_of() : link->queue;
    *link = (struct link){.used = true, .frames = listener, .near = config.other, .queue = queue};
    clear(&link->queue);
    memcpy(link->id, id, sizeof link->id);
    link->plain = udp(NULL, &config.other);
    watch(link->plain, (uint32_t)(link - links));
    count++;
    return link;
  }
  return NULL;
}

// Against what looks at the first packets of a connection: it begins with frames from here, and not always as many.
static uint32_t preamble(void) {
  uint32_t random;
  if (getrandom(&random, sizeof random, 0) != sizeof random) fail("no random numbers: %m");
  return 40 + random % 81;
}

static void hello(const struct control *control, const struct sockaddr_in *far, uint32_t size, uint64_t now) {
  struct link stranger = {.frames = listener, .far = *far};
  memcpy(stranger.id, control->id, sizeof stranger.id);
  struct link *link = link_of(control->id, far);
  const char *reason = NULL;
  char text[MAX_TEXT];
  if (strcmp(control->text, config.text) != 0) {
    snprintf(text, sizeof text, "the VPS has %s", config.text);
    reason = text;
    fprintf(stderr, "refused a client that has %s\n", control->text);
  } else if (spent(config.budget)) reason = "the budget of the VPS is used up for this month";
  else if (link == NULL && (link = new_link(control->id)) == NULL) reason = "the VPS takes no more clients";
  if (reason != NULL) {
    counters.refused++;
    send_control(&stranger, REFUSE, reason, size);
    return;
  }
  link->heard = now;
  bool again = link->far.sin_port == far->sin_port && link->far.sin_addr.s_addr == far->sin_addr.s_addr;
  // It asks again while the preamble is under way, or has missed its end.
  if (again && link->preamble > 0) return;
  link->next = now;
  link->preamble = again ? 1 : preamble();
  if (again) return;
  link->far = *far;
  link->up = false;
  link->left = 0;
}

static void from_client(const uint8_t *frame, uint32_t length, const struct sockaddr_in *far, uint64_t now) {
  struct control control;
  if (read_control(frame, length, &control)) {
    if (control.type == HELLO) hello(&control, far, length, now);
    else counters.bad++;
    return;
  }
  struct link *link = link_of(NULL, far);
  struct link stranger = {.frames = listener, .far = *far};
  if (link == NULL && length == config.frame) send_control(&stranger, WHO, "", length);
  else if (link == NULL || !take_frame(link, &config, frame, length, now)) counters.bad++;
}

static void read_frames(int fd, uint64_t now) {
  uint8_t frame[MAX_FRAME];
  struct sockaddr_in far;
  for (int i = 0; i < BATCH; i++) {
    socklen_t size = sizeof far;
    // With MSG_TRUNC the length is the datagram's, not the buffer's.
    ssize_t length = recvfrom(fd, frame, sizeof frame, MSG_TRUNC, (struct sockaddr *)&far, &size);
    if (length < 0) {
      if (errno == EAGAIN || errno == EWOULDBLOCK) return;
      continue;
    }
    counters.frames_in++;
    spend((uint32_t)length);
    if (length < 2 || length > MAX_FRAME) counters.bad++;
    else if (config.client) from_server(&links[0], frame, (uint32_t)length, now);
    else from_client(frame, (uint32_t)length, &far, now);
  }
}

static void read_datagrams(struct link *link, uint64_t now) {
  uint8_t data[MAX_FRAME];
  struct sockaddr_in from;
  for (int i = 0; i < BATCH; i++) {
    socklen_t size = sizeof from;
    ssize_t length = recvfrom(link->plain, data, sizeof data, MSG_TRUNC, (struct sockaddr *)&from, &size);
    if (length < 0) {
      if (errno == EAGAIN || errno == EWOULDBLOCK) return;
      continue;
    }
    if (config.client) link->near = from;
    if (length > MAX_FRAME) counters.bad++;
    else if (!link->refused) take_datagram(link, &config, data, (uint16_t)length, now);
  }
}

static void look_after(uint64_t now) {
  save_ledger();
  bool over = spent(config.budget);
  for (struct link *link = links; link < links + MAX_LINKS; link++) {
    if (!link->used) continue;
    bool silent = now - link->heard > config.silence * (SECOND / 1000);
    if (!config.client && (silent || over)) hang_up(link);
    if (config.client && over) clear(&link->queue);
    else if (config.client && silent) {
      dial(link, now);
      say(CONNECTING, "no answer from the VPS", "");
    }
  }
  if (over) say(SPENT, "", "");
  else if (state == SPENT) {
    if (config.client) dial(&links[0], now);
    say(config.client ? CONNECTING : UP, "", "");
  }
  write_status(&config, state, why, count);
  notify("WATCHDOG=1");
}

static void arm(int timer, uint64_t now, uint64_t at) {
  for (struct link *link = links; link < links + MAX_LINKS; link++)
    if (link->used && state != SPENT && link->next < at) at = link->next;
  if (at < now + GRAIN) at = now + GRAIN;
  struct itimerspec when = {.it_value = {(time_t)(at / SECOND), (long)(at % SECOND)}};
  timerfd_settime(timer, TFD_TIMER_ABSTIME, &when, NULL);
}

static void start(uint64_t now) {
  load_ledger();
  listener = udp(&config.listen, NULL);
  watch(listener, config.client ? 0 : LISTEN);
  if (!config.client) {
    say(UP, "", "");
    return;
  }
  struct link *link = &links[0];
  *link = (struct link){.used = true, .plain = listener, .far = config.other, .queue = queue_of()};
  if (getrandom(link->id, sizeof link->id, 0) != sizeof link->id) fail("no random numbers: %m");
  count = 1;
  dial(link, now);
}

// SIGUSR1: the status now, instead of within a second.
static void obey(int signals, uint64_t now) {
  struct signalfd_siginfo signal;
  if (read(signals, &signal, sizeof signal) != sizeof signal) return;
  look_after(now);
  if (signal.ssi_signo != SIGUSR1) exit(0);
}

static noreturn void run(int timer, int signals) {
  uint64_t next = 0;
  arm(timer, clock_now(), 0);
  for (;;) {
    struct epoll_event events[16];
    int ready = epoll_wait(poller, events, 16, -1);
    uint64_t now = clock_now();
    for (int i = 0; i < ready; i++) {
      uint32_t index = events[i].data.u32;
      uint64_t ticks;
      if (index < MAX_LINKS) read_datagrams(&links[index], now);
      else if (index == LISTEN) read_frames(config.client ? links[0].frames : listener, now);
      else if (index == TICK && read(timer, &ticks, sizeof ticks) < 0 && errno != EAGAIN) fail("timer: %m");
      else if (index == SIGNAL) obey(signals, now);
    }
    if (now >= next) {
      look_after(now);
      next = now + SECOND;
    }
    for (struct link *link = links; link < links + MAX_LINKS && state != SPENT; link++)
      if (link->used) tick(link, &config, now);
    arm(timer, now, next);
  }
}

int main(int argc, char **argv) {
  bool check = argc == 3 && strcmp(argv[1], "--check") == 0;
  if (argc != 2 && !check) fail("usage: op-dbus-shaper [--check] FILE");
  config = read_config(argv[argc - 1]);
  if (check) return 0;
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGUSR1);
  sigprocmask(SIG_BLOCK, &set, NULL);
  poller = epoll_create1(EPOLL_CLOEXEC);
  int timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
  int signals = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
  watch(timer, TICK);
  watch(signals, SIGNAL);
  start(clock_now());
  notify("READY=1");
  run(timer, signals);
}
