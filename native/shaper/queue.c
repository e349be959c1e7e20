// Datagrams that wait for a frame: a ring of so many slots, allocated once.

#include <stdlib.h>
#include <string.h>

#include "shaper.h"

struct queue make_queue(uint32_t room, uint32_t size) {
  struct queue queue = {malloc((size_t)room * size), malloc(room * sizeof(uint16_t)), room, size, 0, 0};
  if (queue.data == NULL || queue.length == NULL) fail("no memory");
  return queue;
}

bool push(struct queue *queue, const uint8_t *data, uint16_t length) {
  bool full = queue->count == queue->room;
  if (full) {
    queue->first = (queue->first + 1) % queue->room;
    queue->count--;
  }
  uint32_t slot = (queue->first + queue->count++) % queue->room;
  memcpy(queue->data + (size_t)slot * queue->size, data, length);
  queue->length[slot] = length;
  return !full;
}

uint16_t pop(struct queue *queue, uint8_t *out) {
  if (queue->count == 0) return 0;
  uint32_t slot = queue->first;
  queue->first = (slot + 1) % queue->room;
  queue->count--;
  memcpy(out, queue->data + (size_t)slot * queue->size, queue->length[slot]);
  return queue->length[slot];
}

void clear(struct queue *queue) { queue->count = 0; }
