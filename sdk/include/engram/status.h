/* Status codes. 0 to 16 are gRPC's canonical codes with gRPC's meaning; the rest are ours.
 *
 * UNAVAILABLE and ABORTED may be retried. A message that belongs to a status travels through the call
 * (call.h), never through errno or an exception.
 */
#ifndef ENGRAM_STATUS_H
#define ENGRAM_STATUS_H

#include <stdint.h>

typedef int32_t engram_status;

enum {
    ENGRAM_OK = 0,
    ENGRAM_CANCELLED = 1,
    ENGRAM_UNKNOWN = 2,
    ENGRAM_INVALID_ARGUMENT = 3,
    ENGRAM_DEADLINE_EXCEEDED = 4,
    ENGRAM_NOT_FOUND = 5,
    ENGRAM_ALREADY_EXISTS = 6,
    ENGRAM_PERMISSION_DENIED = 7,
    ENGRAM_RESOURCE_EXHAUSTED = 8,
    ENGRAM_FAILED_PRECONDITION = 9,
    ENGRAM_ABORTED = 10,
    ENGRAM_OUT_OF_RANGE = 11,
    ENGRAM_UNIMPLEMENTED = 12,
    ENGRAM_INTERNAL = 13,
    ENGRAM_UNAVAILABLE = 14,
    ENGRAM_DATA_LOSS = 15,
    ENGRAM_UNAUTHENTICATED = 16,

    ENGRAM_PASS = 64,    /* "not mine, ask the next plugin" */
    ENGRAM_PENDING = 65, /* "complete() comes later"; only if the call has ENGRAM_CALL_MAY_PEND */
    ENGRAM_AGAIN = 66    /* "this would block"; only if the call has ENGRAM_CALL_INLINE */
};

#endif
