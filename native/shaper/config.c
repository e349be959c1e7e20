// The configuration: one `key value` a line, each key once, none unknown; and the text that both ends compare.

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shaper.h"

noreturn void fail(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  fputs("op-dbus-shaper: ", stderr);
  vfprintf(stderr, format, arguments);
  fputc('\n', stderr);
  exit(1);
}

static uint64_t number(const char *at, const char *text, uint64_t low, uint64_t high) {
  char *end;
  uint64_t value = strtoull(text, &end, 10);
  if (text[0] < '0' || text[0] > '9' || *end != '\0' || value < low || value > high)
    fail("%s: expected a number from %" PRIu64 " to %" PRIu64 ", not %s", at, low, high, text);
  return value;
}

static struct sockaddr_in address(const char *at, char *text) {
  struct sockaddr_in result = {.sin_family = AF_INET};
  char *colon = strrchr(text, ':');
  if (colon == NULL) fail("%s: expected an IPv4 address with port, like 127.0.0.1:2499, not %s", at, text);
  *colon = '\0';
  if (inet_pton(AF_INET, text, &result.sin_addr) != 1) fail("%s: expected an IPv4 address, not %s", at, text);
  result.sin_port = htons((uint16_t)number(at, colon + 1, 1, 65535));
  return result;
}

static bool one_of(const char *at, const char *text, const char *yes, const char *no) {
  if (strcmp(text, yes) != 0 && strcmp(text, no) != 0) fail("%s: expected %s or %s, not %s", at, yes, no, text);
  return strcmp(text, yes) == 0;
}

static const char *const keys[] = {"role", "listen", "proxy",   "endpoint", "mode",    "frame",
                                   "up",   "down",   "quantum", "idle",     "silence", "budget"};
enum { KEYS = sizeof keys / sizeof *keys };

static int key_of(const char *word) {
  for (int key = 0; key < KEYS; key++)
    if (strcmp(keys[key], word) == 0) return key;
  return -1;
}

static void set(struct config *config, const char *at, int key, char *value) {
  switch (key) {
    case 0: config->client = one_of(at, value, "client", "server"); break;
    case 1: config->listen = address(at, value); break;
    case 2:
    case 3: config->other = address(at, value); break;
    case 4: config->constant = one_of(at, value, "constant", "on-demand"); break;
    case 5: config->frame = (uint32_t)number(at, value, MIN_FRAME, MAX_FRAME); break;
    case 6: config->up = (uint32_t)number(at, value, 1, 10000); break;
    case 7: config->down = (uint32_t)number(at, value, 1, 10000); break;
    case 8: config->quantum = (uint32_t)number(at, value, 10, 60000); break;
    case 9: config->idle = (uint32_t)number(at, value, 10, 60000); break;
    case 10: config->silence = (uint32_t)number(at, value, 20, 600000); break;
    case 11: config->budget = number(at, value, 0, UINT64_MAX); break;
  }
}

struct config read_config(const char *path) {
  FILE *file = fopen(path, "re");
  if (file == NULL) fail("%s: can't be read: %m", path);
  struct config config = {0};
  bool seen[KEYS] = {false};
  char line[256], at[512];
  for (int count = 1; fgets(line, sizeof line, file) != NULL; count++) {
    char *save, *word = strtok_r(line, " \n", &save);
    if (word == NULL || word[0] == '#') continue;
    snprintf(at, sizeof at, "%s:%d", path, count);
    int key = key_of(word);
    char *value = strtok_r(NULL, " \n", &save);
    if (key < 0) fail("%s: no such key: %s", at, word);
    if (seen[key]) fail("%s: %s is there twice", at, word);
    if (value == NULL || strtok_r(NULL, " \n", &save) != NULL) fail("%s: expected one value after %s", at, word);
    seen[key] = true;
    set(&config, at, key, value);
  }
  fclose(file);
  seen[config.client ? 3 : 2] ^= true;
  for (int key = 0; key < KEYS; key++)
    if (!seen[key]) fail("%s: %s %s", path, keys[key], key == 2 || key == 3 ? "is the other role's" : "is missing");
  snprintf(config.text, sizeof config.text,
           "version=%d mode=%s frame=%u up=%u down=%u quantum=%u idle=%u", PROTOCOL,
           config.constant ? "constant" : "on-demand", config.frame, config.up, config.down, config.quantum,
           config.idle);
  return config;
}
