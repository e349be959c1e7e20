// What is told and what is kept: the month's bytes, the status file, systemd.

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "shaper.h"

struct counters counters;

// Months since year 0, UTC.
static long month, saved_month;
static uint64_t used, saved;

static long this_month(void) {
  time_t now = time(NULL);
  struct tm tm;
  gmtime_r(&now, &tm);
  return (tm.tm_year + 1900) * 12L + tm.tm_mon;
}

// NULL when the folder was not given (systemd.exec(5), RuntimeDirectory= and StateDirectory=).
static const char *path_in(const char *variable, const char *name) {
  static char path[256];
  const char *folder = getenv(variable);
  if (folder == NULL) return NULL;
  snprintf(path, sizeof path, "%s/%s", folder, name);
  return path;
}

static FILE *begin(const char *variable) {
  const char *path = path_in(variable, "new");
  return path == NULL ? NULL : fopen(path, "we");
}

static void finish(FILE *file, const char *variable, const char *name) {
  char from[256];
  snprintf(from, sizeof from, "%s", path_in(variable, "new"));
  bool whole = ferror(file) == 0;
  if (fclose(file) != 0 || !whole || rename(from, path_in(variable, name)) != 0) perror(name);
}

void load_ledger(void) {
  month = this_month();
  const char *path = path_in("STATE_DIRECTORY", "used");
  FILE *file = path == NULL ? NULL : fopen(path, "re");
  if (file == NULL) return;
  long then;
  uint64_t bytes;
  if (fscanf(file, "%ld %" SCNu64, &then, &bytes) == 2 && then >= month) {
    // A clock that was put back begins no new month.
    month = then;
    used = bytes;
  }
  fclose(file);
}

void spend(uint32_t bytes) { used += bytes; }

bool spent(uint64_t budget) { return budget > 0 && used >= budget; }

void save_ledger(void) {
  long now = this_month();
  if (now > month) {
    month = now;
    used = 0;
  }
  if (used == saved && month == saved_month) return;
  FILE *file = begin("STATE_DIRECTORY");
  if (file == NULL) return;
  fprintf(file, "%ld %" PRIu64 "\n", month, used);
  finish(file, "STATE_DIRECTORY", "used");
  saved = used;
  saved_month = month;
}

void write_status(const struct config *config, enum state state, const char *why, int clients) {
  static const char *const names[] = {"connecting", "up", "refused", "spent"};
  FILE *file = begin("RUNTIME_DIRECTORY");
  if (file == NULL) return;
  fprintf(file,
          "{\"at\":%lld,\"state\":\"%s\",\"why\":\"%s\",\"clients\":%d,\"parameters\":\"%s\","
          "\"used\":%" PRIu64 ",\"budget\":%" PRIu64 ",\"frames_out\":%" PRIu64 ",\"frames_in\":%" PRIu64
          ",\"real_out\":%" PRIu64 ",\"real_in\":%" PRIu64 ",\"dropped\":%" PRIu64 ",\"bad\":%" PRIu64
          ",\"refused\":%" PRIu64 "}\n",
          (long long)time(NULL), names[state], why, clients, config->text, used, config->budget, counters.frames_out,
          counters.frames_in, counters.real_out, counters.real_in, counters.dropped, counters.bad, counters.refused);
  finish(file, "RUNTIME_DIRECTORY", "status");
}

void notify(const char *message) {
  const char *path = getenv("NOTIFY_SOCKET");
  struct sockaddr_un to = {.sun_family = AF_UNIX};
  if (path == NULL || strlen(path) >= sizeof to.sun_path) return;
  strcpy(to.sun_path, path);
  if (path[0] == '@') to.sun_path[0] = '\0';
  int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  socklen_t length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
  if (fd < 0 || sendto(fd, message, strlen(message), MSG_DONTWAIT, (struct sockaddr *)&to, length) < 0) perror("notify");
  if (fd >= 0) close(fd);
}
